//! The stream of every order that a principal sees.

use std::time::Duration;

use futures::StreamExt;
use logistics_core::{PartyId, Status, Subject};
use logistics_service::{AllEvent, AllQuery, AllStream, LiveEnd, LiveEvent, LivePosition, Principal, Role};
use logistics_service::{Scope, ServiceError};

use crate::live_log::LiveLog;

async fn follow(log: &LiveLog, principal: &Principal, query: AllQuery) -> (AllStream, LivePosition) {
    let mut stream = log.service.follow_all(principal, query).await.expect("a stream");
    let first = stream.next().await.expect("the position");
    assert!(first.event.is_none());
    (stream, first.position)
}

fn from(position: &LivePosition) -> AllQuery {
    let mut query = AllQuery::default();
    query.from = Some(position.clone());
    query
}

/// The items until none comes before every task waits.
async fn items(stream: &mut AllStream) -> Vec<AllEvent> {
    let mut items = Vec::new();
    // Less than the interval of positions.
    while let Ok(Some(item)) = tokio::time::timeout(Duration::from_millis(4_900), stream.next()).await {
        items.push(item);
    }
    items
}

fn versions(items: &[AllEvent]) -> Vec<u64> {
    let facts = items.iter().filter_map(|item| match &item.event {
        Some(LiveEvent::Fact(fact)) => Some(fact.version.0),
        _ => None,
    });
    facts.collect()
}

fn party(role: Role, id: &str) -> Principal {
    let principal = Principal::new(Subject::parse("jwt:a").expect("a subject")).with_role(role);
    principal.with_party(role, PartyId::parse(id).expect("an id"))
}

#[tokio::test(start_paused = true)]
async fn a_stream_resumes_behind_each_of_its_positions() {
    let mut log = LiveLog::new();
    let last = log.last().0;
    let (mut stream, start) = follow(&log, &Principal::anonymous(), AllQuery::default()).await;
    log.happen_to(last).await;
    let all = items(&mut stream).await;
    assert_eq!(versions(&all), (1..=last).collect::<Vec<_>>());
    let positions = std::iter::once(&start).chain(all.iter().map(|item| &item.position));
    for (position, version) in positions.zip(0..) {
        let text: LivePosition = position.to_string().parse().expect("its own text");
        let (mut later, _) = follow(&log, &Principal::anonymous(), from(&text)).await;
        let rest = items(&mut later).await;
        assert_eq!(versions(&rest), (version + 1..=last).collect::<Vec<_>>(), "behind {version}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_party_gets_its_orders_only_and_a_courier_from_its_assignment_on() {
    let mut log = LiveLog::new();
    let last = log.last().0;
    let mut streams = Vec::new();
    for (principal, expected) in [
        (party(Role::Customer, "customer-1"), (1..=last).collect::<Vec<_>>()),
        (party(Role::Merchant, "merchant-1"), (1..=last).collect()),
        (party(Role::Merchant, "customer-1"), vec![]),
        (party(Role::Courier, "courier-1"), vec![1, 2, 3, 4]),
        (party(Role::Courier, "courier-2"), (4..=last).collect()),
    ] {
        streams.push((follow(&log, &principal, AllQuery::default()).await.0, expected));
    }
    log.happen_to(last).await;
    for (mut stream, expected) in streams {
        assert_eq!(versions(&items(&mut stream).await), expected);
    }
    let stranger = Principal::new(Subject::parse("jwt:a").expect("a subject"));
    let refused = log.service.follow_all(&stranger, AllQuery::default()).await;
    assert_eq!(refused.err(), Some(ServiceError::Forbidden));
}

#[tokio::test(start_paused = true)]
async fn a_principal_of_several_parties_gets_each_fact_once() {
    let mut log = LiveLog::new();
    let both = party(Role::Customer, "customer-1")
        .with_role(Role::Courier)
        .with_party(Role::Courier, PartyId::parse("courier-2").expect("an id"));
    let (mut stream, _) = follow(&log, &both, AllQuery::default()).await;
    log.happen_to(log.last().0).await;
    assert_eq!(versions(&items(&mut stream).await), (1..=log.last().0).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_filter_selects_facts_and_the_position_moves_on() {
    let mut log = LiveLog::new();
    let mut query = AllQuery::default();
    query.statuses.insert(Status::Confirmed);
    let (mut stream, start) = follow(&log, &Principal::anonymous(), query).await;
    log.happen_to(5).await;
    let confirmed = items(&mut stream).await;
    assert_eq!(versions(&confirmed), [2]);
    let moved = stream.next().await.expect("a position");
    assert!(moved.event.is_none() && moved.position != start && moved.position != confirmed[0].position);
    let (mut rest, _) = follow(&log, &Principal::anonymous(), from(&moved.position)).await;
    assert_eq!(versions(&items(&mut rest).await), Vec::<u64>::new());
}

#[tokio::test(start_paused = true)]
async fn a_position_of_another_log_is_refused() {
    let mut log = LiveLog::new();
    let (mut stream, _) = follow(&log, &Principal::anonymous(), AllQuery::default()).await;
    log.happen_to(3).await;
    let later = items(&mut stream).await.pop().expect("a fact").position;
    let other = LiveLog::new();
    for foreign in [later, "AQIAAA".parse().expect("a position of two partitions")] {
        let refused = other.service.follow_all(&Principal::anonymous(), from(&foreign)).await;
        assert!(matches!(refused, Err(ServiceError::Invalid { field: "Last-Event-ID", .. })), "{refused:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn only_operators_see_who_caused_a_fact() {
    let mut log = LiveLog::new();
    log.facts[1].by = Some(Subject::parse("jwt:someone").expect("a subject"));
    let reader = Principal::new(Subject::parse("key:a").expect("a subject"))
        .with_role(Role::Service)
        .with_scope(Scope::ReadOrders);
    let (mut operator, _) = follow(&log, &Principal::anonymous(), AllQuery::default()).await;
    let (mut reader, _) = follow(&log, &reader, AllQuery::default()).await;
    log.happen_to(2).await;
    let text = |items: &[AllEvent]| format!("{items:?}").contains("jwt:someone");
    assert!(text(&items(&mut operator).await) && !text(&items(&mut reader).await));
}

#[tokio::test(start_paused = true)]
async fn a_closed_hub_ends_the_stream_at_its_position() {
    let mut log = LiveLog::new();
    let (mut stream, _) = follow(&log, &Principal::anonymous(), AllQuery::default()).await;
    log.happen_to(2).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    log.hub.close();
    let all = items(&mut stream).await;
    let last = all.last().expect("an end");
    assert!(matches!(last.event, Some(LiveEvent::End(LiveEnd::ShuttingDown))), "{last:?}");
    assert_eq!(versions(&all), [1, 2]);
    assert_eq!(last.position, all[1].position);
}
