//! What happened in a processor, for observers.

use super::effect::Skew;
use super::interrupt::{HaltCode, InterruptCode};
use crate::ids::{Offset, OrderId};
use crate::lifecycle::Status;

/// What happened in a processor, as data. The driver passes each event to its observers.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProcessorEvent {
    /// A placement was taken from the log. An order event.
    Received {
        /// The order.
        order_id: OrderId,
        /// What was asked for.
        status: Status,
    },
    /// A fact was committed that moved an order beyond PLACED. An order event.
    Moved {
        /// The order.
        order_id: OrderId,
        /// Its status now.
        status: Status,
    },
    /// A request was refused. An order event.
    Rejected {
        /// The order.
        order_id: OrderId,
        /// The rejection's code.
        code: &'static str,
    },
    /// An input went to the dead letters.
    DeadLettered {
        /// Its offset.
        offset: Offset,
        /// What was wrong with it.
        reason: String,
    },
    /// A record claims to be an owner's and is none. It changes no order, and its outcome is a dead letter.
    Foreign {
        /// Its offset.
        offset: Offset,
        /// Why it cannot be an owner's.
        reason: String,
    },
    /// The checkpoint was made from another log, or from records that this log no longer has: the store is rebuilt.
    Rebuilding {
        /// Why.
        reason: String,
    },
    /// The clocks differ by more than permitted: nothing is decided by time.
    ClockSkew(Skew),
    /// The clocks agree again.
    ClocksAgree,
    /// An attempt ended; another follows.
    Interrupted {
        /// Why, for counting.
        code: InterruptCode,
        /// The name of the phase that it ended in.
        phase: &'static str,
        /// Why, for people.
        why: String,
        /// Milliseconds until it goes on.
        retry_after_ms: u64,
    },
    /// The partition is live.
    Live {
        /// From which input on.
        from: Offset,
        /// How many facts and outcomes were replayed.
        replayed: u64,
    },
    /// The partition is halted.
    Halted {
        /// Why, for counting.
        code: HaltCode,
        /// Why, for people.
        reason: String,
    },
}

impl ProcessorEvent {
    /// The event's name, in lower case with underscores. It never changes.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            ProcessorEvent::Received { .. } => "received",
            ProcessorEvent::Moved { .. } => "moved",
            ProcessorEvent::Rejected { .. } => "rejected",
            ProcessorEvent::DeadLettered { .. } => "dead_lettered",
            ProcessorEvent::Foreign { .. } => "foreign",
            ProcessorEvent::Rebuilding { .. } => "rebuilding",
            ProcessorEvent::ClockSkew(_) => "clock_skew",
            ProcessorEvent::ClocksAgree => "clocks_agree",
            ProcessorEvent::Interrupted { .. } => "interrupted",
            ProcessorEvent::Live { .. } => "live",
            ProcessorEvent::Halted { .. } => "halted",
        }
    }
}
