//! Outcomes: what became of one input. Every input of the log has exactly one.

use serde::{Deserialize, Serialize};

use crate::ids::{Offset, OrderId, Partition, RequestId, Version};
use crate::lifecycle::Status;
use crate::rejection::Rejection;

/// The answer to a request, as it stands in the store for whoever waits for it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Verdict {
    /// It happened: the order has this version and status now.
    Happened {
        /// The order's version.
        version: Version,
        /// The order's status.
        status: Status,
    },
    /// It was so already.
    Unchanged {
        /// The order's version.
        version: Version,
        /// The order's status.
        status: Status,
    },
    /// It was refused.
    Rejected {
        /// Why.
        rejection: Rejection,
    },
}

/// The outcome of an input that brought no fact about, as it stands in the log. (A fact is its input's outcome.)
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Outcome {
    /// The input's offset in this partition.
    pub offset: Offset,
    /// The order, where the input names one.
    pub order_id: Option<OrderId>,
    /// The request, where the input names one.
    pub request: Option<RequestId>,
    /// What became of it.
    pub result: OutcomeKind,
}

/// What became of an input that brought no fact about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum OutcomeKind {
    /// It was so already.
    Unchanged {
        /// The order's version.
        version: Version,
        /// The order's status.
        status: Status,
    },
    /// It was refused.
    Rejected(Rejection),
    /// It stood in a partition that is not its order's; a copy is on its way in the right one.
    Forwarded {
        /// The right one.
        to: Partition,
    },
    /// It was no input that this system knows; it stands in the dead-letter topic.
    DeadLettered {
        /// What was wrong with it.
        reason: String,
    },
}
