//! `logistics log export`

use std::path::PathBuf;

use clap::Args;
use logistics_core::Partition;
use logistics_core::port::Topic;

use super::{Entry, Reader, Source};
use crate::names;
use logistics_cli_kit::Failure;
use logistics_cli_kit::output::{self, Lines};

/// Flags of `log export`.
#[derive(Args, Debug)]
pub(crate) struct ExportArgs {
    #[command(flatten)]
    source: Source,
    /// Which topic
    #[arg(long, value_parser = names::topics(), default_value = Topic::Orders.name())]
    topic: names::Topics,
    /// The file to write instead of standard output; an existing file is replaced
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(crate) async fn run(args: ExportArgs) -> Result<(), Failure> {
    let mut reader = Reader::open(&args.source).await?;
    let exported = export(&mut reader, &args).await;
    exported.and(reader.close())
}

/// Writes the records that the log has at the start of the export. At most one page is in memory.
async fn export(reader: &mut Reader, args: &ExportArgs) -> Result<(), Failure> {
    let mut parts = Vec::new();
    for &topic in &args.topic.0 {
        let bounds = reader.bounds(topic).await?;
        parts.extend((0..).map(Partition).zip(bounds).map(|(partition, bounds)| (topic, partition, bounds)));
    }
    // After the first read, so that a failed read leaves an existing file untouched.
    let mut lines = args.output.as_deref().map_or_else(|| Ok(Lines::stdout()), Lines::file)?;
    let mut records = 0_u64;
    for (topic, partition, bounds) in parts {
        let write = |entry: Entry| {
            records += 1;
            lines.write(&entry.json(topic, partition))
        };
        if !reader.read(topic, partition, bounds, write).await? {
            return Ok(());
        }
    }
    if lines.flush()?
        && let Some(path) = &args.output
    {
        output::line(format!("{records} records in {}", path.display()));
    }
    Ok(())
}
