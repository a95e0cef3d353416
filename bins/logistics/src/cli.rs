//! The command line, composed of the flags of each command. Only `main` knows it.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use logistics_cli_kit::{Failure, end};
use logistics_wiring::parse_from;

use crate::bench::BenchArgs;
use crate::client::advance::AdvanceArgs;
use crate::client::cancel::CancelArgs;
use crate::client::events::EventsArgs;
use crate::client::get::GetArgs;
use crate::client::list::ListArgs;
use crate::client::place::PlaceArgs;
use crate::commands::completions::CompletionsArgs;
use crate::commands::lifecycle::LifecycleArgs;
use crate::commands::log::LogCommand;
use crate::commands::serve::ServeArgs;
use crate::commands::topics::TopicsCommand;
use crate::commands::verify::VerifyArgs;
use crate::commands::watch::WatchArgs;
use crate::demo::DemoArgs;
use crate::engine::KAFKA_AND_REDIS;

/// The name of this program.
pub(crate) const PROGRAM: &str = "logistics";

/// A real-time order and delivery backend in one binary: HTTP API, processor and notifications on a durable embedded
/// engine, with its operator's tool. Without a subcommand it serves.
///
/// Exit codes: 0 done; 1 refused, not found, or an invariant does not hold; 2 a wrong flag, setting or environment; 3 the
/// server cannot be reached, or cannot tell at the moment; 130 or 143 ended by SIGINT or SIGTERM.
#[derive(Parser, Debug)]
#[command(name = PROGRAM, version, max_term_width = 120)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Serve: API, processor and notifications in one process (also without a subcommand)
    Serve(Box<ServeArgs>),
    /// Watch a few orders on a system of their own, from PLACED to their end
    Demo(DemoArgs),
    /// Place an order, or several, and print the id
    Place(PlaceArgs),
    /// Show an order
    Get(GetArgs),
    /// List orders, those that changed last first
    List(ListArgs),
    /// Call an order off
    Cancel(CancelArgs),
    /// Move an order one step on, or ask for another step
    Advance(AdvanceArgs),
    /// Show what happened to an order
    Events(EventsArgs),
    /// Show what happens, as it happens: to one order, or to all
    Watch(WatchArgs),
    /// Read the log, of a server or where it is stored, and append to it
    Log(LogCommand),
    /// Make the topics of the log, and check them
    Topics(TopicsCommand),
    /// Check the invariants of log and store
    Verify(Box<VerifyArgs>),
    /// Print what an order may do
    Lifecycle(LifecycleArgs),
    /// Measure: the figures of the README, on this machine
    Bench(Box<BenchArgs>),
    /// Print completions for a shell
    Completions(CompletionsArgs),
}

/// Reads the command line and the environment.
///
/// # Errors
/// The exit code, once help or one sentence about what is wrong was printed.
pub(crate) fn parse() -> Result<Cli, ExitCode> {
    let args: Vec<OsString> = std::env::args_os().collect();
    if !cfg!(feature = "cluster") && args.iter().any(is_of_cluster) {
        return Err(end(PROGRAM, Err(Failure::usage(KAFKA_AND_REDIS))));
    }
    parse_from(PROGRAM, with_subcommand(args))
}

/// A flag that is there only where Kafka and Redis are.
fn is_of_cluster(arg: &OsString) -> bool {
    arg.to_str().is_some_and(|arg| arg.starts_with("--kafka-") || arg.starts_with("--redis-"))
}

/// Without a subcommand it serves: flags that stand alone are those of `serve`.
fn with_subcommand(mut args: Vec<OsString>) -> Vec<OsString> {
    let first = args.get(1).and_then(|first| first.to_str());
    let asks = matches!(first, Some("-h" | "--help" | "-V" | "--version"));
    if !asks && first.is_none_or(|first| first.starts_with('-')) {
        args.insert(1.min(args.len()), "serve".into());
    }
    args
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use logistics_cli_kit::sentence;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn what_is_wrong_is_one_sentence_that_says_what_there_is() {
        let said = |args: &[&str]| sentence(&Cli::try_parse_from(args).expect_err("it is wrong").to_string());
        assert_eq!(
            said(&["logistics", "get"]),
            "the following required arguments were not provided: <ORDER_ID>"
        );
        let status = said(&["logistics", "list", "--status", "SHIPPED"]);
        assert!(
            status.starts_with("invalid value 'SHIPPED' for '--status <STATUS>' [possible values: PLACED, ")
        );
        let topic = said(&["logistics", "log", "tail", "--topic", "x"]);
        assert!(topic.ends_with("[possible values: orders, order_notifications, orders.dlq]"), "{topic}");
        assert_eq!(said(&["logistics", "get", "a", "--jsn"]), "unexpected argument '--jsn' found");
    }

    #[test]
    fn flags_alone_serve() {
        let with = |args: &[&str]| {
            with_subcommand(args.iter().map(OsString::from).collect()).get(1).cloned().unwrap_or_default()
        };
        assert_eq!(with(&["logistics"]), "serve");
        assert_eq!(with(&["logistics", "--listen", "x"]), "serve");
        assert_eq!(with(&["logistics", "--help"]), "--help");
        assert_eq!(with(&["logistics", "demo"]), "demo");
    }
}
