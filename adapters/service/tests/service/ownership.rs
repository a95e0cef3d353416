//! Whose order it is. The HTTP tests check every route; these check what only the service decides.

use std::time::Duration;

use logistics_core::port::Topic;
use logistics_core::{Actor, OrderId, Partition, PartyId, Placement, RequestId, Subject};
use logistics_service::{
    IdempotencyKey, LogQuery, Place, Placed, Principal, Role, Scope, ServiceError, Transition,
};
use logistics_testkit::sample;
use tokio::time::Instant;

use crate::fixture::{CALLER, Fixture};

fn party(id: &str) -> PartyId {
    PartyId::parse(id).expect("a party id")
}

fn known(role: Role) -> Principal {
    Principal::new(Subject::parse("jwt:a").expect("a subject")).with_role(role)
}

fn customer(id: &str) -> Principal {
    known(Role::Customer).with_party(Role::Customer, party(id))
}

/// An order of this customer, whose id has no time in it.
async fn order_of(fixture: &Fixture, customer: &str) -> OrderId {
    let mut place = Place::new(Placement::new().with_customer(party(customer)));
    place.idempotency_key = Some(IdempotencyKey::parse(customer).expect("a key"));
    place.wait = Some(Duration::ZERO);
    let placed = fixture.service.place(&CALLER, place).await.expect("the log accepts it");
    fixture.decide();
    placed.order_id().clone()
}

#[tokio::test(start_paused = true)]
async fn a_foreign_order_takes_the_time_of_an_absent_one() {
    let fixture = Fixture::new();
    let foreign = order_of(&fixture, "c-2").await;
    for id in [&foreign, &sample::order_id(1)] {
        let began = Instant::now();
        let found = fixture.service.find(&customer("c-1"), id).await;
        assert_eq!(found, Err(ServiceError::NotFound));
        assert_eq!(began.elapsed().as_millis(), 5);
        let began = Instant::now();
        let request = RequestId::parse("r").expect("an id");
        let outcome = fixture.service.outcome(&customer("c-1"), id, &request, None).await;
        assert_eq!(outcome, Err(ServiceError::OutcomeUnknown));
        assert_eq!(began.elapsed().as_millis(), 100);
    }
    assert!(fixture.service.find(&customer("c-2"), &foreign).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn the_outcome_of_a_foreign_request_is_unknown_also_while_its_order_is_being_placed() {
    let fixture = Fixture::new();
    let mut place = Place::new(Placement::new().with_customer(party("c-2")));
    place.idempotency_key = IdempotencyKey::parse("k").ok();
    place.wait = Some(Duration::ZERO);
    let placed = fixture.service.place(&CALLER, place).await.expect("the log accepts it");
    let Placed::Pending { order_id, request_id } = placed else { panic!("{placed:?}") };
    let (other, own) = (customer("c-1"), customer("c-2"));
    let wait = Some(Duration::from_secs(5));
    let (unknown, outcome, ()) = tokio::join!(
        fixture.service.outcome(&other, &order_id, &request_id, wait),
        fixture.service.outcome(&own, &order_id, &request_id, wait),
        async { fixture.decide() }
    );
    assert_eq!(unknown, Err(ServiceError::OutcomeUnknown));
    assert!(outcome.is_ok(), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn a_principal_without_a_party_or_a_scope_may_do_nothing() {
    let fixture = Fixture::new();
    let id = order_of(&fixture, "c-1").await;
    let reader = known(Role::Service).with_scope(Scope::ReadOrders);
    for principal in [known(Role::Service), known(Role::Customer), known(Role::Courier)] {
        let found = fixture.service.find(&principal, &id).await;
        assert_eq!(found, Err(ServiceError::NotFound));
    }
    for principal in [known(Role::Service), known(Role::Customer), reader.clone()] {
        let appended = fixture.requests().len();
        let placed = fixture.service.place(&principal, Place::default()).await;
        assert_eq!(placed, Err(ServiceError::Forbidden));
        let cancelled = fixture.service.transition(&principal, Transition::cancel(id.clone())).await;
        assert_eq!(cancelled, Err(ServiceError::Forbidden));
        assert_eq!(fixture.requests().len(), appended, "a forbidden request reaches no log");
    }
    assert!(fixture.service.find(&reader, &id).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn only_an_operator_reads_the_log() {
    let fixture = Fixture::new();
    let query = LogQuery::new(Topic::Orders, Partition(0));
    let acting = known(Role::Service).with_scope(Scope::ActAs);
    for principal in [customer("c-1"), acting] {
        let page = fixture.service.log_page(&principal, query.clone()).await;
        assert_eq!(page, Err(ServiceError::Forbidden));
    }
    assert!(fixture.service.log_page(&known(Role::Operator), query).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_privileged_service_places_for_any_customer() {
    let fixture = Fixture::new();
    let acting = known(Role::Service).with_scope(Scope::ActAs);
    let place = Place::new(Placement::new().with_customer(party("c-9")));
    let placed = fixture.service.place(&acting, place).await.expect("the log accepts it");
    fixture.decide();
    let request = fixture.requests().pop().expect("the placement");
    assert_eq!(request.actor, Actor::Customer);
    assert!(fixture.service.find(&customer("c-9"), placed.order_id()).await.is_ok());
}
