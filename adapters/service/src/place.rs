//! Placing an order.

use logistics_core::{
    Actor, Command, OrderId, PartyId, Placement, Request, RequestId, RequestOutcome, partition_of,
};

use crate::command::Place;
use crate::error::ServiceError;
use crate::principal::{Acting, Principal};
use crate::service::OrderService;

/// The result of a placement that was not rejected.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Placed {
    /// The placement is durable. With an idempotency key, it is also decided.
    Created {
        /// The order.
        order_id: OrderId,
    },
    /// The placement is durable and was not decided within the wait. [`OrderService::outcome`] returns its outcome later.
    Pending {
        /// The order.
        order_id: OrderId,
        /// The request.
        request_id: RequestId,
    },
}

impl Placed {
    /// The order.
    #[must_use]
    pub fn order_id(&self) -> &OrderId {
        match self {
            Placed::Created { order_id } | Placed::Pending { order_id, .. } => order_id,
        }
    }
}

impl OrderService {
    /// Places an order. When this returns `Ok`, the placement is durable in the log.
    ///
    /// Without an idempotency key the order is new, so it cannot be rejected and the call does not wait. With a key the call waits
    /// for the decision, because an earlier request may have used the key. A repeated placement returns the original order.
    ///
    /// # Errors
    /// [`ServiceError::Behind`] while the backlog exceeds [`Options::admission_lag_max`](crate::Options).
    /// [`ServiceError::Forbidden`] if the principal is no customer; `ForeignParty` if it places for another customer, or names a
    /// courier or the merchant's contact. [`ServiceError::Rejected`] with `IdConflict` if the key belongs to another placement; `TooLarge`; `Unavailable` and
    /// `StorageFull` if the log fails. After `Unavailable` the outcome is unknown: the order may be placed.
    pub async fn place(&self, principal: &Principal, command: Place) -> Result<Placed, ServiceError> {
        let now = self.shared.clock.now();
        let order_id = match &command.idempotency_key {
            Some(key) => OrderId::from_idempotency_key(principal.subject(), key.as_str()),
            None => OrderId::generate(now, rand::random()),
        };
        let id = RequestId::generate(now, rand::random());
        let Acting { actor, party } = principal.act(Some(Actor::Customer), Actor::Customer)?;
        let place = Command::Place(of_party(command.placement, party.as_ref())?);
        self.shared.admit_placement(partition_of(&order_id, self.partitions()))?;
        let mut request = Request::new(id, order_id, actor, place, now);
        request.awaited = command.idempotency_key.is_some();
        (request.by, request.party) = (principal.authenticated().cloned(), party);
        request.trace = command.trace;
        self.append("append a placement", &mut request).await?;
        let Request { id: request_id, order_id, awaited, .. } = request;
        if !awaited {
            return Ok(Placed::Created { order_id });
        }
        match self.decision(&order_id, &request_id, None, self.wait_or_default(command.wait)).await {
            None => Ok(Placed::Pending { order_id, request_id }),
            Some(RequestOutcome::Rejected { rejection }) => Err(rejection.into()),
            Some(RequestOutcome::Happened { .. } | RequestOutcome::Unchanged { .. }) => {
                Ok(Placed::Created { order_id })
            }
        }
    }
}

/// The placement of a customer: for itself, and without a courier, because a courier is assigned later. `party`: the customer that
/// the principal is; `None` if it may place for any customer.
fn of_party(mut placement: Placement, party: Option<&PartyId>) -> Result<Placement, ServiceError> {
    let Some(party) = party else { return Ok(placement) };
    if placement.customer_id.as_ref().is_some_and(|customer| customer != party) {
        return Err(ServiceError::ForeignParty { field: "customer_id" });
    }
    if placement.courier_id.is_some() {
        return Err(ServiceError::ForeignParty { field: "courier_id" });
    }
    // A customer that names the merchant's address could make the platform write to anyone as the merchant.
    if placement.contacts.merchant.is_some() {
        return Err(ServiceError::ForeignParty { field: "contacts.merchant" });
    }
    placement.customer_id = Some(party.clone());
    Ok(placement)
}
