//! The health and the readings of a member of the group and of its partitions.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use logistics_core::health::{Health, HealthProbe, PartHealth};
use logistics_core::observe::{Gauges, ProcessorReading, Reading};
use logistics_core::processor::{Now, Phase, Processor, Skew};
use logistics_core::{Partition, Timestamp};

use crate::lock::lock;

/// The health of the group's member, and one entry for each partition that has a driver.
pub(crate) struct ProcessorsHealth {
    group: Mutex<PartHealth>,
    partitions: Mutex<BTreeMap<Partition, Arc<PartitionHealth>>>,
}

impl ProcessorsHealth {
    pub(crate) fn new() -> Self {
        let group = PartHealth { name: "group".to_owned(), ready: false, detail: "joining".to_owned() };
        Self { group: Mutex::new(group), partitions: Mutex::default() }
    }

    pub(crate) fn set_group(&self, ready: bool, detail: impl Into<String>) {
        let mut group = lock(&self.group);
        (group.ready, group.detail) = (ready, detail.into());
    }

    /// A new entry, which replaces that of an earlier driver of the partition.
    pub(crate) fn add(&self, partition: Partition, since: Timestamp) -> Arc<PartitionHealth> {
        let entry = Arc::new(PartitionHealth::new(partition, since));
        lock(&self.partitions).insert(partition, entry.clone());
        entry
    }

    pub(crate) fn remove(&self, partition: Partition) {
        lock(&self.partitions).remove(&partition);
    }

    pub(crate) fn partitions(&self) -> Vec<Partition> {
        lock(&self.partitions).keys().copied().collect()
    }
}

impl HealthProbe for ProcessorsHealth {
    fn health(&self) -> Health {
        let mut parts = vec![lock(&self.group).clone()];
        for (partition, entry) in lock(&self.partitions).iter() {
            parts.push(entry.part(*partition));
        }
        Health { parts }
    }
}

impl Gauges for ProcessorsHealth {
    fn read(&self, into: &mut dyn FnMut(Reading)) {
        // Copied first: `into` runs without the locks, which the drivers need.
        let entries: Vec<_> = lock(&self.partitions).values().cloned().collect();
        for entry in entries {
            into(Reading::Processor(entry.reading()));
        }
    }
}

/// Milliseconds between two measurements of a partition's memory, which visit each order of a transaction.
const MEMORY_MS: u64 = 1000;

/// The health and the reading of one partition.
pub(crate) struct PartitionHealth(Mutex<State>);

struct State {
    phase: Phase,
    since: Timestamp,
    /// The latest failure since the partition was live.
    failure: Option<String>,
    /// The difference of the clocks, while it stops the timers.
    skew: Option<Skew>,
    reading: ProcessorReading,
    /// When the memory was measured, in milliseconds of the monotonic clock.
    memory_at_ms: Option<u64>,
}

impl PartitionHealth {
    pub(crate) fn new(partition: Partition, since: Timestamp) -> Self {
        let mut reading = ProcessorReading::default();
        reading.partition = partition;
        let (phase, failure, skew, memory_at_ms) = (Phase::Acquiring, None, None, None);
        Self(Mutex::new(State { phase, since, failure, skew, reading, memory_at_ms }))
    }

    /// Takes over the state of the processor after a step.
    pub(crate) fn record(&self, processor: &Processor, now: Now) {
        let phase = processor.phase();
        let mut state = lock(&self.0);
        state.skew = processor.skew();
        let is_new = state.phase != *phase;
        if is_new {
            (state.phase, state.since) = (phase.clone(), now.wall);
        }
        if *phase == Phase::Live {
            state.failure = None;
        }
        processor.update_reading(&mut state.reading);
        if is_new || state.memory_at_ms.is_none_or(|at| now.elapsed_ms.saturating_sub(at) >= MEMORY_MS) {
            state.memory_at_ms = Some(now.elapsed_ms);
            state.reading.memory_bytes = processor.memory_bytes();
        }
    }

    fn reading(&self) -> ProcessorReading {
        let state = lock(&self.0);
        let mut reading = state.reading.clone();
        (reading.phase, reading.phase_since) = (state.phase.code(), state.since);
        reading
    }

    /// Takes no time, because the clock may be what panicked.
    pub(crate) fn set_halted(&self, reason: String) {
        lock(&self.0).phase = Phase::Halted(reason);
    }

    pub(crate) fn set_failure(&self, failure: String) {
        lock(&self.0).failure = Some(failure);
    }

    fn part(&self, partition: Partition) -> PartHealth {
        let state = lock(&self.0);
        let mut detail = match &state.phase {
            Phase::Live => "live".to_owned(),
            Phase::Halted(reason) => format!("halted since {}: {reason}", state.since),
            Phase::Waiting(phase) => {
                format!("waiting since {} to retry; interrupted while {phase}", state.since)
            }
            phase => format!("{} since {}", phase.name(), state.since),
        };
        if let Some(Skew { ours, log, by_log, .. }) = state.skew {
            let other = if by_log { "the log's" } else { "the store's" };
            detail =
                format!("{detail}; no timer fires: this process's clock reads {ours}, {other} clock {log}");
        }
        if let Some(failure) = &state.failure {
            detail = format!("{detail}; latest failure: {failure}");
        }
        PartHealth {
            name: format!("partition {partition}"),
            ready: state.phase == Phase::Live && state.skew.is_none(),
            detail,
        }
    }
}
