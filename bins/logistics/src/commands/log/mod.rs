//! `logistics log`: what stands in the log.

mod append;
mod entry;
mod export;
mod follow;
mod import;
mod reader;
mod source;
mod tail;

use clap::{Args, Subcommand};

pub(crate) use entry::Entry;
pub(crate) use follow::Follower;
use logistics_cli_kit::{EndsAtOnce, Failure};
pub(crate) use reader::Reader;
pub(crate) use source::Source;

/// Flags of `log`.
#[derive(Args, Debug)]
pub(crate) struct LogCommand {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand, Debug)]
enum What {
    /// Print the last records, and go on with what comes
    Tail(Box<tail::TailArgs>),
    /// Write every record as JSON, one a line, each partition in its order
    Export(Box<export::ExportArgs>),
    /// Take an export into an empty log: one with another number of partitions, another engine or another place
    Import(Box<import::ImportArgs>),
    /// Append records, as anybody may write them; a bare {"order_id":"...","status":"PLACED"} places an order
    Append(Box<append::AppendArgs>),
}

pub(crate) async fn run(command: LogCommand) -> Result<(), Failure> {
    let ends = EndsAtOnce::listen()?;
    match command.what {
        What::Tail(args) => tail::run(*args, &ends).await,
        What::Export(args) => export::run(*args).await,
        What::Import(args) => import::run(*args).await,
        What::Append(args) => append::run(*args).await,
    }
}
