//! What outlives a stage: the settings, the failures so far, and what waits for the driver.

use std::collections::{BTreeSet, VecDeque};

use super::batch_size::BatchSize;
use super::effect::{CallId, Effect};
use super::event::ProcessorEvent;
use super::settings::Settings;
use crate::ids::{OrderId, Partition};
use crate::observe::TransactionReport;

/// The data that every stage shares.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Context {
    pub(super) partition: Partition,
    pub(super) settings: Settings,
    /// Failures since the last success.
    pub(super) failures: u32,
    /// Consecutive acquisitions that found the store ahead of the log.
    pub(super) checkpoint_ahead: u32,
    /// Orders whose documents the store has lost. While there are any, a replay begins at the log's first record.
    pub(super) lost: BTreeSet<OrderId>,
    /// Smaller than the settings allow, because the log rejected a larger transaction.
    pub(super) batch: Option<BatchSize>,
    pub(super) stopping: Option<Stopping>,
    last_call: u64,
    outbox: VecDeque<(CallId, Effect)>,
    pub(super) events: VecDeque<ProcessorEvent>,
    /// Of the last committed transaction, until the driver takes it.
    pub(super) report: Option<Box<TransactionReport>>,
}

/// The processor gives its partition up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Stopping {
    /// The store is brought up to date first.
    pub(super) flush: bool,
}

impl Context {
    pub(super) fn new(partition: Partition, settings: Settings) -> Self {
        Self {
            partition,
            settings,
            failures: 0,
            checkpoint_ahead: 0,
            lost: BTreeSet::new(),
            batch: None,
            stopping: None,
            last_call: 0,
            outbox: VecDeque::new(),
            events: VecDeque::new(),
            report: None,
        }
    }

    pub(super) fn next_call(&mut self) -> CallId {
        self.last_call += 1;
        CallId(self.last_call)
    }

    /// Queues an effect for the driver, under a new id.
    pub(super) fn issue(&mut self, effect: Effect) -> CallId {
        let call = self.next_call();
        self.issue_as(call, effect);
        call
    }

    /// Queues an effect under an id from [`Self::next_call`].
    pub(super) fn issue_as(&mut self, call: CallId, effect: Effect) {
        self.outbox.push_back((call, effect));
    }

    /// The next effect for the driver.
    pub(super) fn next_effect(&mut self) -> Option<(CallId, Effect)> {
        self.outbox.pop_front()
    }

    pub(super) fn has_effects(&self) -> bool {
        !self.outbox.is_empty()
    }

    /// Drops the effects that the driver has not taken.
    pub(super) fn withdraw_effects(&mut self) {
        self.outbox.clear();
    }

    pub(super) fn emit(&mut self, event: ProcessorEvent) {
        self.events.push_back(event);
    }
}
