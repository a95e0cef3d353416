//! The counts and the state of a channel's deliveries, for health, reports and readings.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use logistics_core::Partition;
use logistics_core::health::PartHealth;
use logistics_core::observe::ChannelReading;

use crate::current_notification::CurrentNotification;
use crate::lock::lock;
use crate::reports::NotificationsReport;

#[derive(Default)]
pub(crate) struct DeliveryStats {
    /// The name of the channel's part of health.
    part: String,
    delivered: AtomicU64,
    undeliverable: AtomicU64,
    undecodable: AtomicU64,
    gone: AtomicU64,
    state: Mutex<State>,
}

/// A call of the subscription that is retried until it succeeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum LogCall {
    Subscribe,
    Read,
    Acknowledge,
}

impl LogCall {
    fn doing(self) -> &'static str {
        match self {
            Self::Subscribe => "subscribing",
            Self::Read => "reading the notifications",
            Self::Acknowledge => "acknowledging notifications",
        }
    }
}

#[derive(Default)]
struct State {
    subscribed: bool,
    /// The calls that are being retried, with the latest failure.
    failing: BTreeMap<LogCall, String>,
    /// The notification of each partition that is being retried, with the latest failure.
    retrying: BTreeMap<Partition, String>,
    /// The notification of each partition that this build cannot read and must not skip.
    halted: BTreeMap<Partition, String>,
    /// The notification of each partition that is being delivered.
    current: BTreeMap<Partition, Arc<CurrentNotification>>,
    /// The latest skipped record.
    skipped: Option<String>,
}

impl DeliveryStats {
    pub(crate) fn new(part: String) -> Self {
        Self { part, ..Self::default() }
    }

    pub(crate) fn count_delivered(&self) {
        self.delivered.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_undeliverable(&self, what: String) {
        self.undeliverable.fetch_add(1, Ordering::Relaxed);
        lock(&self.state).skipped = Some(what);
    }

    pub(crate) fn count_undecodable(&self, what: String) {
        self.undecodable.fetch_add(1, Ordering::Relaxed);
        lock(&self.state).skipped = Some(what);
    }

    pub(crate) fn count_gone(&self, count: u64) {
        self.gone.fetch_add(count, Ordering::Relaxed);
    }

    /// Sets whether there is a subscription, and forgets the failures of the previous one.
    pub(crate) fn set_subscribed(&self, subscribed: bool) {
        let mut state = lock(&self.state);
        state.subscribed = subscribed;
        state.failing.clear();
    }

    pub(crate) fn set_failing(&self, call: LogCall, why: String) {
        lock(&self.state).failing.insert(call, why);
    }

    pub(crate) fn clear_failing(&self, call: LogCall) {
        lock(&self.state).failing.remove(&call);
    }

    pub(crate) fn set_retrying(&self, partition: Partition, what: Option<String>) {
        let retrying = &mut lock(&self.state).retrying;
        match what {
            Some(what) => _ = retrying.insert(partition, what),
            None => _ = retrying.remove(&partition),
        }
    }

    pub(crate) fn set_halted(&self, partition: Partition, what: String) {
        lock(&self.state).halted.insert(partition, what);
    }

    /// Where the delivery of a partition shows its current notification.
    pub(crate) fn current(&self, partition: Partition) -> Arc<CurrentNotification> {
        lock(&self.state).current.entry(partition).or_default().clone()
    }

    /// Forgets a partition that this member no longer has.
    pub(crate) fn forget(&self, partition: Partition) {
        let mut state = lock(&self.state);
        state.retrying.remove(&partition);
        state.halted.remove(&partition);
        state.current.remove(&partition);
    }

    /// Forgets all partitions.
    pub(crate) fn forget_partitions(&self) {
        let mut state = lock(&self.state);
        state.retrying.clear();
        state.halted.clear();
        state.current.clear();
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

    /// The state of the channel of this name.
    pub(crate) fn reading(&self, channel: &str) -> ChannelReading {
        let state = lock(&self.state);
        let mut reading = ChannelReading::default();
        reading.channel = channel.to_owned();
        reading.oldest_at = state.current.values().filter_map(|current| current.at()).min();
        (reading.retrying, reading.halted) = (state.retrying.len(), state.halted.len());
        reading
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
            detail = format!("{detail}, {} removed from the log before they were read", report.gone);
        }
        PartHealth { name: self.part.clone(), ready: state.is_ready(), detail }
    }
}

impl State {
    fn doing(&self) -> String {
        let mut doing = Vec::new();
        if let Some(what) = listed(&self.halted) {
            doing.push(format!("halted, a newer release wrote the notification at {what}"));
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

/// The text of the first partition, and the number of others.
fn listed(partitions: &BTreeMap<Partition, String>) -> Option<String> {
    let (_, first) = partitions.first_key_value()?;
    Some(match partitions.len() - 1 {
        0 => first.clone(),
        more => format!("{first} (and in {more} more partitions)"),
    })
}
