//! The command line, composed of the flags of each command. Only `main` uses it.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use logistics_cli_kit::{Failure, end};
use logistics_wiring::parse_from;

use crate::bench::BenchArgs;
use crate::client::advance::AdvanceArgs;
use crate::client::assign::AssignArgs;
use crate::client::cancel::CancelArgs;
use crate::client::events::EventsArgs;
use crate::client::get::GetArgs;
use crate::client::list::ListArgs;
use crate::client::place::PlaceArgs;
use crate::client::webhooks::WebhooksCommand;
use crate::commands::completions::CompletionsArgs;
use crate::commands::keys::KeysCommand;
use crate::commands::lifecycle::LifecycleArgs;
use crate::commands::log::LogCommand;
use crate::commands::serve::ServeArgs;
use crate::commands::top::TopArgs;
use crate::commands::topics::TopicsCommand;
use crate::commands::verify::VerifyArgs;
use crate::commands::watch::WatchArgs;
use crate::demo::DemoArgs;
use crate::engine::KAFKA_AND_REDIS;
use crate::names::PROGRAM;

/// A real-time order and delivery backend in one binary: HTTP API, processor and notifications on a durable embedded
/// engine, with the operator's commands. Without a subcommand it runs `serve`.
///
/// Exit codes: 0 success; 1 rejected, not found, or an invariant is violated; 2 an invalid flag, setting or environment;
/// 3 a server, broker or store is unavailable; 130 or 143 ended by SIGINT or SIGTERM.
#[derive(Parser, Debug)]
#[command(name = PROGRAM, version, max_term_width = 120)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Run API, processor and notifications in one process (the default)
    Serve(Box<ServeArgs>),
    /// Run a few example orders on a temporary system, and show each transition
    Demo(DemoArgs),
    /// Place one or more orders and print their ids
    Place(PlaceArgs),
    /// Show an order
    Get(GetArgs),
    /// List orders, most recently changed first
    List(ListArgs),
    /// Cancel an order
    Cancel(CancelArgs),
    /// Set or clear the courier of an order
    Assign(AssignArgs),
    /// Request a transition of an order: the next one towards DELIVERED, or the one that you name
    Advance(AdvanceArgs),
    /// Show the history of an order
    Events(EventsArgs),
    /// Follow the transitions of one order, or of all orders
    Watch(WatchArgs),
    /// Show whether every order is moving, live: partitions, lag, rates, failures
    Top(Box<TopArgs>),
    /// Read, export, import or append to the log
    Log(LogCommand),
    /// Create, change, test or delete webhook endpoints
    Webhooks(WebhooksCommand),
    /// Create, list or revoke API keys
    Keys(KeysCommand),
    /// Create or check the topics of the log
    Topics(TopicsCommand),
    /// Check the invariants of the log and the store
    Verify(Box<VerifyArgs>),
    /// Print the lifecycle of an order
    Lifecycle(LifecycleArgs),
    /// Measure the figures of the README on this machine
    Bench(Box<BenchArgs>),
    /// Print shell completions
    Completions(CompletionsArgs),
}

/// Reads the command line and the environment.
///
/// # Errors
/// The exit code, after the help or one sentence about the error was printed.
pub(crate) fn parse() -> Result<Cli, ExitCode> {
    let args: Vec<OsString> = std::env::args_os().collect();
    if !cfg!(feature = "cluster") && args.iter().any(is_of_cluster) {
        return Err(end(PROGRAM, Err(Failure::usage(KAFKA_AND_REDIS))));
    }
    parse_from(PROGRAM, with_subcommand(args))
}

/// A flag that exists only in builds with Kafka and Redis.
fn is_of_cluster(arg: &OsString) -> bool {
    arg.to_str().is_some_and(|arg| arg.starts_with("--kafka-") || arg.starts_with("--redis-"))
}

/// Inserts `serve` where no subcommand is given.
fn with_subcommand(mut args: Vec<OsString>) -> Vec<OsString> {
    let first = args.get(1).and_then(|first| first.to_str());
    let is_help = matches!(first, Some("-h" | "--help" | "-V" | "--version"));
    if !is_help && first.is_none_or(|first| first.starts_with('-')) {
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
    fn an_error_is_one_sentence_with_the_possible_values() {
        let error_of =
            |args: &[&str]| sentence(&Cli::try_parse_from(args).expect_err("an error").to_string());
        assert_eq!(
            error_of(&["logistics", "get"]),
            "the following required arguments were not provided: <ORDER_ID>"
        );
        let status = error_of(&["logistics", "list", "--status", "SHIPPED"]);
        assert!(
            status.starts_with("invalid value 'SHIPPED' for '--status <STATUS>' [possible values: PLACED, ")
        );
        let topic = error_of(&["logistics", "log", "tail", "--topic", "x"]);
        assert!(
            topic.ends_with("[possible values: orders, order_notifications, orders.dlq, webhook_deliveries]"),
            "{topic}"
        );
        assert_eq!(error_of(&["logistics", "get", "a", "--jsn"]), "unexpected argument '--jsn' found");
    }

    #[test]
    fn without_a_subcommand_it_serves() {
        let with = |args: &[&str]| {
            with_subcommand(args.iter().map(OsString::from).collect()).get(1).cloned().unwrap_or_default()
        };
        assert_eq!(with(&["logistics"]), "serve");
        assert_eq!(with(&["logistics", "--listen", "x"]), "serve");
        assert_eq!(with(&["logistics", "--help"]), "--help");
        assert_eq!(with(&["logistics", "demo"]), "demo");
    }
}
