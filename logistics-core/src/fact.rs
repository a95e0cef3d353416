//! Facts: what happened to one order, in the order of its versions.

use serde::{Deserialize, Serialize};

use crate::ids::{Offset, OrderId, PartyId, Reason, RequestId, Subject, Timestamp, TraceParent, Version};
use crate::lifecycle::{Actor, Status};
use crate::policy::{Deadline, DeadlineKind};
use crate::request::Placement;

/// What a fact changed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Change {
    /// The order was placed.
    Placed(Placement),
    /// The order entered another status.
    Moved,
    /// The order is late in its status; the status did not change.
    Late,
    /// The order has another courier, or none; the status did not change.
    Assigned {
        /// The courier from now on.
        courier_id: Option<PartyId>,
    },
    /// The order's tracking links from before this fact are revoked; the status did not change.
    TrackingRevoked,
}

/// A change of an order's courier, as histories and notifications show it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Assignment {
    /// The courier after the change; null if there is none.
    #[serde(default)]
    pub courier_id: Option<PartyId>,
    /// The courier before the change, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_courier_id: Option<PartyId>,
}

impl Assignment {
    /// The change from one courier to another; `None`: no courier.
    #[must_use]
    pub fn new(courier_id: Option<PartyId>, previous_courier_id: Option<PartyId>) -> Self {
        Self { courier_id, previous_courier_id }
    }
}

/// The cause of a fact.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Cause {
    /// A request.
    Request {
        /// The request's id.
        request: RequestId,
        /// The offset of the request in the partition: the input that the fact answers.
        offset: Offset,
    },
    /// A deadline.
    Timer {
        /// The kind of the deadline.
        timer: DeadlineKind,
        /// The next input when the timer fired: every input before it had an outcome.
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

/// A change that happened. An order is the fold of its facts and of nothing else.
///
/// [`decide`](crate::decide) and [`decide_due`](crate::decide_due) make facts; [`Fact::new`] is for tools and tests.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Fact {
    /// The order.
    pub order_id: OrderId,
    /// The number of this fact among the order's facts, from 1.
    pub version: Version,
    /// The status after the fact.
    pub status: Status,
    /// The kind of the change.
    pub change: Change,
    /// When the fact happened; never before the order's previous fact.
    pub at: Timestamp,
    /// The role that caused the fact.
    pub actor: Actor,
    /// The authenticated subject that caused the fact; `None` for anonymous requests and timers.
    pub by: Option<Subject>,
    /// The reason, if the request has one.
    pub reason: Option<Reason>,
    /// The request or the timer that caused the fact.
    pub cause: Cause,
    /// When time moves the order or makes it late, if it does.
    pub deadline: Option<Deadline>,
    /// The remaining delivery attempts under the policy at that time; only with DELIVERY_FAILED.
    pub attempts_left: Option<u32>,
    /// W3C trace context.
    pub trace: Option<TraceParent>,
}

impl Fact {
    /// A fact without a subject, a reason, a deadline, remaining attempts or a trace. The fields are public: set what else it has.
    #[must_use]
    pub fn new(
        order_id: OrderId,
        version: Version,
        status: Status,
        change: Change,
        at: Timestamp,
        actor: Actor,
        cause: Cause,
    ) -> Self {
        let (by, reason, deadline, attempts_left, trace) = (None, None, None, None, None);
        Self {
            order_id,
            version,
            status,
            change,
            at,
            actor,
            by,
            reason,
            cause,
            deadline,
            attempts_left,
            trace,
        }
    }
}
