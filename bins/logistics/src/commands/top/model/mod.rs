//! What the screen and the JSON document show, made of the scrapes of all processes.

mod activity;
mod findings;
mod partitions;
mod totals;

#[cfg(test)]
mod tests;

use std::time::Duration;

use logistics_core::Timestamp;
use serde::Serialize;

pub(super) use activity::{ChannelRow, DependencyRow, FailureRow, OrdersRow, StoreRow};
pub(super) use findings::Finding;
pub(super) use partitions::{PartitionRow, Trouble};
pub(super) use totals::Totals;

use super::late::LateOrders;
use super::process::{self, Process, ProcessRow};

/// The version of the JSON document. Fields may be added to a version.
const DOCUMENT_VERSION: u32 = 1;

/// A moment of the system.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Snapshot {
    pub(super) version: u32,
    pub(super) at: Timestamp,
    /// Whether every order is moving. `None`: the processes do not show it.
    pub(super) moving: Option<bool>,
    /// Why `moving` is not true, the worst first.
    pub(super) reasons: Vec<Finding>,
    /// What needs attention although orders move.
    pub(super) warnings: Vec<Finding>,
    pub(super) totals: Totals,
    pub(super) partitions: Vec<PartitionRow>,
    pub(super) orders: Vec<OrdersRow>,
    pub(super) late_orders: LateOrders,
    pub(super) failures: Vec<FailureRow>,
    pub(super) notifications: Vec<ChannelRow>,
    pub(super) dependencies: Vec<DependencyRow>,
    pub(super) stores: Vec<StoreRow>,
    pub(super) processes: Vec<ProcessRow>,
}

impl Snapshot {
    /// The snapshot at this time. `stuck_after`: how long work may wait.
    pub(super) fn of(
        processes: &[Process],
        late_orders: LateOrders,
        stuck_after: Duration,
        at: Timestamp,
    ) -> Self {
        let names = process::names(processes);
        let partitions = partitions::rows(processes, &names, stuck_after, at);
        let mut snapshot = Self {
            version: DOCUMENT_VERSION,
            at,
            moving: None,
            reasons: Vec::new(),
            warnings: Vec::new(),
            totals: totals::totals(processes),
            partitions,
            orders: activity::orders(processes),
            late_orders,
            failures: activity::failures(processes),
            notifications: activity::channels(processes),
            dependencies: activity::dependencies(processes, &names, at),
            stores: activity::stores(processes),
            processes: process::rows(processes, &names),
        };
        let is_deciding_seen = processes.iter().any(Process::decides);
        findings::judge(&mut snapshot, is_deciding_seen, stuck_after);
        snapshot
    }

    /// Whether a process answers.
    pub(super) fn has_answer(&self) -> bool {
        self.processes.iter().any(|process| process.up)
    }
}

/// Seconds from a time in seconds since the Unix epoch until `at`, not below 0.
fn seconds_since(start: f64, at: Timestamp) -> f64 {
    (at.as_millis() as f64 / 1000.0 - start).max(0.0)
}

/// The greater of two values, or the only one.
fn max(one: Option<f64>, other: Option<f64>) -> Option<f64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.max(other)),
        (one, other) => one.or(other),
    }
}

/// The sum of two values, or the only one.
fn sum(one: Option<f64>, other: Option<f64>) -> Option<f64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one + other),
        (one, other) => one.or(other),
    }
}
