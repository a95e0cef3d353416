//! Requesting a change of an order, and waiting for its decision.

use std::time::Duration;

use logistics_core::{
    Actor, Command, OrderId, Reason, Request, RequestId, RequestOutcome, TraceParent, Version,
};

use crate::error::ServiceError;
use crate::idempotency::IdempotencyKey;
use crate::principal::{Acting, Principal};
use crate::service::OrderService;
use crate::transition::Transitioned;

/// A change of an existing order.
pub(crate) struct Change {
    pub(crate) order_id: OrderId,
    pub(crate) command: Command,
    pub(crate) actor: Option<Actor>,
    pub(crate) expected_version: Option<Version>,
    pub(crate) reason: Option<Reason>,
    pub(crate) idempotency_key: Option<IdempotencyKey>,
    pub(crate) trace: Option<TraceParent>,
    pub(crate) wait: Option<Duration>,
}

impl OrderService {
    /// Requests the change and waits for the decision. The decision compares the principal's party with the order, so a foreign
    /// order takes the same way as one that does not exist.
    pub(crate) async fn change(
        &self,
        principal: &Principal,
        change: Change,
    ) -> Result<Transitioned, ServiceError> {
        let Acting { actor, party } = principal.act(change.actor, Actor::Operator)?;
        let wait = self.wait_or_default(change.wait);
        let now = self.shared.clock.now();
        let id = match &change.idempotency_key {
            Some(key) => RequestId::from_idempotency_key(principal.subject(), key.as_str(), &change.order_id),
            None => RequestId::generate(now, rand::random()),
        };
        let mut request = Request::new(id, change.order_id, actor, change.command, now).with_awaited(true);
        request.expected_version = change.expected_version;
        request.reason = change.reason;
        (request.by, request.party) = (principal.authenticated().cloned(), party);
        request.trace = change.trace;
        let offset = self.append("append a request", &mut request).await?;
        let appended = change.idempotency_key.as_ref().map(|_| offset);
        let Request { id: request_id, order_id, .. } = request;
        match self.decision(&order_id, &request_id, appended, wait).await {
            None => Ok(Transitioned::Pending { order_id, request_id }),
            Some(RequestOutcome::Rejected { rejection }) => Err(rejection.into()),
            Some(RequestOutcome::Happened { .. } | RequestOutcome::Unchanged { .. }) => {
                match self.find_written(principal, &order_id).await {
                    // The change happened, but the budget has no room for the document, or the store is not called for now. The
                    // caller reads it later.
                    Err(ServiceError::Overloaded | ServiceError::CircuitOpen { .. }) => {
                        Ok(Transitioned::Pending { order_id, request_id })
                    }
                    found => found.map(Transitioned::Done),
                }
            }
        }
    }
}
