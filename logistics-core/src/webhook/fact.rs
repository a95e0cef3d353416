//! The facts about a webhook endpoint.

use super::endpoint::{DisabledReason, EndpointOwner, EndpointSettings};
use super::secret::StoredSecret;
use crate::ids::{EndpointId, RequestId, Subject, Timestamp, Version};

/// A change of a webhook endpoint, as a record of the topic `webhook_endpoints`. The fold decides whether it counts:
/// [`evolve_endpoint`](super::evolve_endpoint).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointFact {
    /// The record's own id, the `CloudEvents` `id`.
    pub id: RequestId,
    /// The endpoint.
    pub endpoint_id: EndpointId,
    /// The version that the fact makes: the one that its writer read, plus 1. 1 for a creation.
    pub version: Version,
    /// What changed.
    pub change: EndpointChange,
    /// When, by the writer's clock.
    pub at: Timestamp,
    /// The authenticated subject that caused it; `None`: an anonymous one, or the delivery.
    pub by: Option<Subject>,
}

/// What a fact changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EndpointChange {
    /// The endpoint was created, enabled.
    Created(NewEndpoint),
    /// The owner chose other settings.
    Changed(EndpointSettings),
    /// The endpoint receives events again.
    Enabled,
    /// The endpoint receives no events.
    Disabled {
        /// Why.
        reason: DisabledReason,
    },
    /// The endpoint has a new secret. The newest one before it signs until `old_valid_until`, and any older one no more.
    SecretRotated {
        /// The new secret.
        secret: StoredSecret,
        /// At most [`WEBHOOK_OVERLAP_MS_MAX`](crate::limits::WEBHOOK_OVERLAP_MS_MAX) after the fact.
        old_valid_until: Timestamp,
    },
    /// The endpoint is gone for good.
    Deleted,
}

impl EndpointChange {
    /// The name, for example `created`. The `CloudEvents` type ends with it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            EndpointChange::Created(_) => "created",
            EndpointChange::Changed(_) => "changed",
            EndpointChange::Enabled => "enabled",
            EndpointChange::Disabled { .. } => "disabled",
            EndpointChange::SecretRotated { .. } => "secret-rotated",
            EndpointChange::Deleted => "deleted",
        }
    }

    /// The secret in the fact, if it has one: adapters seal it before they write, and open it after they read.
    pub fn secret_mut(&mut self) -> Option<&mut StoredSecret> {
        match self {
            EndpointChange::Created(new) => Some(&mut new.secret),
            EndpointChange::SecretRotated { secret, .. } => Some(secret),
            EndpointChange::Changed(_)
            | EndpointChange::Enabled
            | EndpointChange::Disabled { .. }
            | EndpointChange::Deleted => None,
        }
    }
}

/// A created endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEndpoint {
    /// Its owner, for good.
    pub owner: EndpointOwner,
    /// What the owner chose.
    pub settings: EndpointSettings,
    /// Its first secret.
    pub secret: StoredSecret,
}
