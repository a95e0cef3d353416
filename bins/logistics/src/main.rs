//! `logistics`: a real-time order and delivery backend in one binary, and its operator's tool. Wiring only.

mod all_in_one;
mod bench;
mod cli;
mod client;
mod commands;
mod demo;
mod engine;
mod names;

use std::process::ExitCode;

use clap::CommandFactory;
use cli::{Cli, Command};
use logistics_cli_kit::{EndsAtOnce, Failure, block_on, end};
use names::PROGRAM;

fn main() -> ExitCode {
    match cli::parse() {
        Ok(cli) => end(PROGRAM, run(cli)),
        Err(code) => code,
    }
}

fn run(cli: Cli) -> Result<(), Failure> {
    match cli.command {
        Command::Serve(args) => block_on(commands::serve::run(args)),
        Command::Demo(args) => block_on(demo::run(args)),
        Command::Place(args) => block_on(at_once(client::place::run(args))),
        Command::Get(args) => block_on(at_once(client::get::run(args))),
        Command::List(args) => block_on(at_once(client::list::run(args))),
        Command::Cancel(args) => block_on(at_once(client::cancel::run(args))),
        Command::Assign(args) => block_on(at_once(client::assign::run(args))),
        Command::Advance(args) => block_on(at_once(client::advance::run(args))),
        Command::Events(args) => block_on(at_once(client::events::run(args))),
        Command::Watch(args) => block_on(commands::watch::run(args)),
        Command::Top(args) => block_on(commands::top::run(*args)),
        Command::Log(command) => block_on(commands::log::run(command)),
        Command::Webhooks(command) => block_on(at_once(client::webhooks::run(command))),
        Command::Keys(command) => commands::keys::run(command),
        Command::Topics(command) => block_on(at_once(commands::topics::run(command))),
        Command::Verify(args) => block_on(at_once(commands::verify::run(args))),
        Command::Lifecycle(args) => commands::lifecycle::run(&args),
        Command::Bench(args) => block_on(bench::run(args)),
        Command::Completions(args) => commands::completions::run(&args, Cli::command()),
    }
}

/// Runs a command that a signal ends at once.
async fn at_once(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let _ends = EndsAtOnce::listen()?;
    work.await
}
