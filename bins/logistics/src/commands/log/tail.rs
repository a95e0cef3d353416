//! `logistics log tail`

use std::collections::VecDeque;

use clap::Args;
use logistics_core::port::{Bounds, Topic};
use logistics_core::{Offset, Partition, Timestamp};

use super::{Entry, Follower, Reader, Source};
use crate::names;
use logistics_cli_kit::output::Lines;
use logistics_cli_kit::{EndsAtOnce, Failure};

/// Flags of `log tail`.
#[derive(Args, Debug)]
pub(crate) struct TailArgs {
    #[command(flatten)]
    source: Source,
    /// Which log
    #[arg(long, value_parser = names::topic(), default_value = Topic::Orders.name())]
    topic: Topic,
    /// How many records of all partitions together
    #[arg(long, short = 'n', default_value_t = 10, value_parser = clap::value_parser!(u32).range(0..=100_000))]
    lines: u32,
    /// Follow new records until Ctrl-C; not with a data directory
    #[arg(long, short)]
    follow: bool,
    /// Print JSON, one record per line
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(args: TailArgs, ends: &EndsAtOnce) -> Result<(), Failure> {
    if args.follow && args.source.is_directory() {
        let message = "--follow needs a running server, because a stopped data directory gets no new records; set --url";
        return Err(Failure::usage(message));
    }
    let mut reader = Reader::open(&args.source).await?;
    let mut lines = Lines::stdout();
    let shown = async {
        let bounds = reader.bounds(args.topic).await?;
        let last = last(&mut reader, args.topic, &bounds, args.lines as usize).await?;
        let open = show(&mut lines, &args, &last)?;
        if !(open && args.follow) {
            return Ok(());
        }
        let from = bounds.iter().map(|bounds| bounds.end).collect();
        let follower = match (&args.source, reader.engine()) {
            (Source::Served(server), _) => Follower::start(server, args.topic, from)?,
            (Source::Stored(_), Some(engine)) => Follower::on(&engine.bus(), args.topic, from),
            (Source::Stored(_), None) => return Ok(()),
        };
        ends.goes_on_until_then();
        follow(follower, &mut lines, &args).await
    };
    let shown = shown.await;
    shown.and(reader.close())
}

/// The last records of all partitions together, by time.
async fn last(
    reader: &mut Reader,
    topic: Topic,
    bounds: &[Bounds],
    count: usize,
) -> Result<Vec<(Partition, Entry)>, Failure> {
    let mut all = Vec::new();
    for (partition, bounds) in (0..).map(Partition).zip(bounds) {
        all.push(last_of(reader, topic, partition, *bounds, count).await?);
    }
    Ok(merged(all, count, |(_, entry)| entry.at))
}

/// The last records of one partition. Offsets may have gaps, so the read starts further back until there are enough.
async fn last_of(
    reader: &mut Reader,
    topic: Topic,
    partition: Partition,
    bounds: Bounds,
    count: usize,
) -> Result<VecDeque<(Partition, Entry)>, Failure> {
    let mut back = count as u64;
    loop {
        let start = bounds.start.max(Offset(bounds.end.0.saturating_sub(back)));
        let mut last = VecDeque::new();
        let keep = |entry| {
            last.push_back((partition, entry));
            if last.len() > count {
                last.pop_front();
            }
            Ok(true)
        };
        reader.read(topic, partition, Bounds { start, end: bounds.end }, keep).await?;
        if last.len() >= count || start == bounds.start {
            return Ok(last);
        }
        back = back.saturating_mul(2);
    }
}

/// The last `count` records by time. Each partition keeps its own order, even if its clock stepped back.
fn merged<T>(mut partitions: Vec<VecDeque<T>>, count: usize, at: impl Fn(&T) -> Timestamp) -> Vec<T> {
    let mut merged = VecDeque::new();
    // Of the last records of each partition, the latest is the last of all.
    while merged.len() < count {
        let latest = partitions.iter_mut().max_by_key(|entries| entries.back().map(&at));
        let Some(entry) = latest.and_then(VecDeque::pop_back) else { break };
        merged.push_front(entry);
    }
    merged.into()
}

async fn follow(mut follower: Follower, lines: &mut Lines, args: &TailArgs) -> Result<(), Failure> {
    loop {
        let (partition, entries) = follower.next().await?;
        let entries: Vec<_> = entries.into_iter().map(|entry| (partition, entry)).collect();
        if !show(lines, args, &entries)? {
            return Ok(());
        }
    }
}

/// Returns whether standard output is still open.
fn show(lines: &mut Lines, args: &TailArgs, entries: &[(Partition, Entry)]) -> Result<bool, Failure> {
    for (partition, entry) in entries {
        let line = if args.json { entry.json(args.topic, *partition) } else { entry.line(*partition) };
        if !lines.write(&line)? {
            return Ok(false);
        }
    }
    lines.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_records_are_merged_by_time_and_each_partition_keeps_its_order() {
        let partition = |times: &[i64]| times.iter().map(|ms| Timestamp::from_millis(*ms)).collect();
        let merged = |count| {
            let partitions = vec![partition(&[1, 5, 4]), partition(&[]), partition(&[2, 3, 6])];
            merged(partitions, count, |at| *at).into_iter().map(Timestamp::as_millis).collect::<Vec<_>>()
        };
        assert_eq!(merged(100), [1, 2, 3, 5, 4, 6]);
        assert_eq!(merged(2), [4, 6]);
        assert_eq!(merged(0), [0; 0]);
    }
}
