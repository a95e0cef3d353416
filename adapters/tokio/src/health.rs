//! What is known about the group and each partition, for whoever asks.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use logistics_core::health::{Health, HealthProbe, PartHealth};
use logistics_core::processor::{Phase, Skew};
use logistics_core::{Partition, Timestamp};

/// A lock whose holder never leaves the value half-changed, so that a panic elsewhere does not spread through it.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The health of a member of the group and of its partitions.
pub(crate) struct Board {
    group: Mutex<PartHealth>,
    partitions: Mutex<BTreeMap<Partition, Arc<PartitionBoard>>>,
}

impl Board {
    pub(crate) fn new() -> Self {
        let group = PartHealth { name: "group".to_owned(), ready: false, detail: "joining".to_owned() };
        Self { group: Mutex::new(group), partitions: Mutex::default() }
    }

    pub(crate) fn show_group(&self, ready: bool, detail: impl Into<String>) {
        let mut group = lock(&self.group);
        (group.ready, group.detail) = (ready, detail.into());
    }

    /// A fresh entry; what an earlier worker of the partition still says is not shown any more.
    pub(crate) fn add(&self, partition: Partition, since: Timestamp) -> Arc<PartitionBoard> {
        let entry = Arc::new(PartitionBoard::new(since));
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

impl HealthProbe for Board {
    fn health(&self) -> Health {
        let mut parts = vec![lock(&self.group).clone()];
        for (partition, entry) in lock(&self.partitions).iter() {
            parts.push(entry.part(*partition));
        }
        Health { parts }
    }
}

/// Where the worker of one partition is.
pub(crate) struct PartitionBoard(Mutex<Shown>);

struct Shown {
    phase: Phase,
    since: Timestamp,
    /// The latest failure since it was live.
    failure: Option<String>,
    /// Nothing is decided by time, since the clocks differ.
    skew: Option<Skew>,
}

impl PartitionBoard {
    pub(crate) fn new(since: Timestamp) -> Self {
        Self(Mutex::new(Shown { phase: Phase::Acquiring, since, failure: None, skew: None }))
    }

    pub(crate) fn show(&self, phase: &Phase, skew: Option<Skew>, now: Timestamp) {
        let mut shown = lock(&self.0);
        shown.skew = skew;
        if shown.phase != *phase {
            (shown.phase, shown.since) = (phase.clone(), now);
        }
        if *phase == Phase::Live {
            shown.failure = None;
        }
    }

    /// Without the time, for when even the clock may be what panicked.
    pub(crate) fn show_halted(&self, reason: String) {
        lock(&self.0).phase = Phase::Halted(reason);
    }

    pub(crate) fn show_failure(&self, failure: String) {
        lock(&self.0).failure = Some(failure);
    }

    fn part(&self, partition: Partition) -> PartHealth {
        let shown = lock(&self.0);
        let mut detail = match &shown.phase {
            Phase::Live => "live".to_owned(),
            Phase::Halted(reason) => format!("halted since {}: {reason}", shown.since),
            Phase::Waiting(doing) => format!("waiting since {} to try again after {doing}", shown.since),
            phase => format!("{} since {}", phase.name(), shown.since),
        };
        if let Some(Skew { ours, log, by_log }) = shown.skew {
            let whose = if by_log { "the log's" } else { "the store's" };
            detail = format!(
                "{detail}; nothing is decided by time: the clock of this process says {ours}, {whose} clock {log}"
            );
        }
        if let Some(failure) = &shown.failure {
            detail = format!("{detail}; latest failure: {failure}");
        }
        PartHealth {
            name: format!("partition {partition}"),
            ready: shown.phase == Phase::Live && shown.skew.is_none(),
            detail,
        }
    }
}
