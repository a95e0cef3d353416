//! `logistics log`: what stands in the log.

mod entry;
mod export;
mod follow;
mod reader;
mod source;
mod tail;

use clap::{Args, Subcommand};

use crate::exit::Failure;
pub(crate) use entry::Entry;
pub(crate) use follow::Follower;
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
    Tail(tail::TailArgs),
    /// Write every record as JSON, one a line, each partition in its order
    Export(export::ExportArgs),
}

pub(crate) async fn run(command: LogCommand) -> Result<(), Failure> {
    match command.what {
        What::Tail(args) => tail::run(args).await,
        What::Export(args) => export::run(args).await,
    }
}
