//! Facts: what happened to one order, in the order of its versions.

use serde::{Deserialize, Serialize};

use crate::ids::{Offset, OrderId, Reason, RequestId, Timestamp, TraceParent, Version};
use crate::lifecycle::{Actor, Status};
use crate::policy::{Deadline, DeadlineKind};
use crate::request::Placement;

/// What a fact changed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Change {
    /// The order came to be.
    Placed(Placement),
    /// It entered another status.
    Moved,
    /// It is still in the status and should not be.
    Late,
}

/// What brought a fact about.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Cause {
    /// A request.
    Request {
        /// What its sender calls it.
        request: RequestId,
        /// Where it stands in the partition: the input that the fact answers.
        offset: Offset,
    },
    /// A deadline.
    Timer {
        /// Which one.
        timer: DeadlineKind,
        /// The next input at that moment: everything before it was answered before the timer fired.
        offset: Offset,
    },
}

impl Cause {
    /// The offset of the input that the fact answers; `None` for a timer.
    #[must_use]
    pub fn answers(&self) -> Option<Offset> {
        match self {
            Cause::Request { offset, .. } => Some(*offset),
            Cause::Timer { .. } => None,
        }
    }

    /// The request; `None` for a timer.
    #[must_use]
    pub fn request(&self) -> Option<&RequestId> {
        match self {
            Cause::Request { request, .. } => Some(request),
            Cause::Timer { .. } => None,
        }
    }
}

/// It happened. An order is the fold of its facts and of nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Fact {
    /// The order.
    pub order_id: OrderId,
    /// The number of this fact among the order's facts, from 1.
    pub version: Version,
    /// The status after it.
    pub status: Status,
    /// What it changed.
    pub change: Change,
    /// When; never before the order's previous fact.
    pub at: Timestamp,
    /// Who brought it about.
    pub actor: Actor,
    /// Why, where somebody said so.
    pub reason: Option<Reason>,
    /// The request or timer that brought it about.
    pub cause: Cause,
    /// When the order moves or is late by itself, if it does.
    pub deadline: Option<Deadline>,
    /// How many more delivery attempts the policy of the day allows; only with DELIVERY_FAILED.
    pub attempts_left: Option<u32>,
    /// W3C trace context.
    pub trace: Option<TraceParent>,
}
