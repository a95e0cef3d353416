//! Requests: somebody asks something of one order.

use serde::{Deserialize, Serialize};

use crate::details::Details;
use crate::ids::{OrderId, PartyId, Reason, RequestId, Timestamp, TraceParent, Version};
use crate::lifecycle::{Actor, Status};

/// What a placement says about the order. All of it is optional.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Placement {
    /// Who ordered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<PartyId>,
    /// Who makes or sells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merchant_id: Option<PartyId>,
    /// Who carries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub courier_id: Option<PartyId>,
    /// Anything else, as JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Details>,
}

impl Placement {
    /// Both place the same order: a repetition, not a conflict.
    #[must_use]
    pub fn same_as(&self, other: &Self) -> bool {
        let parties = (&self.customer_id, &self.merchant_id, &self.courier_id)
            == (&other.customer_id, &other.merchant_id, &other.courier_id);
        parties
            && match (&self.details, &other.details) {
                (None, None) => true,
                (Some(mine), Some(theirs)) => mine.same_value(theirs),
                _ => false,
            }
    }
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Command {
    /// A new order.
    Place(Placement),
    /// A step of the lifecycle.
    Transition {
        /// The status that is asked for.
        to: Status,
    },
    /// To call it off: the transition to CANCELLED.
    Cancel,
}

impl Command {
    /// The status that the order is to have.
    #[must_use]
    pub fn target(&self) -> Status {
        match self {
            Command::Place(_) => Status::Placed,
            Command::Transition { to } => *to,
            Command::Cancel => Status::Cancelled,
        }
    }
}

/// An input: somebody asks something of one order.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Request {
    /// What the sender calls this request.
    pub id: RequestId,
    /// The order in question.
    pub order_id: OrderId,
    /// Who asks.
    pub actor: Actor,
    /// What is asked.
    pub command: Command,
    /// The version that the order must have, or the request is stale; `None`: any.
    pub expected_version: Option<Version>,
    /// Why.
    pub reason: Option<Reason>,
    /// Somebody waits for the outcome, so it is kept in the store for a while.
    pub awaited: bool,
    /// W3C trace context of whoever asked.
    pub trace: Option<TraceParent>,
    /// When it was asked, by the sender's clock. It is information only; no decision uses it.
    pub at: Timestamp,
}
