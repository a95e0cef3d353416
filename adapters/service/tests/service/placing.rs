//! Placing orders, with and without a key.

use std::time::Duration;

use logistics_core::{OrderId, Placement, Rejection};
use logistics_service::{IdempotencyKey, Place, Placed, ServiceError};
use logistics_testkit::{Faults, sample};

use crate::world::{CALLER, World};

fn keyed(key: &str, placement: Placement) -> Place {
    let mut place = Place::new(placement);
    place.idempotency_key = Some(IdempotencyKey::parse(key).expect("a key"));
    place
}

/// Places while the decisions go on beside it.
async fn decided(world: &World, place: Place) -> Result<Placed, ServiceError> {
    tokio::join!(world.service.place(&CALLER, place), async { world.decide() }).0
}

#[tokio::test(start_paused = true)]
async fn a_placement_without_a_key_is_a_new_order_at_once() {
    let world = World::new();
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".parse().ok();
    let mut place = Place::new(sample::placement());
    place.trace = trace.clone();
    let first = world.service.place(&CALLER, place.clone()).await.expect("the log takes it");
    let second = world.service.place(&CALLER, place).await.expect("the log takes it");
    assert!(first.order_id().generated_at().is_some() && first.order_id() != second.order_id());
    let requests = world.requests();
    assert_eq!(requests.len(), 2);
    assert!(requests.iter().all(|request| !request.awaited && request.trace == trace));
}

#[tokio::test(start_paused = true)]
async fn a_key_names_one_order() {
    let world = World::new();
    let first = decided(&world, keyed("k-1", sample::placement())).await;
    let id = OrderId::from_idempotency_key("anonymous", "k-1");
    assert_eq!(first, Ok(Placed::Created { order_id: id }));
    assert_eq!(decided(&world, keyed("k-1", sample::placement())).await, first);
    assert_ne!(decided(&world, keyed("k-2", sample::placement())).await, first);
    let other = decided(&world, keyed("k-1", Placement::default())).await;
    assert_eq!(other, Err(ServiceError::Rejected(Rejection::IdConflict)));
}

#[tokio::test(start_paused = true)]
async fn a_keyed_placement_that_is_not_decided_in_time_is_pending_and_its_retry_is_the_same_order() {
    let world = World::new();
    let mut place = keyed("k", Placement::default());
    place.wait = Some(Duration::ZERO);
    let pending = world.service.place(&CALLER, place).await.expect("the log takes it");
    let Placed::Pending { order_id, request_id } = pending else { panic!("decided: {pending:?}") };
    assert_eq!(world.requests()[0].id, request_id);
    let retried = decided(&world, keyed("k", Placement::default())).await;
    assert_eq!(retried, Ok(Placed::Created { order_id }));
}

#[tokio::test(start_paused = true)]
async fn a_log_that_fails_is_unavailable() {
    let world = World::new();
    world.bus.set_faults(Faults { unavailable_before: 1000, ..Faults::none() });
    let placed = world.service.place(&CALLER, Place::default()).await;
    assert_eq!(placed, Err(ServiceError::Unavailable));
}
