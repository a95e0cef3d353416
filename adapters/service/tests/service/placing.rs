//! Placing orders, with and without a key.

use std::time::Duration;

use logistics_core::{OrderId, Placement, Rejection};
use logistics_service::{IdempotencyKey, Place, Placed, ServiceError};
use logistics_testkit::{Faults, sample};

use crate::fixture::{CALLER, Fixture};

fn keyed(key: &str, placement: Placement) -> Place {
    let mut place = Place::new(placement);
    place.idempotency_key = Some(IdempotencyKey::parse(key).expect("a key"));
    place
}

/// Places an order and decides it meanwhile.
async fn decided(fixture: &Fixture, place: Place) -> Result<Placed, ServiceError> {
    tokio::join!(fixture.service.place(&CALLER, place), async { fixture.decide() }).0
}

#[tokio::test(start_paused = true)]
async fn a_placement_without_a_key_is_a_new_order_without_a_wait() {
    let fixture = Fixture::new();
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".parse().ok();
    let mut place = Place::new(sample::placement());
    place.trace = trace.clone();
    let first = fixture.service.place(&CALLER, place.clone()).await.expect("the log accepts it");
    let second = fixture.service.place(&CALLER, place).await.expect("the log accepts it");
    assert!(first.order_id().generated_at().is_some() && first.order_id() != second.order_id());
    let requests = fixture.requests();
    assert_eq!(requests.len(), 2);
    assert!(requests.iter().all(|request| !request.awaited && request.trace == trace));
}

#[tokio::test(start_paused = true)]
async fn a_key_identifies_one_order() {
    let fixture = Fixture::new();
    let first = decided(&fixture, keyed("k-1", sample::placement())).await;
    let id = OrderId::from_idempotency_key("anonymous", "k-1");
    assert_eq!(first, Ok(Placed::Created { order_id: id }));
    assert_eq!(decided(&fixture, keyed("k-1", sample::placement())).await, first);
    assert_ne!(decided(&fixture, keyed("k-2", sample::placement())).await, first);
    let other = decided(&fixture, keyed("k-1", Placement::default())).await;
    assert_eq!(other, Err(ServiceError::Rejected(Rejection::IdConflict)));
}

#[tokio::test(start_paused = true)]
async fn an_undecided_placement_is_pending_and_its_retry_returns_the_same_order() {
    let fixture = Fixture::new();
    let mut place = keyed("k", Placement::default());
    place.wait = Some(Duration::ZERO);
    let pending = fixture.service.place(&CALLER, place).await.expect("the log accepts it");
    let Placed::Pending { order_id, request_id } = pending else { panic!("decided: {pending:?}") };
    assert_eq!(fixture.requests()[0].id, request_id);
    let retried = decided(&fixture, keyed("k", Placement::default())).await;
    assert_eq!(retried, Ok(Placed::Created { order_id }));
}

#[tokio::test(start_paused = true)]
async fn a_failed_log_is_unavailable() {
    let fixture = Fixture::new();
    fixture.bus.set_faults(Faults { unavailable_before: 1000, ..Faults::none() });
    let placed = fixture.service.place(&CALLER, Place::default()).await;
    assert_eq!(placed, Err(ServiceError::Unavailable));
}
