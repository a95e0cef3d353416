//! The commands.

use logistics_core::Version;
use logistics_core::webhook::{
    EndpointDescription, EndpointId, EndpointOwner, EndpointUrl, EventFilter, ReplyUse, Secret, SecretKind,
};

use crate::idempotency::IdempotencyKey;

/// Creates an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CreateEndpoint {
    /// Where to send.
    pub url: EndpointUrl,
    /// What to send. Default: everything that the owner may receive.
    pub event_types: EventFilter,
    /// What the endpoint is for.
    pub description: Option<EndpointDescription>,
    /// What the body of its reply is. Default: nothing.
    pub reply: ReplyUse,
    /// The owner. Default: the party that the principal is; for an operator, the platform.
    pub owner: Option<EndpointOwner>,
    /// The kind of the generated secret. Default: HMAC.
    pub signature: SecretKind,
    /// The secret, for a receiver that has one already. Default: a generated one.
    pub secret: Option<Secret>,
    /// Identifies a repetition, which returns the original endpoint.
    pub idempotency_key: Option<IdempotencyKey>,
}

impl CreateEndpoint {
    /// An endpoint with the defaults.
    #[must_use]
    pub fn new(url: EndpointUrl) -> Self {
        let (event_types, signature) = (EventFilter::All, SecretKind::Hmac);
        Self {
            url,
            event_types,
            description: None,
            reply: ReplyUse::Ignored,
            owner: None,
            signature,
            secret: None,
            idempotency_key: None,
        }
    }
}

/// Changes the settings of an endpoint. What is `None` stays.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChangeEndpoint {
    /// The endpoint.
    pub id: EndpointId,
    /// Where to send.
    pub url: Option<EndpointUrl>,
    /// What to send.
    pub event_types: Option<EventFilter>,
    /// What the endpoint is for; `Some(None)` removes it.
    pub description: Option<Option<EndpointDescription>>,
    /// What the body of its reply is.
    pub reply: Option<ReplyUse>,
    /// The version that the endpoint must have. `None`: any.
    pub expected_version: Option<Version>,
}

impl ChangeEndpoint {
    /// A command that changes nothing yet.
    #[must_use]
    pub fn new(id: EndpointId) -> Self {
        Self { id, url: None, event_types: None, description: None, reply: None, expected_version: None }
    }
}

/// Gives an endpoint a new secret. The previous one signs as well for some time, so that its receiver can change over.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RotateSecret {
    /// The endpoint.
    pub id: EndpointId,
    /// Milliseconds for which the previous secret signs as well; 0 to 7 days. Default 24 h.
    pub overlap_ms: Option<u64>,
    /// The kind of the generated secret. Default: that of the previous one.
    pub signature: Option<SecretKind>,
    /// The secret, for a receiver that has one already. Default: a generated one.
    pub secret: Option<Secret>,
    /// The version that the endpoint must have. `None`: any.
    pub expected_version: Option<Version>,
}

impl RotateSecret {
    /// A rotation with the defaults.
    #[must_use]
    pub fn new(id: EndpointId) -> Self {
        Self { id, overlap_ms: None, signature: None, secret: None, expected_version: None }
    }
}
