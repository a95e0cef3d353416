//! Decisions on requests and deadlines of an order. Pure functions: the same arguments give the same result.

mod assign;
mod trace;
mod tracking;

use crate::fact::{Cause, Change, Fact};
use crate::ids::{Offset, Timestamp, Version};
use crate::lifecycle::{Actor, Status, Timer, assigners, transition};
use crate::order::{HistoryEntry, Order};
use crate::policy::{DeadlineKind, Policy};
use crate::rejection::Rejection;
use crate::request::{Command, Placement, Request};

/// The decision on a request.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[must_use]
pub enum Decision {
    /// The request is accepted.
    Fact(Box<Fact>),
    /// The order is in the requested state already: a success that changes nothing.
    Unchanged,
    /// The request is rejected.
    Rejected(Rejection),
}

/// Decides a request that has this `offset` in the log, at the time `now`.
///
/// A request that names a party reaches the orders of this party only. For any other order the decision is the same as for an
/// order that does not exist.
///
/// `order` is the order's state; `None` if there is no such order. The fact's time is `now`, or the previous fact's time if
/// that is later.
pub fn decide(
    order: Option<&Order>,
    request: &Request,
    offset: Offset,
    now: Timestamp,
    policy: &Policy,
) -> Decision {
    let cause = Cause::Request { request: request.id.clone(), offset };
    match (order, &request.command) {
        (None, Command::Place(placement)) => place(request, placement, cause, now, policy),
        (None, _) => Decision::Rejected(Rejection::NotFound),
        // Also for the order of another party: order ids of placements are scoped by their subject, and a placement that
        // names an id learns only that the id is taken.
        (Some(order), Command::Place(placement)) if placement.same_as(&order.placement()) => {
            Decision::Unchanged
        }
        (Some(_), Command::Place(_)) => Decision::Rejected(Rejection::IdConflict),
        (Some(order), _) if !reaches(request, order) => Decision::Rejected(Rejection::NotFound),
        (Some(order), Command::Transition { to }) => move_to(order, *to, request, cause, now, policy),
        (Some(order), Command::Cancel) => move_to(order, Status::Cancelled, request, cause, now, policy),
        (Some(order), Command::Assign { courier_id }) => {
            assign::assign(order, courier_id.as_ref(), request, cause, now)
        }
        (Some(order), Command::RevokeTracking) => tracking::revoke(order, request, cause, now),
    }
}

/// Decides the deadline of an order at the time `now`; `None` if no deadline is due.
///
/// `offset` is the next input of the partition; the fact records it.
#[must_use]
pub fn decide_due(order: &Order, offset: Offset, now: Timestamp, policy: &Policy) -> Option<Fact> {
    let deadline = order.deadline.filter(|deadline| deadline.at <= now)?;
    let (status, change) = match deadline.kind {
        DeadlineKind::Advance => (order.status.moved_by(Timer::Dwell)?, Change::Moved),
        DeadlineKind::Expire => (order.status.moved_by(Timer::Accept)?, Change::Moved),
        DeadlineKind::Return => (order.status.moved_by(Timer::Return)?, Change::Moved),
        DeadlineKind::Late => (order.status, Change::Late),
    };
    let cause = Cause::Timer { timer: deadline.kind, offset };
    Some(next_fact(order, status, change, Actor::System, cause, now, policy))
}

/// The request names no party, or the order's party in the role of its actor, or it is a claim.
fn reaches(request: &Request, order: &Order) -> bool {
    request.party.is_none()
        || request.party.as_ref() == order.party(request.actor)
        || is_claim(request, order)
}

/// A courier asks for itself, and the order has no courier and permits a courier to change that. Any other request of a courier
/// about an order without a courier must not show whether the order exists.
fn is_claim(request: &Request, order: &Order) -> bool {
    let Command::Assign { courier_id: Some(courier) } = &request.command else { return false };
    request.actor == Actor::Courier
        && request.party.as_ref() == Some(courier)
        && order.courier_id.is_none()
        && assigners(order.status).contains(&Actor::Courier)
}

fn place(
    request: &Request,
    placement: &Placement,
    cause: Cause,
    now: Timestamp,
    policy: &Policy,
) -> Decision {
    let may_place = transition(None, Status::Placed).is_some_and(|row| row.actors.contains(&request.actor));
    if !may_place || request.actor == Actor::System {
        return Decision::Rejected(Rejection::PlacementNotPermitted { actor: request.actor });
    }
    if let Some(expected) = request.expected_version.filter(|expected| *expected != Version(0)) {
        return Decision::Rejected(Rejection::StaleVersion { current: Version(0), expected });
    }
    Decision::Fact(Box::new(Fact {
        order_id: request.order_id.clone(),
        version: Version(1),
        status: Status::Placed,
        change: Change::Placed(placement.clone()),
        at: now,
        actor: request.actor,
        by: request.by.clone(),
        reason: request.reason.clone(),
        cause,
        deadline: policy.deadline(Status::Placed, now, false),
        attempts_left: None,
        trace: trace::of_request(None, request),
    }))
}

fn move_to(
    order: &Order,
    to: Status,
    request: &Request,
    cause: Cause,
    now: Timestamp,
    policy: &Policy,
) -> Decision {
    // Repetition is checked before staleness: the retry of a success expects the version before its own effect.
    if let Some(entry) = order.caused_by(&request.id) {
        let same = (entry.status, entry.actor, &entry.reason) == (to, request.actor, &request.reason);
        let same = same && entry.is_move() && is_by(entry, request);
        return if same { Decision::Unchanged } else { Decision::Rejected(Rejection::IdConflict) };
    }
    if order.status == to && request.expected_version.is_none_or(|expected| leads_here(order, expected)) {
        return Decision::Unchanged;
    }
    if let Some(expected) = request.expected_version.filter(|expected| *expected != order.version) {
        return Decision::Rejected(Rejection::StaleVersion { current: order.version, expected });
    }
    let (current, requested, actor) = (order.status, to, request.actor);
    let Some(row) = transition(Some(current), to) else {
        return Decision::Rejected(Rejection::IllegalTransition {
            current,
            requested,
            allowed: order.allowed(None),
        });
    };
    // Only timers act as the system. An input with this actor comes from outside and has no rights.
    let outside = actor != Actor::System;
    if !(outside && row.actors.contains(&actor)) {
        return Decision::Rejected(Rejection::NotPermitted {
            current,
            requested,
            actor,
            permitted: row.actors.iter().copied().filter(|actor| *actor != Actor::System).collect(),
            allowed: if outside { order.allowed(Some(actor)) } else { Vec::new() },
        });
    }
    if to == Status::OutForDelivery && order.attempts_left == Some(0) {
        return Decision::Rejected(Rejection::AttemptsExhausted {
            attempts: order.delivery_attempts,
            allowed: order.allowed(None),
        });
    }
    let mut fact = next_fact(order, to, Change::Moved, actor, cause, now, policy);
    fact.by.clone_from(&request.by);
    fact.reason.clone_from(&request.reason);
    fact.trace = trace::of_request(Some(order), request);
    Decision::Fact(Box::new(fact))
}

/// The same subject sent the request that caused the fact. An entry without a subject fits any: earlier releases kept none.
fn is_by(entry: &HistoryEntry, request: &Request) -> bool {
    entry.by.is_none() || entry.by == request.by
}

fn next_fact(
    order: &Order,
    status: Status,
    change: Change,
    actor: Actor,
    cause: Cause,
    now: Timestamp,
    policy: &Policy,
) -> Fact {
    let at = now.max(order.updated_at);
    let late = change == Change::Late;
    // A late fact does not restart the other clocks of the status. They count from the order's entry into it.
    let since = if late { entered_at(order) } else { at };
    let attempts_left = (status == Status::DeliveryFailed)
        .then(|| policy.max_delivery_attempts.saturating_sub(order.delivery_attempts));
    Fact {
        order_id: order.order_id.clone(),
        version: order.version.next(),
        status,
        change,
        at,
        actor,
        by: None,
        reason: None,
        cause,
        deadline: policy.deadline(status, since, late),
        attempts_left,
        trace: trace::of_timer(order, late),
    }
}

/// When the order entered its status.
pub(crate) fn entered_at(order: &Order) -> Timestamp {
    order.entered().map_or(order.created_at, |entry| entry.at)
}

/// The version is the one before the order entered its status, or a later one.
fn leads_here(order: &Order, expected: Version) -> bool {
    let entered = order.entered().map_or(order.version, |entry| entry.version);
    expected <= order.version && expected.next() >= entered
}
