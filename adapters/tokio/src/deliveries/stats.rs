//! The counts and the state, for health, reports and metrics.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use logistics_core::delivery::DeliveriesReading;
use logistics_core::health::{Health, HealthProbe, PartHealth};
use logistics_core::observe::{ChannelReading, Gauges, Reading};
use logistics_core::{ChannelName, EndpointId, Partition};

/// The counts of a channel in a process since its start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeliveriesReport {
    /// Notifications that an endpoint accepted.
    pub delivered: u64,
    /// Attempts that failed.
    pub failed: u64,
    /// Deliveries that are dead.
    pub dead: u64,
    /// Deliveries that wait, stored in the log.
    pub waiting: u64,
    /// After a drain: every position is acknowledged, and nothing was under way.
    pub clean: bool,
}

pub(super) struct Stats {
    channel: String,
    state: Mutex<State>,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) report: DeliveriesReport,
    pub(super) reading: DeliveriesReading,
    /// The enabled endpoints.
    pub(super) endpoints: BTreeSet<EndpointId>,
    pub(super) subscribed: bool,
    /// What fails, by its name.
    pub(super) failing: BTreeMap<&'static str, String>,
    pub(super) recovering: BTreeMap<Partition, String>,
    pub(super) halted: BTreeMap<Partition, String>,
}

impl Stats {
    pub(super) fn new(channel: &ChannelName) -> Self {
        Self { channel: channel.as_str().to_owned(), state: Mutex::default() }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn report(&self) -> DeliveriesReport {
        let state = self.lock();
        let waiting = u64::try_from(state.reading.waiting).unwrap_or(u64::MAX);
        DeliveriesReport { waiting, ..state.report }
    }
}

impl HealthProbe for Stats {
    /// A failing endpoint is the problem of its owner: it makes no process unready.
    fn health(&self) -> Health {
        let state = self.lock();
        let problems = state.failing.iter().map(|(what, why)| format!("{what} failed: {why}"));
        let recovering = state.recovering.values().map(|why| format!("restoring failed, {why}"));
        let halted = state.halted.values().map(|why| format!("halted, {why}"));
        let problems: Vec<String> = problems.chain(recovering).chain(halted).take(3).collect();
        let ready = state.subscribed && problems.is_empty();
        let detail = match (ready, problems.is_empty()) {
            (true, _) => format!(
                "delivering to {} endpoints in {} partitions; {} delivered, {} wait, {} dead",
                state.endpoints.len(),
                state.reading.partitions,
                state.report.delivered,
                state.reading.waiting,
                state.report.dead
            ),
            (false, true) => "subscribing".to_owned(),
            (false, false) => problems.join("; "),
        };
        Health { parts: vec![PartHealth { name: format!("notifier.{}", self.channel), ready, detail }] }
    }
}

impl Gauges for Stats {
    fn read(&self, into: &mut dyn FnMut(Reading)) {
        let state = self.lock();
        let mut reading = ChannelReading::default();
        reading.channel = self.channel.clone();
        reading.waiting_since = state.reading.oldest_at;
        reading.halted = state.halted.len();
        reading.waiting = Some(state.reading.waiting);
        reading.breakers_open = Some(state.reading.breakers_open);
        into(Reading::Channel(reading));
    }
}
