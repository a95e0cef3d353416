//! What an audit counted.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::lifecycle::Status;

/// What an audit counted in a log and a store in which every invariant holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// Inputs in the log.
    pub inputs: u64,
    /// Inputs that have no outcome yet; 0 at rest.
    pub unanswered: u64,
    /// Inputs by what became of them.
    pub outcomes: OutcomeCounts,
    /// Records that falsely claim to be an owner's. They count as inputs, and each is dead-lettered.
    pub foreign: u64,
    /// Facts in the log.
    pub facts: u64,
    /// Facts that an order entered this status.
    pub facts_by_status: BTreeMap<Status, u64>,
    /// Facts that an order is late.
    pub late_facts: u64,
    /// Facts that an order's courier changed.
    pub assignment_facts: u64,
    /// Facts that revoke tracking links.
    pub tracking_facts: u64,
    /// Orders.
    pub orders: u64,
    /// Orders by their status now.
    pub orders_by_status: BTreeMap<Status, u64>,
    /// Orders in a terminal status.
    pub terminal_orders: u64,
    /// Notifications in their log.
    pub notifications: u64,
    /// Documents in the store.
    pub documents: u64,
    /// Live timers in the store.
    pub timers: u64,
}

/// Inputs by what became of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct OutcomeCounts {
    /// A fact.
    pub happened: u64,
    /// The order was already in that status.
    pub unchanged: u64,
    /// Rejected.
    pub rejected: u64,
    /// Forwarded to the right partition.
    pub forwarded: u64,
    /// No input of this system.
    pub dead_lettered: u64,
}
