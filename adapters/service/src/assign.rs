//! Setting or clearing the courier of an order.

use logistics_core::Command;

use crate::change::Change;
use crate::command::Assign;
use crate::error::ServiceError;
use crate::principal::Principal;
use crate::service::OrderService;
use crate::transition::Transitioned;

impl OrderService {
    /// Requests a change of the courier and waits for the decision. When this returns `Ok`, the request is durable in the log. A
    /// courier that has released the order sees it once more, in the result.
    ///
    /// # Errors
    /// As for [`OrderService::transition`].
    pub async fn assign(&self, principal: &Principal, command: Assign) -> Result<Transitioned, ServiceError> {
        let Assign { order_id, courier_id, actor, expected_version, reason, idempotency_key, trace, wait } =
            command;
        let command = Command::Assign { courier_id };
        let change =
            Change { order_id, command, actor, expected_version, reason, idempotency_key, trace, wait };
        self.change(principal, change).await
    }
}
