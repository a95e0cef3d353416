//! The partitions: what the log shows of each, and what its owner shows.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;

use logistics_core::Timestamp;
use serde::Serialize;

use super::super::process::Process;
use super::super::samples::Samples;
use super::{max, seconds_since};

const LIVE: &str = "live";
const HALTED: &str = "halted";
/// The phases of a process that gives a partition up, or has.
const LEAVING: [&str; 2] = ["stopping", "dropped"];

/// What is wrong with a partition, the worst last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(in super::super) enum Trouble {
    /// Its owner is not live yet, or the partition moves to another one.
    Starting,
    /// Two processes are live in it. The log accepts the records of one of them only.
    TwoOwners,
    /// A request is unanswered, a timer is overdue, or its owner is not live, for too long.
    Stuck,
    /// No scraped process owns it.
    Unowned,
    /// Its owner has stopped for good.
    Halted,
}

/// A partition. A number that no process shows is `None`.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(in super::super) struct PartitionRow {
    pub(in super::super) partition: u32,
    pub(in super::super) trouble: Option<Trouble>,
    pub(in super::super) phase: Option<String>,
    /// The name of the process.
    pub(in super::super) owner: Option<String>,
    /// The time in this phase.
    pub(in super::super) phase_seconds: Option<f64>,
    pub(in super::super) lag_records: Option<f64>,
    /// The age of the oldest unanswered request.
    pub(in super::super) lag_seconds: Option<f64>,
    pub(in super::super) end_offset: Option<f64>,
    pub(in super::super) answered_offset: Option<f64>,
    pub(in super::super) read_position: Option<f64>,
    pub(in super::super) waiting_inputs: Option<f64>,
    pub(in super::super) open_transaction_seconds: Option<f64>,
    pub(in super::super) timers: Option<f64>,
    pub(in super::super) overdue_seconds: Option<f64>,
    pub(in super::super) clock_skew_seconds: Option<f64>,
    pub(in super::super) memory_bytes: Option<f64>,
    pub(in super::super) memory_limit_bytes: Option<f64>,
}

/// What one process shows of a partition of the log.
#[derive(Default)]
struct Log {
    end: Option<f64>,
    answered: Option<f64>,
    lag_records: Option<f64>,
    lag_seconds: Option<f64>,
    open: Option<f64>,
}

/// What one process shows of a partition that it processes.
#[derive(Default)]
struct Processing {
    process: usize,
    phase: String,
    since: Option<f64>,
    read: Option<f64>,
    answered: Option<f64>,
    waiting: Option<f64>,
    lag_seconds: Option<f64>,
    timers: Option<f64>,
    overdue: Option<f64>,
    skew: Option<f64>,
    memory: Option<f64>,
    memory_limit: Option<f64>,
}

/// The partitions, by number.
pub(super) fn rows(
    processes: &[Process],
    names: &[String],
    stuck_after: Duration,
    at: Timestamp,
) -> Vec<PartitionRow> {
    let mut partitions: BTreeMap<u32, (Option<Log>, Vec<Processing>)> = BTreeMap::new();
    for (index, process) in processes.iter().enumerate() {
        // A partition that a process has just given up, or whose process has just ended, is still a partition.
        let earlier = process.earlier().map(|samples| samples.finite("logistics_processor_phase"));
        for (labels, _) in earlier.into_iter().flatten() {
            if let Some(partition) = labels.partition() {
                partitions.entry(partition).or_default();
            }
        }
        let Some(samples) = process.samples() else { continue };
        for (partition, log) in logs(samples) {
            let latest = &mut partitions.entry(partition).or_default().0;
            // Several processes watch the log. The one that sees most of it is the latest.
            let is_later = |known: &Log| (log.end, log.answered) > (known.end, known.answered);
            if latest.as_ref().is_none_or(is_later) {
                *latest = Some(log);
            }
        }
        for (partition, processing) in processing(samples, index) {
            partitions.entry(partition).or_default().1.push(processing);
        }
    }
    let is_deciding_seen = processes.iter().any(Process::decides);
    let row = |(partition, (log, mut owners)): (u32, (Option<Log>, Vec<Processing>))| {
        let lives = owners.iter().filter(|owner| owner.phase == LIVE).count();
        let owner = owner(&mut owners);
        let mut row = row(partition, log.unwrap_or_default(), owner, names, at);
        row.trouble = trouble(&row, lives, is_deciding_seen, stuck_after.as_secs_f64());
        row
    };
    partitions.into_iter().map(row).collect()
}

/// The process that has the partition: while it moves, the new owner, and never one that gives it up.
fn owner(owners: &mut [Processing]) -> Option<&Processing> {
    let since = |owner: &Processing| owner.since.map_or(0, |seconds| (seconds * 1000.0) as i64);
    owners.sort_by_key(|owner| {
        let is_leaving = LEAVING.contains(&&*owner.phase);
        (is_leaving, owner.phase != LIVE && owner.phase != HALTED, Reverse(since(owner)))
    });
    owners.first().filter(|owner| owner.phase != "dropped")
}

fn row(
    partition: u32,
    log: Log,
    owner: Option<&Processing>,
    names: &[String],
    at: Timestamp,
) -> PartitionRow {
    let of = |value: fn(&Processing) -> Option<f64>| owner.and_then(value);
    PartitionRow {
        partition,
        trouble: None,
        phase: owner.map(|owner| owner.phase.clone()),
        owner: owner.and_then(|owner| names.get(owner.process)).cloned(),
        phase_seconds: of(|owner| owner.since).map(|since| seconds_since(since, at)),
        lag_records: log.lag_records,
        lag_seconds: max(log.lag_seconds, of(|owner| owner.lag_seconds)),
        end_offset: log.end,
        answered_offset: max(log.answered, of(|owner| owner.answered)),
        read_position: of(|owner| owner.read),
        waiting_inputs: of(|owner| owner.waiting),
        open_transaction_seconds: log.open,
        timers: of(|owner| owner.timers),
        overdue_seconds: of(|owner| owner.overdue),
        clock_skew_seconds: of(|owner| owner.skew),
        memory_bytes: of(|owner| owner.memory),
        memory_limit_bytes: of(|owner| owner.memory_limit),
    }
}

fn trouble(row: &PartitionRow, lives: usize, is_deciding_seen: bool, stuck_after: f64) -> Option<Trouble> {
    let exceeds = |seconds: Option<f64>| seconds.is_some_and(|seconds| seconds > stuck_after);
    let phase = row.phase.as_deref();
    let is_live = phase == Some(LIVE);
    let is_stuck = exceeds(row.lag_seconds)
        || exceeds(row.overdue_seconds)
        || exceeds(row.open_transaction_seconds)
        || (phase.is_some() && !is_live && exceeds(row.phase_seconds));
    if phase == Some(HALTED) {
        Some(Trouble::Halted)
    } else if phase.is_none() && is_deciding_seen {
        Some(Trouble::Unowned)
    } else if is_stuck {
        Some(Trouble::Stuck)
    } else if lives > 1 {
        Some(Trouble::TwoOwners)
    } else if phase.is_some() && !is_live {
        Some(Trouble::Starting)
    } else {
        None
    }
}

fn logs(samples: &Samples) -> BTreeMap<u32, Log> {
    let mut logs: BTreeMap<u32, Log> = BTreeMap::new();
    let mut each = |family: &str, field: fn(&mut Log) -> &mut Option<f64>| {
        for (labels, value) in samples.finite(family) {
            if let Some(partition) = labels.partition() {
                *field(logs.entry(partition).or_default()) = Some(value);
            }
        }
    };
    each("logistics_log_end_offset", |log| &mut log.end);
    each("logistics_log_answered_offset", |log| &mut log.answered);
    each("logistics_log_lag_records", |log| &mut log.lag_records);
    each("logistics_log_lag_seconds", |log| &mut log.lag_seconds);
    each("logistics_log_open_transaction_seconds", |log| &mut log.open);
    logs
}

/// The partitions with a phase.
fn processing(samples: &Samples, process: usize) -> BTreeMap<u32, Processing> {
    let mut partitions: BTreeMap<u32, Processing> = BTreeMap::new();
    for (labels, value) in samples.finite("logistics_processor_phase") {
        if let (Some(partition), Some(phase), true) = (labels.partition(), labels.value("phase"), value > 0.0)
        {
            let phase = phase.to_owned();
            partitions.insert(partition, Processing { process, phase, ..Processing::default() });
        }
    }
    let mut each = |family: &str, field: fn(&mut Processing) -> &mut Option<f64>| {
        for (labels, value) in samples.finite(family) {
            if let Some(of) = labels.partition().and_then(|partition| partitions.get_mut(&partition)) {
                *field(of) = Some(value);
            }
        }
    };
    each("logistics_processor_phase_start_timestamp_seconds", |of| &mut of.since);
    each("logistics_processor_read_position", |of| &mut of.read);
    each("logistics_processor_answered_offset", |of| &mut of.answered);
    each("logistics_processor_waiting_inputs", |of| &mut of.waiting);
    each("logistics_processor_lag_seconds", |of| &mut of.lag_seconds);
    each("logistics_timers", |of| &mut of.timers);
    each("logistics_timer_overdue_seconds", |of| &mut of.overdue);
    each("logistics_clock_skew_seconds", |of| &mut of.skew);
    each("logistics_processor_memory_bytes", |of| &mut of.memory);
    each("logistics_processor_memory_limit_bytes", |of| &mut of.memory_limit);
    partitions
}
