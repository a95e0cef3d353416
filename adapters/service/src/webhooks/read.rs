//! Listing and showing endpoints.

use std::sync::Arc;

use logistics_core::webhook::{Endpoint, EndpointId};

use super::Webhooks;
use super::access::managed;
use super::error::WebhookError;
use crate::principal::Principal;

impl Webhooks {
    /// The endpoints that the principal manages, in the order of their ids.
    ///
    /// # Errors
    /// `Forbidden` for a principal that may have no endpoints; `NotReady`.
    pub fn list(&self, principal: &Principal) -> Result<Vec<Arc<Endpoint>>, WebhookError> {
        let managed = managed(principal)?;
        self.ready()?;
        Ok(self.0.registry.endpoints_of(managed.as_deref()))
    }

    /// One endpoint.
    ///
    /// # Errors
    /// [`WebhookError::NotFound`], also for another party's endpoint; `Forbidden`; `NotReady`.
    pub fn show(&self, principal: &Principal, id: &EndpointId) -> Result<Arc<Endpoint>, WebhookError> {
        self.own(principal, id)
    }
}
