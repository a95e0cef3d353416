//! Rejections: each has a code that programs can rely on.

mod read;

use serde::{Deserialize, Serialize};

use crate::ids::Version;
use crate::lifecycle::{Actor, Status};

/// Why a request was rejected. Nothing changed.
///
/// The lists `allowed` are derived from the table. They are not needed to read a rejection: a missing list is derived anew,
/// and a status that this build does not know is left out.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "code", rename_all = "snake_case", from = "read::Stored")]
#[non_exhaustive]
pub enum Rejection {
    /// There is no such order.
    #[error("there is no such order")]
    NotFound,
    /// The lifecycle has no such transition.
    #[error("an order that is {current} cannot become {requested}")]
    IllegalTransition {
        /// The order's status.
        current: Status,
        /// The requested status.
        requested: Status,
        /// The statuses that any actor can request.
        allowed: Vec<Status>,
    },
    /// The lifecycle has the transition, for other actors.
    #[error("{actor} may not move an order from {current} to {requested}")]
    NotPermitted {
        /// The order's status.
        current: Status,
        /// The requested status.
        requested: Status,
        /// The actor of the request.
        actor: Actor,
        /// The actors that may request the transition.
        permitted: Vec<Actor>,
        /// The statuses that this actor can request.
        allowed: Vec<Status>,
    },
    /// The lifecycle does not let this actor change the courier in this status, or not in this way.
    #[error("{actor} may not change the courier of an order that is {current} in this way")]
    AssignmentNotPermitted {
        /// The order's status.
        current: Status,
        /// The actor of the request.
        actor: Actor,
        /// The actors that may request the change.
        permitted: Vec<Actor>,
    },
    /// The order has ended, and its tracking links end by themselves.
    #[error("the tracking links of an order that is {current} end by themselves")]
    TrackingNotRevocable {
        /// The order's status.
        current: Status,
    },
    /// Only a customer places.
    #[error("{actor} may not place an order")]
    PlacementNotPermitted {
        /// The actor of the request.
        actor: Actor,
    },
    /// The request expected a version that is not the current one.
    #[error("the order has version {current}, the request expected {expected}")]
    StaleVersion {
        /// The order's version.
        current: Version,
        /// The expected version.
        expected: Version,
    },
    /// The order's id, or the request's, was used before with another body.
    #[error("this id was used before with another body")]
    IdConflict,
    /// The order has no delivery attempt left.
    #[error("all {attempts} delivery attempts are used")]
    AttemptsExhausted {
        /// The number of delivery attempts so far.
        attempts: u32,
        /// The statuses that any actor can request.
        allowed: Vec<Status>,
    },
}

impl Rejection {
    /// The code that programs rely on, the same in records and replies.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Rejection::NotFound => "not_found",
            Rejection::IllegalTransition { .. } => "illegal_transition",
            Rejection::NotPermitted { .. } => "not_permitted",
            Rejection::AssignmentNotPermitted { .. } => "assignment_not_permitted",
            Rejection::TrackingNotRevocable { .. } => "tracking_not_revocable",
            Rejection::PlacementNotPermitted { .. } => "placement_not_permitted",
            Rejection::StaleVersion { .. } => "stale_version",
            Rejection::IdConflict => "id_conflict",
            Rejection::AttemptsExhausted { .. } => "attempts_exhausted",
        }
    }

    /// The statuses that can be requested instead; `None` where the rejection is not about the status.
    #[must_use]
    pub fn allowed(&self) -> Option<&[Status]> {
        match self {
            Rejection::IllegalTransition { allowed, .. }
            | Rejection::NotPermitted { allowed, .. }
            | Rejection::AttemptsExhausted { allowed, .. } => Some(allowed),
            Rejection::NotFound
            | Rejection::AssignmentNotPermitted { .. }
            | Rejection::TrackingNotRevocable { .. }
            | Rejection::PlacementNotPermitted { .. }
            | Rejection::StaleVersion { .. }
            | Rejection::IdConflict => None,
        }
    }
}
