//! What a stream yields.

use bytes::Bytes;
use logistics_core::{OrderId, Status, Version};

use crate::document::Document;

/// What a stream yields.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum LiveEvent {
    /// The order, as [`OrderService::find`](crate::OrderService::find) returns it. Only the first event of a stream that does
    /// not resume.
    Snapshot(Document),
    /// The next fact.
    Fact(LiveFact),
    /// The stream ends here.
    End(LiveEnd),
}

/// A fact, as the history of its order shows it to the principal.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LiveFact {
    /// The order.
    pub order_id: OrderId,
    /// The number of the fact among the order's facts.
    pub version: Version,
    /// The status after the fact.
    pub status: Status,
    /// The JSON: a [`logistics_core::HistoryEntry`] with the field `order_id` in front. All subscribers share its bytes.
    pub json: Bytes,
}

/// Why a stream ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LiveEnd {
    /// The order is in a terminal status. No fact follows.
    Complete,
    /// The subscriber fell behind. It resumes behind the last fact that it has, without a gap.
    Lagged,
    /// The order is no longer one of the principal's.
    NotVisible,
    /// The order has no such version: the version from which the stream resumed is wrong.
    UnknownVersion,
    /// The process shuts down.
    ShuttingDown,
    /// The log cannot be read.
    Unavailable,
}

impl LiveEnd {
    /// The code for programs. It does not change.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            LiveEnd::Complete => "complete",
            LiveEnd::Lagged => "lagged",
            LiveEnd::NotVisible => "not_visible",
            LiveEnd::UnknownVersion => "unknown_version",
            LiveEnd::ShuttingDown => "shutting_down",
            LiveEnd::Unavailable => "unavailable",
        }
    }
}
