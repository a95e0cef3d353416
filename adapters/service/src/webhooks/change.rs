//! Changing, enabling, disabling and deleting an endpoint.

use std::sync::Arc;

use logistics_core::Version;
use logistics_core::webhook::{DisabledReason, Endpoint, EndpointChange, EndpointId};

use super::Webhooks;
use super::command::ChangeEndpoint;
use super::error::WebhookError;
use crate::principal::Principal;

impl Webhooks {
    /// Changes the settings of an endpoint.
    ///
    /// # Errors
    /// [`WebhookError::NotFound`], also for another party's endpoint; [`WebhookError::Stale`]; `Invalid` for a URL that is not
    /// permitted; `Forbidden`; `NotReady`, `Pending` and the errors of the log.
    pub async fn change(
        &self,
        principal: &Principal,
        command: ChangeEndpoint,
    ) -> Result<Arc<Endpoint>, WebhookError> {
        let ChangeEndpoint { id, url, event_types, description, reply, expected_version } = command;
        if let Some(url) = &url {
            self.permitted(url)?;
        }
        let change = |endpoint: &Endpoint| {
            let mut settings = endpoint.settings.clone();
            if let Some(url) = &url {
                settings.url = url.clone();
            }
            if let Some(event_types) = &event_types {
                settings.event_types = event_types.clone();
            }
            if let Some(description) = &description {
                settings.description = description.clone();
            }
            settings.reply = reply.unwrap_or(settings.reply);
            Ok((settings != endpoint.settings).then_some(EndpointChange::Changed(settings)))
        };
        self.change_with(principal, &id, expected_version, change).await
    }

    /// Enables an endpoint. An enabled one stays as it is.
    ///
    /// # Errors
    /// As for [`Webhooks::change`].
    pub async fn enable(
        &self,
        principal: &Principal,
        id: &EndpointId,
        expected_version: Option<Version>,
    ) -> Result<Arc<Endpoint>, WebhookError> {
        let change = |endpoint: &Endpoint| Ok((!endpoint.is_enabled()).then_some(EndpointChange::Enabled));
        self.change_with(principal, id, expected_version, change).await
    }

    /// Disables an endpoint. A disabled one stays as it is.
    ///
    /// # Errors
    /// As for [`Webhooks::change`].
    pub async fn disable(
        &self,
        principal: &Principal,
        id: &EndpointId,
        expected_version: Option<Version>,
    ) -> Result<Arc<Endpoint>, WebhookError> {
        let disabled = EndpointChange::Disabled { reason: DisabledReason::Owner };
        let change = |endpoint: &Endpoint| Ok(endpoint.is_enabled().then(|| disabled.clone()));
        self.change_with(principal, id, expected_version, change).await
    }

    /// Deletes an endpoint for good.
    ///
    /// # Errors
    /// As for [`Webhooks::change`].
    pub async fn delete(
        &self,
        principal: &Principal,
        id: &EndpointId,
        expected_version: Option<Version>,
    ) -> Result<(), WebhookError> {
        let change = |_: &Endpoint| Ok(Some(EndpointChange::Deleted));
        self.change_with(principal, id, expected_version, change).await.map(drop)
    }
}
