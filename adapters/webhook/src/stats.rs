//! The counts and the state, for health, reports and metrics.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use logistics_core::Partition;
use logistics_core::delivery::DeliveriesReading;
use logistics_core::health::{Health, HealthProbe, PartHealth};
use logistics_core::observe::{ChannelReading, Gauges, Reading};

use crate::driver::CHANNEL;

/// The counts of a process since its start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct WebhooksReport {
    /// Messages that an endpoint accepted.
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

#[derive(Default)]
pub(crate) struct Stats(Mutex<State>);

#[derive(Default)]
pub(crate) struct State {
    pub(crate) report: WebhooksReport,
    pub(crate) reading: DeliveriesReading,
    pub(crate) endpoints: usize,
    pub(crate) subscribed: bool,
    /// What fails, by its name.
    pub(crate) failing: BTreeMap<&'static str, String>,
    pub(crate) recovering: BTreeMap<Partition, String>,
    pub(crate) halted: BTreeMap<Partition, String>,
}

impl Stats {
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn report(&self) -> WebhooksReport {
        let state = self.lock();
        let waiting = u64::try_from(state.reading.waiting).unwrap_or(u64::MAX);
        WebhooksReport { waiting, ..state.report }
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
                state.endpoints,
                state.reading.partitions,
                state.report.delivered,
                state.reading.waiting,
                state.report.dead
            ),
            (false, true) => "subscribing".to_owned(),
            (false, false) => problems.join("; "),
        };
        Health { parts: vec![PartHealth { name: format!("notifier.{CHANNEL}"), ready, detail }] }
    }
}

impl Gauges for Stats {
    fn read(&self, into: &mut dyn FnMut(Reading)) {
        let state = self.lock();
        let mut reading = ChannelReading::default();
        reading.channel = CHANNEL.to_owned();
        reading.waiting_since = state.reading.oldest_at;
        reading.halted = state.halted.len();
        reading.waiting = Some(state.reading.waiting);
        reading.breakers_open = Some(state.reading.breakers_open);
        into(Reading::Channel(reading));
    }
}
