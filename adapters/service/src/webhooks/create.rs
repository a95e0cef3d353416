//! Creating an endpoint.

use std::fmt;
use std::sync::Arc;

use logistics_core::Version;
use logistics_core::limits::{ENDPOINTS_MAX, ENDPOINTS_PER_OWNER_MAX};
use logistics_core::webhook::{
    Endpoint, EndpointChange, EndpointId, EndpointSettings, EndpointUrl, FactIgnored, NewEndpoint, Secret,
    StoredSecret,
};

use super::Webhooks;
use super::access::owner_of_new;
use super::command::CreateEndpoint;
use super::error::WebhookError;
use crate::principal::Principal;

/// An endpoint and its new secret, which is shown this once.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct WithSecret {
    /// The endpoint.
    pub endpoint: Arc<Endpoint>,
    /// The secret; `None` for a repeated creation of an endpoint that has changed since.
    pub secret: Option<Secret>,
}

impl fmt::Debug for WithSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WithSecret").field("endpoint", &self.endpoint.id).finish_non_exhaustive()
    }
}

impl Webhooks {
    /// Creates an endpoint, enabled. A repetition with the idempotency key returns the original endpoint, and also its secret
    /// while the endpoint is unchanged, because the first reply may be lost.
    ///
    /// # Errors
    /// `Forbidden` for a principal that may have no endpoints; `ForeignParty` for another owner; `Invalid` for a URL that is not
    /// permitted; [`WebhookError::TooMany`] and [`WebhookError::Full`] at the limits; [`WebhookError::KeyConflict`];
    /// `NotReady`, `Pending` and the errors of the log.
    pub async fn create(
        &self,
        principal: &Principal,
        command: CreateEndpoint,
    ) -> Result<WithSecret, WebhookError> {
        let owner = owner_of_new(principal, command.owner)?;
        self.permitted(&command.url)?;
        self.ready()?;
        let id = match &command.idempotency_key {
            Some(key) => EndpointId::from_idempotency_key(principal.subject(), key.as_str()),
            None => EndpointId::generate(self.0.clock.now(), rand::random()),
        };
        let CreateEndpoint { url, event_types, description, reply, signature, secret: given, .. } = command;
        let settings = EndpointSettings { url, event_types, description, reply };
        let secret = given.clone().unwrap_or_else(|| Secret::generate(signature, rand::random()));
        let wanted = NewEndpoint { owner, settings, secret: StoredSecret::Open(secret.clone()) };
        if let Some(existing) = self.0.registry.endpoint(&id) {
            return repeated(existing, &wanted, given.as_ref());
        }
        self.within_limits(&wanted)?;
        let fact = self.fact(principal, id.clone(), Version(1), EndpointChange::Created(wanted.clone()));
        match self.write(fact).await? {
            Ok(endpoint) => Ok(WithSecret { endpoint, secret: Some(secret) }),
            // Another process has created the endpoint of this key at the same time.
            Err(FactIgnored::Stale { .. } | FactIgnored::Deleted) => {
                let existing = self.0.registry.endpoint(&id).ok_or(WebhookError::Pending)?;
                repeated(existing, &wanted, given.as_ref())
            }
            Err(ignored) => Err(WebhookError::invalid("endpoint", ignored.to_string())),
        }
    }

    /// # Errors
    /// `Invalid` for `http`, unless it is permitted.
    pub(super) fn permitted(&self, url: &EndpointUrl) -> Result<(), WebhookError> {
        if url.is_https() || self.0.options.allow_http {
            return Ok(());
        }
        Err(WebhookError::invalid("url", "must begin with https://"))
    }

    /// Creations at the same time in several processes may exceed the limits: no fold sees all partitions.
    fn within_limits(&self, new: &NewEndpoint) -> Result<(), WebhookError> {
        let (all, of_owner) = self.0.registry.counts(&new.owner);
        if of_owner >= ENDPOINTS_PER_OWNER_MAX {
            return Err(WebhookError::TooMany);
        }
        if all >= ENDPOINTS_MAX { Err(WebhookError::Full) } else { Ok(()) }
    }
}

/// The result of a creation whose key names an existing endpoint.
fn repeated(
    existing: Arc<Endpoint>,
    wanted: &NewEndpoint,
    given: Option<&Secret>,
) -> Result<WithSecret, WebhookError> {
    let secret = existing.secrets.first().and_then(|secret| secret.secret.open());
    let is_first = existing.version == Version(1);
    let is_same = existing.owner == wanted.owner
        && (!is_first || existing.settings == wanted.settings)
        && (!is_first || given.is_none_or(|given| secret == Some(given)));
    if existing.is_deleted() || !is_same {
        return Err(WebhookError::KeyConflict);
    }
    let secret = secret.filter(|_| is_first).cloned();
    Ok(WithSecret { endpoint: existing, secret })
}
