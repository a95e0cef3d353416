//! The live timers of a partition, by the moment they are due.

use std::collections::BTreeSet;

use crate::ids::{OrderId, Timestamp};

/// A timer: when it is due, and whose it is.
pub(super) type Timer = (Timestamp, OrderId);

/// The live timers of a partition.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Timers(BTreeSet<Timer>);

impl Timers {
    pub(super) fn new(timers: impl IntoIterator<Item = (OrderId, Timestamp)>) -> Self {
        Self(timers.into_iter().map(|(order_id, due)| (due, order_id)).collect())
    }

    /// An order's timer changes from `before` to `after`.
    pub(super) fn change(&mut self, order_id: &OrderId, before: Option<Timestamp>, after: Option<Timestamp>) {
        if before == after {
            return;
        }
        if let Some(before) = before {
            self.0.remove(&(before, order_id.clone()));
        }
        if let Some(after) = after {
            self.0.insert((after, order_id.clone()));
        }
    }

    pub(super) fn insert(&mut self, timer: Timer) {
        self.0.insert(timer);
    }

    /// Takes out at most `max` timers that are due at `until`, the earliest first.
    pub(super) fn take_due(&mut self, until: Timestamp, max: usize) -> BTreeSet<Timer> {
        let mut due = BTreeSet::new();
        while due.len() < max && self.0.first().is_some_and(|(at, _)| *at <= until) {
            due.extend(self.0.pop_first());
        }
        due
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The earliest.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        self.0.first().map(|(due, _)| *due)
    }
}
