//! What became of a channel's notifications, for health and reports.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use logistics_core::Partition;
use logistics_core::health::PartHealth;

use crate::health::lock;
use crate::reports::NotificationsReport;

#[derive(Default)]
pub(crate) struct DeliveryStats {
    /// The name of its part of health.
    part: String,
    delivered: AtomicU64,
    undeliverable: AtomicU64,
    undecodable: AtomicU64,
    gone: AtomicU64,
    state: Mutex<State>,
}

/// A call of the log that is retried until it succeeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Call {
    Subscribe,
    Read,
    Acknowledge,
}

impl Call {
    fn doing(self) -> &'static str {
        match self {
            Self::Subscribe => "subscribing",
            Self::Read => "reading the notifications",
            Self::Acknowledge => "acknowledging notifications",
        }
    }
}

/// What it is doing.
#[derive(Default)]
struct State {
    subscribed: bool,
    /// The calls that are retried, with the latest failure.
    failing: BTreeMap<Call, String>,
    /// The notification that is retried, by partition, with the latest failure.
    retrying: BTreeMap<Partition, String>,
    /// The notification that this build cannot read and must not skip, by partition.
    halted: BTreeMap<Partition, String>,
    /// The latest one that was skipped.
    skipped: Option<String>,
}

impl DeliveryStats {
    pub(crate) fn new(part: String) -> Self {
        Self { part, ..Self::default() }
    }

    pub(crate) fn delivered(&self) {
        self.delivered.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn undeliverable(&self, what: String) {
        self.undeliverable.fetch_add(1, Ordering::Relaxed);
        lock(&self.state).skipped = Some(what);
    }

    pub(crate) fn undecodable(&self, what: String) {
        self.undecodable.fetch_add(1, Ordering::Relaxed);
        lock(&self.state).skipped = Some(what);
    }

    pub(crate) fn gone(&self, count: u64) {
        self.gone.fetch_add(count, Ordering::Relaxed);
    }

    /// Whether there is a subscription; failures of the one before are of no interest.
    pub(crate) fn subscribed(&self, subscribed: bool) {
        let mut state = lock(&self.state);
        state.subscribed = subscribed;
        state.failing.clear();
    }

    pub(crate) fn failing(&self, call: Call, why: String) {
        lock(&self.state).failing.insert(call, why);
    }

    pub(crate) fn succeeded(&self, call: Call) {
        lock(&self.state).failing.remove(&call);
    }

    pub(crate) fn retrying(&self, partition: Partition, what: Option<String>) {
        let retrying = &mut lock(&self.state).retrying;
        match what {
            Some(what) => _ = retrying.insert(partition, what),
            None => _ = retrying.remove(&partition),
        }
    }

    pub(crate) fn halted(&self, partition: Partition, what: String) {
        lock(&self.state).halted.insert(partition, what);
    }

    /// The partition is not this member's any more.
    pub(crate) fn forget(&self, partition: Partition) {
        let mut state = lock(&self.state);
        state.retrying.remove(&partition);
        state.halted.remove(&partition);
    }

    /// No partition is this member's any more.
    pub(crate) fn forget_partitions(&self) {
        let mut state = lock(&self.state);
        state.retrying.clear();
        state.halted.clear();
    }

    pub(crate) fn report(&self) -> NotificationsReport {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        NotificationsReport {
            delivered: read(&self.delivered),
            undeliverable: read(&self.undeliverable),
            undecodable: read(&self.undecodable),
            gone: read(&self.gone),
            clean: false,
        }
    }

    /// The channel's health.
    pub(crate) fn part(&self) -> PartHealth {
        let report = self.report();
        let state = lock(&self.state);
        let mut detail = format!("{}; {} delivered", state.doing(), report.delivered);
        if let Some(latest) = &state.skipped {
            let count = report.undeliverable + report.undecodable;
            detail = format!("{detail}, {count} skipped, the latest: {latest}");
        }
        if report.gone > 0 {
            detail = format!("{detail}, {} gone from the log before they were read", report.gone);
        }
        PartHealth { name: self.part.clone(), ready: state.is_ready(), detail }
    }
}

impl State {
    fn doing(&self) -> String {
        let mut doing = Vec::new();
        if let Some(what) = listed(&self.halted) {
            doing.push(format!("halted, a newer release wrote {what}"));
        }
        for (call, why) in &self.failing {
            doing.push(format!("retrying {}: {why}", call.doing()));
        }
        if let Some(what) = listed(&self.retrying) {
            doing.push(format!("retrying {what}"));
        }
        match (doing.is_empty(), self.subscribed) {
            (false, _) => doing.join("; "),
            (true, true) => "delivering".to_owned(),
            (true, false) => "subscribing".to_owned(),
        }
    }

    fn is_ready(&self) -> bool {
        self.subscribed && self.failing.is_empty() && self.retrying.is_empty() && self.halted.is_empty()
    }
}

/// The first of the partitions, and how many more there are.
fn listed(partitions: &BTreeMap<Partition, String>) -> Option<String> {
    let (_, first) = partitions.first_key_value()?;
    Some(match partitions.len() - 1 {
        0 => first.clone(),
        more => format!("{first} (and in {more} more partitions)"),
    })
}
