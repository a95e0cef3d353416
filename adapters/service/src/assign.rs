//! Setting or clearing the courier of an order.

use logistics_core::{Actor, Command, Request, RequestId, RequestOutcome, wire};

use crate::command::Assign;
use crate::error::ServiceError;
use crate::principal::Principal;
use crate::service::OrderService;
use crate::transition::Transitioned;

impl OrderService {
    /// Requests a change of the courier and waits for the decision. When this returns `Ok`, the request is durable in the log.
    ///
    /// # Errors
    /// As for [`OrderService::transition`].
    pub async fn assign(&self, principal: &Principal, command: Assign) -> Result<Transitioned, ServiceError> {
        let acting = principal.act(command.actor, Actor::Operator)?;
        let wait = self.wait_or_default(command.wait);
        let now = self.shared.clock.now();
        let id = match &command.idempotency_key {
            Some(key) => {
                RequestId::from_idempotency_key(principal.subject(), key.as_str(), &command.order_id)
            }
            None => RequestId::generate(now, rand::random()),
        };
        let assign = Command::Assign { courier_id: command.courier_id };
        let mut request = Request::new(id, command.order_id, acting.actor, assign, now).with_awaited(true);
        request.by = principal.authenticated().cloned();
        request.party = acting.party;
        request.expected_version = command.expected_version;
        request.reason = command.reason;
        request.trace = command.trace;
        let payload = wire::encode_request(&request);
        let append = self.shared.bus.append(&request.order_id, payload);
        let offset = self.shared.port("append a request", append).await?;
        let appended = command.idempotency_key.as_ref().map(|_| offset);
        let Request { id: request_id, order_id, .. } = request;
        match self.decision(&order_id, &request_id, appended, wait).await {
            None => Ok(Transitioned::Pending { order_id, request_id }),
            Some(RequestOutcome::Rejected { rejection }) => Err(rejection.into()),
            Some(RequestOutcome::Happened { .. } | RequestOutcome::Unchanged { .. }) => {
                // A courier that has released the order does not see it any more. The reply to its own request shows it once.
                match self.find(&Principal::anonymous(), &order_id).await {
                    // The change happened, but the budget has no room for the document. The caller reads it later.
                    Err(ServiceError::Overloaded) => Ok(Transitioned::Pending { order_id, request_id }),
                    found => found.map(Transitioned::Done),
                }
            }
        }
    }
}
