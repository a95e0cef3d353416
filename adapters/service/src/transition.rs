//! Requesting a transition of an order.

use logistics_core::{Actor, Command, OrderId, Request, RequestId, RequestOutcome};

use crate::command::{Action, Transition};
use crate::document::Document;
use crate::error::ServiceError;
use crate::principal::{Acting, Principal};
use crate::service::OrderService;

/// The result of a transition that was not rejected.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Transitioned {
    /// The transition happened, by this or an earlier request. The document is the current one.
    Done(Document),
    /// The request is durable. It was not decided within the wait, or the budget has no room for the document.
    /// [`OrderService::outcome`] returns its outcome later.
    Pending {
        /// The order.
        order_id: OrderId,
        /// The request.
        request_id: RequestId,
    },
}

impl OrderService {
    /// Requests a transition and waits for the decision. When this returns `Ok`, the request is durable in the log.
    ///
    /// # Errors
    /// [`ServiceError::ReservedActor`]; [`ServiceError::Rejected`] if the lifecycle, the expected version or the idempotency
    /// key forbids the transition; `TooLarge`; `Unavailable` and `StorageFull` if the log fails. After the transition, the errors
    /// of [`OrderService::find`] if its document cannot be read.
    pub async fn transition(
        &self,
        principal: &Principal,
        command: Transition,
    ) -> Result<Transitioned, ServiceError> {
        let Acting { actor, party } = principal.act(command.actor, Actor::Operator)?;
        let wait = self.wait_or_default(command.wait);
        let now = self.shared.clock.now();
        let id = match &command.idempotency_key {
            Some(key) => {
                RequestId::from_idempotency_key(principal.subject(), key.as_str(), &command.order_id)
            }
            None => RequestId::generate(now, rand::random()),
        };
        let action = match command.action {
            Action::Cancel => Command::Cancel,
            Action::MoveTo(to) => Command::Transition { to },
        };
        let mut request = Request::new(id, command.order_id, actor, action, now).with_awaited(true);
        request.expected_version = command.expected_version;
        request.reason = command.reason;
        (request.by, request.party) = (principal.authenticated().cloned(), party);
        request.trace = command.trace;
        let offset = self.shared.append("append a request", &request).await?;
        let appended = command.idempotency_key.as_ref().map(|_| offset);
        let Request { id: request_id, order_id, .. } = request;
        match self.decision(&order_id, &request_id, appended, wait).await {
            None => Ok(Transitioned::Pending { order_id, request_id }),
            Some(RequestOutcome::Rejected { rejection }) => Err(rejection.into()),
            Some(RequestOutcome::Happened { .. } | RequestOutcome::Unchanged { .. }) => {
                match self.find_written(principal, &order_id).await {
                    // The transition happened, but the budget has no room for the document. The caller reads it later.
                    Err(ServiceError::Overloaded) => Ok(Transitioned::Pending { order_id, request_id }),
                    found => found.map(Transitioned::Done),
                }
            }
        }
    }
}
