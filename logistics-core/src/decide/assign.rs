//! Decisions on requests to set or clear an order's courier.

use super::{is_by, trace};
use crate::decide::Decision;
use crate::fact::{Cause, Change, Fact};
use crate::ids::{PartyId, Timestamp, Version};
use crate::lifecycle::{Actor, assigners};
use crate::order::Order;
use crate::rejection::Rejection;
use crate::request::Request;

/// Decides a request that reaches the order: `courier` is its courier from now on.
pub(super) fn assign(
    order: &Order,
    courier: Option<&PartyId>,
    request: &Request,
    cause: Cause,
    now: Timestamp,
) -> Decision {
    // Repetition is checked before staleness, as for transitions.
    if let Some(entry) = order.caused_by(&request.id) {
        let assigned = entry.assignment.as_ref().map(|assignment| assignment.courier_id.as_ref());
        let same = (assigned, entry.actor, &entry.reason) == (Some(courier), request.actor, &request.reason);
        let same = same && is_by(entry, request);
        return if same { Decision::Unchanged } else { Decision::Rejected(Rejection::IdConflict) };
    }
    let is_set = order.courier_id.as_ref() == courier;
    if is_set && request.expected_version.is_none_or(|expected| leads_here(order, expected)) {
        return Decision::Unchanged;
    }
    if let Some(expected) = request.expected_version.filter(|expected| *expected != order.version) {
        return Decision::Rejected(Rejection::StaleVersion { current: order.version, expected });
    }
    let permitted = permitted(order, courier, request);
    let (current, actor) = (order.status, request.actor);
    if !permitted.contains(&actor) {
        return Decision::Rejected(Rejection::AssignmentNotPermitted { current, actor, permitted });
    }
    Decision::Fact(Box::new(Fact {
        order_id: order.order_id.clone(),
        version: order.version.next(),
        status: order.status,
        change: Change::Assigned { courier_id: courier.cloned() },
        at: now.max(order.updated_at),
        actor,
        by: request.by.clone(),
        reason: request.reason.clone(),
        cause,
        // The courier has no effect on time: the order keeps its deadline, and its timer.
        deadline: order.deadline,
        attempts_left: order.attempts_left,
        trace: trace::of_request(Some(order), request),
    }))
}

/// The actors that may request this change. A courier that is a party may claim the order for itself and release it, but not
/// assign another courier.
fn permitted(order: &Order, courier: Option<&PartyId>, request: &Request) -> Vec<Actor> {
    let own = request.party.as_ref();
    let by_courier = own.is_none() || courier.is_none() || courier == own;
    let actors = assigners(order.status).iter().copied();
    actors.filter(|actor| by_courier || request.actor != Actor::Courier || *actor != Actor::Courier).collect()
}

/// The version is the one before the courier was set, or a later one.
fn leads_here(order: &Order, expected: Version) -> bool {
    let assigned = order.assigned().map_or(Version(1), |entry| entry.version);
    expected <= order.version && expected.next() >= assigned
}
