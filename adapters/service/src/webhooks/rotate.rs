//! Rotating the secret of an endpoint.

use logistics_core::limits::{WEBHOOK_OVERLAP_MS_DEFAULT, WEBHOOK_OVERLAP_MS_MAX};
use logistics_core::webhook::{Endpoint, EndpointChange, Secret, SecretKind, StoredSecret};

use super::Webhooks;
use super::command::RotateSecret;
use super::create::WithSecret;
use super::error::WebhookError;
use crate::principal::Principal;

impl Webhooks {
    /// Gives an endpoint a new secret, and returns the secret this once.
    ///
    /// # Errors
    /// As for [`Webhooks::change`]; `Invalid` for an overlap above 7 days.
    pub async fn rotate(
        &self,
        principal: &Principal,
        command: RotateSecret,
    ) -> Result<WithSecret, WebhookError> {
        let RotateSecret { id, overlap_ms, signature, secret, expected_version } = command;
        let overlap_ms = overlap_ms.unwrap_or(WEBHOOK_OVERLAP_MS_DEFAULT);
        if overlap_ms > WEBHOOK_OVERLAP_MS_MAX {
            let problem = format!("must be at most {} seconds", WEBHOOK_OVERLAP_MS_MAX / 1000);
            return Err(WebhookError::invalid("overlap_s", problem));
        }
        let before = self.own(principal, &id)?;
        let previous = || before.secrets.first()?.secret.open().map(Secret::kind);
        let kind = signature.or_else(previous).unwrap_or(SecretKind::Hmac);
        let secret = secret.unwrap_or_else(|| Secret::generate(kind, rand::random()));
        let change = |_: &Endpoint| {
            // No later than the fact's own time allows: the fact takes its time after this.
            let old_valid_until = self.0.clock.now().after_millis(overlap_ms);
            let secret = StoredSecret::Open(secret.clone());
            Ok(Some(EndpointChange::SecretRotated { secret, old_valid_until }))
        };
        let endpoint = self.change_with(principal, &id, expected_version, change).await?;
        Ok(WithSecret { endpoint, secret: Some(secret) })
    }
}
