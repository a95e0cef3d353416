//! Committed transactions of a processor.

use std::time::Duration;

use crate::fact::Change;
use crate::ids::{Offset, OrderId, Timestamp, Version};
use crate::lifecycle::Status;
use crate::policy::DeadlineKind;
use crate::trace::TraceContext;

/// What one committed transaction of a processor decided.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct TransactionReport {
    /// The number of inputs that it answers.
    pub inputs: usize,
    /// Every input before this offset is answered.
    pub next: Offset,
    /// Its facts, in their order.
    pub facts: Vec<FactReport>,
    /// Its rejections.
    pub rejections: Vec<RejectionReport>,
    /// Its dead letters.
    pub dead_letters: Vec<DeadLetterReport>,
    /// When the processor began to decide.
    pub began: Timestamp,
    /// Processing time of the decisions, without waiting for documents.
    pub decide_elapsed: Duration,
    /// From the call of commit to its result.
    pub commit_elapsed: Duration,
}

/// A fact of a committed transaction.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct FactReport {
    /// The order.
    pub order_id: OrderId,
    /// The fact's version.
    pub version: Version,
    /// The status after the fact.
    pub status: Status,
    /// The kind of the change: `placed`, `moved`, `late` or `assigned`.
    pub change: &'static str,
    /// When the fact happened.
    pub at: Timestamp,
    /// The status that the order left, and when it had entered it. Only if the fact moved the order.
    pub left: Option<(Status, Timestamp)>,
    /// When the order was placed.
    pub placed_at: Timestamp,
    /// The timer that caused the fact, and when it was due.
    pub timer: Option<(DeadlineKind, Timestamp)>,
    /// The fact's span, which its record carries.
    pub span: Option<TraceContext>,
    /// The span of the request; for a timer, that of the fact that set it.
    pub parent: Option<TraceContext>,
}

/// A rejection of a committed transaction.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct RejectionReport {
    /// The order.
    pub order_id: OrderId,
    /// The rejection's code.
    pub code: &'static str,
    /// The request's span.
    pub parent: Option<TraceContext>,
}

/// A dead letter of a committed transaction.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct DeadLetterReport {
    /// The offset of the input.
    pub offset: Offset,
    /// Why, for counting: in lower case with underscores.
    pub code: &'static str,
}

impl FactReport {
    /// A fact of a request that moved no order. The fields are public: set what else it has.
    #[must_use]
    pub fn new(
        (order_id, version): (OrderId, Version),
        (status, change): (Status, &'static str),
        at: Timestamp,
        placed_at: Timestamp,
    ) -> Self {
        let (left, timer, span, parent) = (None, None, None, None);
        Self { order_id, version, status, change, at, left, placed_at, timer, span, parent }
    }

    /// The code of a change: `placed`, `moved`, `late` or `assigned`. It never changes.
    #[must_use]
    pub fn code_of(change: &Change) -> &'static str {
        match change {
            Change::Placed(_) => "placed",
            Change::Moved => "moved",
            Change::Late => "late",
            Change::Assigned { .. } => "assigned",
            Change::TrackingRevoked => "tracking_revoked",
        }
    }
}

impl RejectionReport {
    /// A rejection of a request without a span.
    #[must_use]
    pub fn new(order_id: OrderId, code: &'static str) -> Self {
        Self { order_id, code, parent: None }
    }
}

impl DeadLetterReport {
    /// A dead letter of the input at this offset.
    #[must_use]
    pub fn new(offset: Offset, code: &'static str) -> Self {
        Self { offset, code }
    }
}
