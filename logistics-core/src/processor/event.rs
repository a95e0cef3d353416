//! What happened in a processor, for observers.

use super::dead_letter::DeadLetterCode;
use super::effect::Skew;
use super::interrupt::{HaltCode, InterruptCode};
use crate::ids::{Offset, OrderId};
use crate::lifecycle::Status;
use crate::trace::TraceContext;

/// What happened in a processor, as data. The driver passes each event to its observers.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProcessorEvent {
    /// A placement was read from the log. An order event.
    Received {
        /// The order.
        order_id: OrderId,
        /// The requested status.
        status: Status,
        /// The request's span.
        trace: Option<TraceContext>,
    },
    /// A fact was committed that moved an order beyond PLACED. An order event.
    Moved {
        /// The order.
        order_id: OrderId,
        /// Its status now.
        status: Status,
        /// The fact's span.
        trace: Option<TraceContext>,
    },
    /// A request was rejected. An order event.
    Rejected {
        /// The order.
        order_id: OrderId,
        /// The rejection's code.
        code: &'static str,
        /// The request's span.
        trace: Option<TraceContext>,
    },
    /// An input was dead-lettered.
    DeadLettered {
        /// Its offset.
        offset: Offset,
        /// Why, for counting.
        code: DeadLetterCode,
        /// Why, for people.
        reason: String,
    },
    /// A record falsely claims to be an owner's. It changes no order and is dead-lettered, with [`DeadLetterCode::Foreign`].
    Foreign {
        /// Its offset.
        offset: Offset,
        /// Why no owner wrote it.
        reason: String,
    },
    /// The checkpoint was made from another log, or from records that this log no longer has, or the store lacks a checkpoint
    /// although the log has decided orders: the store is rebuilt.
    Rebuilding {
        /// Why.
        reason: String,
    },
    /// An earlier release wrote the store, which lacks the lists of parties: the log is replayed, and each document is written
    /// again.
    Indexing,
    /// The store lacks the lists of parties, and the log lacks its first records. The lists lack orders that do not change
    /// any more.
    NotIndexed {
        /// The log's first offset.
        start: Offset,
    },
    /// The clocks differ by more than permitted: no timer fires.
    ClockSkew(Skew),
    /// The clocks agree again.
    ClocksAgree,
    /// The attempt failed; a retry follows.
    Interrupted {
        /// Why, for counting.
        code: InterruptCode,
        /// The name of the phase that it ended in.
        phase: &'static str,
        /// Why, for people.
        why: String,
        /// Milliseconds until the retry.
        retry_after_ms: u64,
    },
    /// The partition is live.
    Live {
        /// The first input to decide.
        from: Offset,
        /// Number of replayed facts and outcomes.
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
            ProcessorEvent::Indexing => "indexing",
            ProcessorEvent::NotIndexed { .. } => "not_indexed",
            ProcessorEvent::ClockSkew(_) => "clock_skew",
            ProcessorEvent::ClocksAgree => "clocks_agree",
            ProcessorEvent::Interrupted { .. } => "interrupted",
            ProcessorEvent::Live { .. } => "live",
            ProcessorEvent::Halted { .. } => "halted",
        }
    }
}
