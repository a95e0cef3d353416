//! Shared by the tests of decisions: orders made from facts, and requests.
#![allow(dead_code)] // Each test crate uses its part.

use logistics_core::{
    Actor, Cause, Change, Command, Details, Fact, Offset, Order, OrderId, Placement, Policy, Request,
    RequestId, Status, Timestamp, Version, decide_due, evolve,
};

/// The time at which the tests start.
pub(crate) const START: i64 = 1_764_000_000_000;

/// This many milliseconds after the start.
pub(crate) fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(START + millis)
}

/// The placement of the orders in these tests.
pub(crate) fn placement() -> Placement {
    Placement::new().with_details(Details::parse(r#"{"a": 1}"#).unwrap())
}

/// A request about the one order, at the start.
pub(crate) fn request(actor: Actor, command: Command) -> Request {
    Request::new("request".parse().unwrap(), "order".parse().unwrap(), actor, command, at(0))
}

/// A fact that no decision produced.
pub(crate) fn fact(version: u64, status: Status, change: Change) -> Fact {
    let cause = Cause::Request { request: RequestId::parse("before").unwrap(), offset: Offset(0) };
    let order_id = OrderId::parse("order").unwrap();
    Fact::new(order_id, Version(version), status, change, at(0), Actor::Operator, cause)
}

/// An order that was placed and then entered `status`, even if the lifecycle has no such transition.
pub(crate) fn order_in(status: Status, attempts_left: Option<u32>) -> Order {
    let placed = evolve(None, &fact(1, Status::Placed, Change::Placed(placement()))).unwrap();
    if status == Status::Placed {
        return placed;
    }
    let mut entered = fact(2, status, Change::Moved);
    entered.attempts_left = attempts_left;
    evolve(Some(placed), &entered).unwrap()
}

/// Fires every deadline that is due. Returns the facts, and the order after them.
pub(crate) fn fire(mut order: Order, now: Timestamp, policy: &Policy) -> (Vec<Fact>, Order) {
    let mut facts = Vec::new();
    while let Some(fact) = decide_due(&order, Offset(9), now, policy) {
        order = evolve(Some(order), &fact).unwrap();
        facts.push(fact);
        assert!(facts.len() < 30, "deadlines never end: {facts:?}");
    }
    (facts, order)
}
