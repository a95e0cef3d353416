//! Rejections: requests refused, each with a code that programs can rely on.

use serde::{Deserialize, Serialize};

use crate::ids::Version;
use crate::lifecycle::{Actor, Status};

/// Why a request was refused. Nothing changed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "code", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Rejection {
    /// There is no such order.
    #[error("there is no such order")]
    NotFound,
    /// The lifecycle has no such step.
    #[error("an order that is {current} cannot become {requested}")]
    IllegalTransition {
        /// The order's status.
        current: Status,
        /// What was asked for.
        requested: Status,
        /// What could have been asked for.
        allowed: Vec<Status>,
    },
    /// The lifecycle has the step, for others.
    #[error("{actor} may not move an order from {current} to {requested}")]
    NotPermitted {
        /// The order's status.
        current: Status,
        /// What was asked for.
        requested: Status,
        /// Who asked.
        actor: Actor,
        /// Who may.
        permitted: Vec<Actor>,
        /// What this actor could have asked for.
        allowed: Vec<Status>,
    },
    /// Only a customer places.
    #[error("{actor} may not place an order")]
    PlacementNotPermitted {
        /// Who asked.
        actor: Actor,
    },
    /// The request named a version which is not the current one.
    #[error("the order has version {current}, the request expected {expected}")]
    StaleVersion {
        /// The order's version.
        current: Version,
        /// What the request named.
        expected: Version,
    },
    /// The order's id, or the request's, was used before with another body.
    #[error("this id was used before with another body")]
    IdConflict,
    /// It went out as often as it may.
    #[error("the order went out for delivery {attempts} times, which is all that it may")]
    AttemptsExhausted {
        /// How often it went out.
        attempts: u32,
        /// What could have been asked for.
        allowed: Vec<Status>,
    },
}

impl Rejection {
    /// The code that programs rely on, the same as in records and replies.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Rejection::NotFound => "not_found",
            Rejection::IllegalTransition { .. } => "illegal_transition",
            Rejection::NotPermitted { .. } => "not_permitted",
            Rejection::PlacementNotPermitted { .. } => "placement_not_permitted",
            Rejection::StaleVersion { .. } => "stale_version",
            Rejection::IdConflict => "id_conflict",
            Rejection::AttemptsExhausted { .. } => "attempts_exhausted",
        }
    }

    /// The statuses that could have been asked for, where the refusal is about the status.
    #[must_use]
    pub fn allowed(&self) -> Option<&[Status]> {
        match self {
            Rejection::IllegalTransition { allowed, .. }
            | Rejection::NotPermitted { allowed, .. }
            | Rejection::AttemptsExhausted { allowed, .. } => Some(allowed),
            _ => None,
        }
    }
}
