//! A change of an endpoint as a fact in the log, read back.

use std::sync::Arc;
use std::time::Duration;

use logistics_core::port::{PortErrorKind, Topic};
use logistics_core::webhook::{
    Endpoint, EndpointChange, EndpointFact, EndpointId, FactIgnored, endpoint_partition,
};
use logistics_core::wire::LogKeys;
use logistics_core::{RequestId, Version, wire};

use super::Webhooks;
use super::error::WebhookError;
use crate::error::ServiceError;
use crate::principal::Principal;
use crate::service::port_failed;

/// How often a change without an expected version is tried when another change precedes it.
const ATTEMPTS_MAX: u32 = 5;

impl Webhooks {
    /// Changes an endpoint that the principal manages. `change` gets the current state; `None` means that there is nothing to
    /// change. Without an expected version, a change that loses against another one is made again from the new state.
    pub(super) async fn change_with(
        &self,
        principal: &Principal,
        id: &EndpointId,
        expected: Option<Version>,
        change: impl Fn(&Endpoint) -> Result<Option<EndpointChange>, WebhookError>,
    ) -> Result<Arc<Endpoint>, WebhookError> {
        let mut attempts = 0;
        loop {
            let current = self.own(principal, id)?;
            let stale = |current| expected.map(|expected| WebhookError::Stale { current, expected });
            if expected.is_some_and(|expected| expected != current.version) {
                return Err(stale(current.version).unwrap_or(WebhookError::NotFound));
            }
            let Some(change) = change(&current)? else { return Ok(current) };
            let fact = self.fact(principal, id.clone(), current.version.next(), change);
            attempts += 1;
            match self.write(fact).await? {
                Ok(endpoint) => return Ok(endpoint),
                Err(FactIgnored::Stale { current, .. }) if expected.is_some() => {
                    return Err(stale(current).unwrap_or(WebhookError::NotFound));
                }
                Err(FactIgnored::Stale { .. }) if attempts < ATTEMPTS_MAX => {}
                Err(FactIgnored::Stale { .. }) => return Err(ServiceError::Unavailable.into()),
                Err(FactIgnored::Deleted) => return Err(WebhookError::NotFound),
                Err(ignored) => return Err(WebhookError::invalid("endpoint", ignored.to_string())),
            }
        }
    }

    pub(super) fn fact(
        &self,
        principal: &Principal,
        endpoint_id: EndpointId,
        version: Version,
        change: EndpointChange,
    ) -> EndpointFact {
        let at = self.0.clock.now();
        let (id, by) = (RequestId::generate(at, rand::random()), principal.authenticated().cloned());
        EndpointFact { id, endpoint_id, version, change, at, by }
    }

    /// Writes a fact, and waits until this process has read it back: the endpoint after it, or why it changed nothing.
    pub(super) async fn write(
        &self,
        mut fact: EndpointFact,
    ) -> Result<Result<Arc<Endpoint>, FactIgnored>, WebhookError> {
        let shared = &self.0;
        if let (Some(keys), Some(secret)) = (&shared.options.sealing_keys, fact.change.secret_mut()) {
            keys.seal(&fact.endpoint_id, secret);
        }
        let partition = endpoint_partition(&fact.endpoint_id, shared.bus.partitions());
        let record = wire::encode_endpoint_fact(&fact);
        let payload = LogKeys::sign_input_with(shared.options.log_keys.as_ref(), partition, record);
        let limit = Duration::from_millis(shared.options.port_timeout_ms);
        let publish = shared.bus.publish(Topic::Endpoints, partition, fact.endpoint_id.to_key(), payload);
        let offset = match tokio::time::timeout(limit, publish).await {
            Ok(Ok(offset)) => offset,
            Ok(Err(error)) => {
                return Err(port_failed("publish a fact about a webhook endpoint", &error).into());
            }
            Err(_) => return Err(ServiceError::from(PortErrorKind::Unavailable).into()),
        };
        let limit = Duration::from_millis(shared.options.read_back_ms_max);
        let folded = tokio::time::timeout(limit, shared.registry.folded(partition, offset)).await;
        folded.ok().flatten().ok_or(WebhookError::Pending)
    }
}
