//! Requesting a transition of an order.

use logistics_core::{Command, OrderId, RequestId};

use crate::change::Change;
use crate::command::{Action, Transition};
use crate::document::Document;
use crate::error::ServiceError;
use crate::principal::Principal;
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
    /// [`ServiceError::ReservedActor`]; `Forbidden` if the principal may not be the actor; [`ServiceError::Rejected`] if the lifecycle, the expected version or the idempotency
    /// key forbids the transition; `TooLarge`; `Unavailable` and `StorageFull` if the log fails. After the transition, the errors
    /// of [`OrderService::find`] if its document cannot be read.
    pub async fn transition(
        &self,
        principal: &Principal,
        command: Transition,
    ) -> Result<Transitioned, ServiceError> {
        let Transition { order_id, action, actor, expected_version, reason, idempotency_key, trace, wait } =
            command;
        let command = match action {
            Action::Cancel => Command::Cancel,
            Action::MoveTo(to) => Command::Transition { to },
        };
        let change =
            Change { order_id, command, actor, expected_version, reason, idempotency_key, trace, wait };
        self.change(principal, change).await
    }
}
