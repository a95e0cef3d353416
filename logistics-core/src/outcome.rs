//! Outcomes: the result of one input. Every input of the log has exactly one.

use serde::{Deserialize, Serialize};

use crate::ids::{Offset, OrderId, Partition, RequestId, Version};
use crate::lifecycle::Status;
use crate::rejection::Rejection;

/// The outcome of a request, as the store keeps it for a client that waits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum RequestOutcome {
    /// The request became a fact: the order has this version and status.
    Happened {
        /// The order's version.
        version: Version,
        /// The order's status.
        status: Status,
    },
    /// The order was in the requested state already.
    Unchanged {
        /// The order's version.
        version: Version,
        /// The order's status.
        status: Status,
    },
    /// The request was rejected.
    Rejected {
        /// The reason.
        rejection: Rejection,
    },
}

/// The outcome of an input that caused no fact, as the log has it. (A fact is the outcome of its input.)
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Outcome {
    /// The input's offset in this partition.
    pub offset: Offset,
    /// The order, where the input names one.
    pub order_id: Option<OrderId>,
    /// The request, where the input names one.
    pub request: Option<RequestId>,
    /// The result.
    pub result: OutcomeKind,
}

impl Outcome {
    /// The outcome of the input at `offset`, which names no order and no request.
    #[must_use]
    pub fn new(offset: Offset, result: OutcomeKind) -> Self {
        Self { offset, order_id: None, request: None, result }
    }
}

/// The result of an input that caused no fact.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum OutcomeKind {
    /// The order was in the requested state already.
    Unchanged {
        /// The order's version.
        version: Version,
        /// The order's status.
        status: Status,
    },
    /// The request was rejected.
    Rejected(Rejection),
    /// The input was in another partition than its order's; the owner appended a copy to the right one.
    Forwarded {
        /// The order's partition.
        to: Partition,
    },
    /// The record is not a valid input; the dead-letter topic has it.
    DeadLettered {
        /// Why the record is invalid.
        reason: String,
    },
}
