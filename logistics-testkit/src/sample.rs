//! Samples for tests: ids, placements, requests and whole histories, all derived from the lifecycle table.

use std::collections::VecDeque;

use bytes::Bytes;

use logistics_core::lifecycle::{Actor, Status, transition, transitions_from};
use logistics_core::notify::Notification;
use logistics_core::port::{NewRecord, Topic};
use logistics_core::{
    Cause, Change, Command, Details, Fact, Offset, Order, OrderId, Partition, PartyId, Placement, Request,
    RequestId, Timestamp, Version, evolve, partition_of,
};

/// The time at which samples begin: 2026-01-01T00:00:00Z.
pub const START_MS: i64 = 1_767_225_600_000;

/// Ids tried in the search for one of a partition.
const ID_TRIES_MAX: u64 = 1_000_000;

/// This many milliseconds after the time at which samples begin.
#[must_use]
pub fn time(after_ms: i64) -> Timestamp {
    Timestamp::from_millis(START_MS + after_ms)
}

/// The order id of this number.
#[must_use]
pub fn order_id(n: u64) -> OrderId {
    parsed(OrderId::parse(&format!("order-{n}")))
}

/// The order id of this number among those that live in a partition.
///
/// # Panics
/// When there is no such partition.
#[must_use]
pub fn order_id_in(partition: Partition, partitions: u32, n: usize) -> OrderId {
    let found = (0..ID_TRIES_MAX).map(order_id).filter(|id| partition_of(id, partitions) == partition).nth(n);
    found.unwrap_or_else(|| panic!("no order id was found for partition {partition} of {partitions}"))
}

/// The first so many order ids of those that live in a partition.
///
/// # Panics
/// When there are not that many.
#[must_use]
pub fn order_ids_in(partition: Partition, partitions: u32, count: usize) -> Vec<OrderId> {
    let ids = (0..ID_TRIES_MAX).map(order_id).filter(|id| partition_of(id, partitions) == partition);
    let ids: Vec<_> = ids.take(count).collect();
    assert!(ids.len() == count, "there are not {count} order ids for partition {partition} of {partitions}");
    ids
}

/// A request id of this number.
#[must_use]
pub fn request_id(n: u64) -> RequestId {
    parsed(RequestId::parse(&format!("request-{n}")))
}

/// A placement with every field set.
#[must_use]
pub fn placement() -> Placement {
    let party = |text| parsed(PartyId::parse(text));
    let details = r#"{"items":[{"name":"soup","quantity":2}],"note":"no onions"}"#;
    Placement::new()
        .with_customer(party("customer-1"))
        .with_merchant(party("merchant-1"))
        .with_courier(party("courier-1"))
        .with_details(parsed(Details::parse(details)))
}

/// A request of this actor about order 1. It is not awaited, expects no version, and its id differs from those of the
/// sample facts.
#[must_use]
pub fn request(actor: Actor, command: Command) -> Request {
    Request::new(request_id(1_000_000), order_id(1), actor, command, time(0))
}

/// The customer's request to place order 1.
#[must_use]
pub fn place() -> Request {
    request(Actor::Customer, Command::Place(placement()))
}

/// A request of this actor to set the courier of order 1; `None` clears it.
///
/// # Panics
/// When the text is no party id.
#[must_use]
pub fn assign(actor: Actor, courier: Option<&str>) -> Request {
    let courier_id = courier.map(|courier| parsed(PartyId::parse(courier)));
    request(actor, Command::Assign { courier_id })
}

/// The facts of order 1 from its placement to this status, over as few transitions as the table allows, a second apart. A
/// status that no row of the table reaches follows the placement. None of the facts has a deadline.
#[must_use]
pub fn facts_to(status: Status) -> Vec<Fact> {
    facts_of(&path_to(status))
}

/// The facts of order 1 that entered these statuses one after the other, a second apart, whether the table allows it or
/// not. None of them has a deadline.
#[must_use]
pub fn facts_of(statuses: &[Status]) -> Vec<Fact> {
    let from = std::iter::once(None).chain(statuses.iter().copied().map(Some));
    let steps = (1_u32..).zip(from.zip(statuses));
    steps.map(|(version, (from, to))| fact(version, from, *to)).collect()
}

/// The document of an order, as the processor writes it: order `id` with the facts of [`facts_to`].
#[must_use]
pub fn document(id: &OrderId, status: Status) -> Bytes {
    let mut order: Option<Order> = None;
    for mut fact in facts_to(status) {
        fact.order_id = id.clone();
        order = Some(parsed(evolve(order, &fact)));
    }
    Bytes::from(order.map(|order| order.to_document()).unwrap_or_default())
}

/// The notification of the last of [`facts_to`].
#[must_use]
pub fn notification(status: Status) -> Notification {
    let facts = facts_to(status);
    let last = facts.last().unwrap_or_else(|| panic!("no order ever becomes {status}"));
    Notification::of(last, &placement())
}

/// A record of a topic with an order's key.
#[must_use]
pub fn record(topic: Topic, partition: Partition, key: &OrderId, payload: impl Into<Bytes>) -> NewRecord {
    let key = Some(key.to_key());
    NewRecord { topic, partition, key, payload: payload.into() }
}

fn fact(version: u32, from: Option<Status>, to: Status) -> Fact {
    let actor = transition(from, to).and_then(|row| row.actors.first().copied()).unwrap_or(Actor::Operator);
    let version = u64::from(version);
    let change = if from.is_none() { Change::Placed(placement()) } else { Change::Moved };
    let at = time(i64::try_from(version).unwrap_or(0) * 1000);
    let cause = Cause::Request { request: request_id(version), offset: Offset(version) };
    let mut fact = Fact::new(order_id(1), Version(version), to, change, at, actor, cause);
    fact.attempts_left = (to == Status::DeliveryFailed).then_some(2);
    fact
}

/// The shortest way through the table. A status that this release only knows has none.
fn path_to(status: Status) -> Vec<Status> {
    if !status.is_reachable() {
        return vec![Status::Placed, status];
    }
    let mut paths: VecDeque<Vec<Status>> = VecDeque::from([Vec::new()]);
    while let Some(path) = paths.pop_front() {
        if path.last() == Some(&status) {
            return path;
        }
        for row in transitions_from(path.last().copied()).filter(|row| !path.contains(&row.to)) {
            paths.push_back(path.iter().copied().chain([row.to]).collect());
        }
    }
    panic!("no order ever becomes {status}")
}

pub(crate) fn parsed<T, E: std::fmt::Display>(result: Result<T, E>) -> T {
    result.unwrap_or_else(|error| panic!("a sample is invalid: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use logistics_core::lifecycle::STATUSES;

    #[test]
    fn every_status_has_a_history_that_evolves_into_it() {
        for status in STATUSES {
            let order = facts_to(status)
                .iter()
                .fold(None, |order, fact| Some(evolve(order, fact).expect("versions follow each other")));
            assert_eq!(order.map(|order| order.status), Some(status));
        }
    }

    #[test]
    fn ids_of_a_partition_live_in_it_and_differ() {
        let ids: Vec<_> = (0..3).map(|n| order_id_in(Partition(2), 5, n)).collect();
        assert!(ids.iter().all(|id| partition_of(id, 5) == Partition(2)));
        assert!(ids[0] != ids[1] && ids[1] != ids[2]);
    }
}
