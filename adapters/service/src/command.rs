//! Typed commands.

use std::time::Duration;

use logistics_core::{Actor, OrderId, PartyId, Placement, Reason, Status, TraceParent, Version};

use crate::idempotency::IdempotencyKey;

/// Places a new order. `Place::default()` has no parties and no details.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Place {
    /// Identifies the order: one key of one principal is one order. With a key, the call waits for the decision.
    pub idempotency_key: Option<IdempotencyKey>,
    /// The parties of the order and its details.
    pub placement: Placement,
    /// The trace context that the order's records carry.
    pub trace: Option<TraceParent>,
    /// How long to wait for the decision if there is a key. `None`: [`Options::default_wait_ms`](crate::Options).
    pub wait: Option<Duration>,
}

impl Place {
    /// Places an order with these parties and details.
    #[must_use]
    pub fn new(placement: Placement) -> Self {
        Self { placement, ..Self::default() }
    }
}

/// What a [`Transition`] does with the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Action {
    /// Cancels the order.
    Cancel,
    /// Moves the order into this status.
    MoveTo(Status),
}

/// Requests a transition of an order.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Transition {
    /// The order.
    pub order_id: OrderId,
    /// What the transition does with the order.
    pub action: Action,
    /// The actor that requests the transition. The principal must be permitted to act as this actor. `None`: its own; of a
    /// principal that may be any actor, `operator`.
    pub actor: Option<Actor>,
    /// The version that the order must have; otherwise the processor rejects the request as stale. `None`: any version.
    pub expected_version: Option<Version>,
    /// The reason, for the order's history.
    pub reason: Option<Reason>,
    /// Identifies the request: one key of one principal for one order is one request.
    pub idempotency_key: Option<IdempotencyKey>,
    /// The trace context that the request's records carry.
    pub trace: Option<TraceParent>,
    /// How long to wait for the decision. `None`: [`Options::default_wait_ms`](crate::Options).
    pub wait: Option<Duration>,
}

impl Transition {
    /// Cancels the order.
    #[must_use]
    pub fn cancel(order_id: OrderId) -> Self {
        Self::new(order_id, Action::Cancel)
    }

    /// Moves the order into `status`.
    #[must_use]
    pub fn to(order_id: OrderId, status: Status) -> Self {
        Self::new(order_id, Action::MoveTo(status))
    }

    fn new(order_id: OrderId, action: Action) -> Self {
        Self {
            order_id,
            action,
            actor: None,
            expected_version: None,
            reason: None,
            idempotency_key: None,
            trace: None,
            wait: None,
        }
    }
}

/// Sets or clears the courier of an order.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Assign {
    /// The order.
    pub order_id: OrderId,
    /// The courier from now on; `None`: no courier.
    pub courier_id: Option<PartyId>,
    /// The actor that requests the change. `None`: the principal's own, or `operator` if it may be any.
    pub actor: Option<Actor>,
    /// The version that the order must have; otherwise the processor rejects the request as stale. `None`: any version.
    pub expected_version: Option<Version>,
    /// The reason, for the order's history.
    pub reason: Option<Reason>,
    /// Identifies the request: one key of one principal for one order is one request.
    pub idempotency_key: Option<IdempotencyKey>,
    /// The trace context that the request's records carry.
    pub trace: Option<TraceParent>,
    /// How long to wait for the decision. `None`: [`Options::default_wait_ms`](crate::Options).
    pub wait: Option<Duration>,
}

impl Assign {
    /// Sets the courier; `None` clears it.
    #[must_use]
    pub fn new(order_id: OrderId, courier_id: Option<PartyId>) -> Self {
        Self {
            order_id,
            courier_id,
            actor: None,
            expected_version: None,
            reason: None,
            idempotency_key: None,
            trace: None,
            wait: None,
        }
    }
}
