//! `logistics log`: reads, exports, imports and appends records.

mod append;
mod entry;
mod export;
mod follow;
mod import;
mod reader;
mod source;
mod tail;

use clap::{Args, Subcommand};

use entry::Entry;
use follow::Follower;
use logistics_cli_kit::{EndsAtOnce, Failure};
use reader::Reader;
use source::Source;

/// Flags of `log`.
#[derive(Args, Debug)]
pub(crate) struct LogCommand {
    #[command(subcommand)]
    command: LogSubcommand,
}

#[derive(Subcommand, Debug)]
enum LogSubcommand {
    /// Print the last records, and optionally follow new ones
    Tail(Box<tail::TailArgs>),
    /// Write every record as JSON, one per line, each partition in its order
    Export(Box<export::ExportArgs>),
    /// Import an export into an empty log, which may have another partition count or another engine
    Import(Box<import::ImportArgs>),
    /// Append records as any producer may; a bare {"order_id":"...","status":"PLACED"} places an order
    ///
    /// With --log-key-file, a request is encoded anew and signed with the first key. Its unknown fields are dropped, and a bare
    /// record gets a request id. Other records are appended as they are.
    ///
    /// Without a key, every record is appended as it is. A processor with a log key dead-letters an unsigned request that its
    /// --log-producer-roles does not permit. By default it permits only placements by customer.
    Append(Box<append::AppendArgs>),
}

pub(crate) async fn run(command: LogCommand) -> Result<(), Failure> {
    let ends = EndsAtOnce::listen()?;
    match command.command {
        LogSubcommand::Tail(args) => tail::run(*args, &ends).await,
        LogSubcommand::Export(args) => export::run(*args).await,
        LogSubcommand::Import(args) => import::run(*args).await,
        LogSubcommand::Append(args) => append::run(*args).await,
    }
}
