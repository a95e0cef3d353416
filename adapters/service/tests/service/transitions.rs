//! Transitions, and waiting for their outcomes.

use std::time::Duration;

use logistics_core::{Actor, OrderId, Rejection, RequestId, RequestOutcome, Status, Version};
use logistics_service::{IdempotencyKey, ServiceError, Transition, Transitioned};
use logistics_testkit::{Faults, sample};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::world::{CALLER, World};

/// Requests it while the decisions go on beside it.
async fn decided(world: &World, command: Transition) -> Result<Transitioned, ServiceError> {
    tokio::join!(world.service.transition(&CALLER, command), async { world.decide() }).0
}

fn version(transitioned: Result<Transitioned, ServiceError>) -> Option<Version> {
    match transitioned.expect("it is not rejected") {
        Transitioned::Done(document) => document.version,
        Transitioned::Pending { .. } => None,
    }
}

/// A cancellation that nothing decides.
async fn pending(world: &World, order_id: &OrderId) -> RequestId {
    let mut cancel = Transition::cancel(order_id.clone());
    cancel.wait = Some(Duration::ZERO);
    match world.service.transition(&CALLER, cancel).await {
        Ok(Transitioned::Pending { request_id, .. }) => request_id,
        other => panic!("it cannot be decided: {other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_transition_is_answered_with_the_document_after_it() {
    let world = World::new();
    let id = world.placed().await;
    let confirm = Transition::to(id.clone(), Status::Confirmed);
    assert_eq!(version(decided(&world, confirm.clone()).await), Some(Version(2)));
    assert_eq!(version(decided(&world, confirm).await), Some(Version(2)), "it is so already");
    let mut stale = Transition::to(id.clone(), Status::Preparing);
    stale.expected_version = Some(Version(1));
    let rejection = Rejection::StaleVersion { current: Version(2), expected: Version(1) };
    assert_eq!(decided(&world, stale).await, Err(ServiceError::Rejected(rejection)));
    let mut cancel = Transition::cancel(id);
    (cancel.actor, cancel.reason) = (Actor::Customer, "changed_my_mind".parse().ok());
    assert_eq!(version(decided(&world, cancel).await), Some(Version(3)));
}

#[tokio::test(start_paused = true)]
async fn a_key_names_one_request_of_an_order() {
    let world = World::new();
    let id = world.placed().await;
    let mut cancel = Transition::cancel(id.clone());
    cancel.idempotency_key = IdempotencyKey::parse("k").ok();
    for _ in 0..2 {
        assert_eq!(version(decided(&world, cancel.clone()).await), Some(Version(2)));
    }
    let request_id = RequestId::from_idempotency_key("anonymous", "k", &id);
    let same = world.requests().into_iter().filter(|request| request.id == request_id);
    assert_eq!(same.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn no_caller_acts_as_the_system() {
    let world = World::new();
    let mut cancel = Transition::cancel(sample::order_id(1));
    cancel.actor = Actor::System;
    assert_eq!(decided(&world, cancel).await, Err(ServiceError::ReservedActor));
    assert_eq!(world.requests().len(), 0, "such a request is not appended");
}

#[tokio::test(start_paused = true)]
async fn a_wait_is_as_long_as_the_caller_wants_within_the_bound() {
    let world = World::with(|options| (options.default_wait_ms, options.wait_ms_max) = (70, 900));
    let id = world.placed().await;
    for (wait_ms, waited_ms) in [(None, 70), (Some(300), 300), (Some(u64::MAX), 900), (Some(0), 0)] {
        let mut cancel = Transition::cancel(id.clone());
        cancel.wait = wait_ms.map(Duration::from_millis);
        let began = Instant::now();
        let undecided = world.service.transition(&CALLER, cancel).await;
        assert!(matches!(undecided, Ok(Transitioned::Pending { .. })), "{undecided:?}");
        // Timers have a resolution of 1 ms.
        let waited = began.elapsed().as_millis();
        assert!((waited_ms..=waited_ms + 1).contains(&waited), "{wait_ms:?}: {waited}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_ends_the_wait_and_the_request_is_pending() {
    let world = World::new();
    let shutdown = CancellationToken::new();
    let service = world.service.with_shutdown(shutdown.clone());
    let began = Instant::now();
    let cancel = service.transition(&CALLER, Transition::cancel(sample::order_id(1)));
    let (undecided, ()) = tokio::join!(cancel, async { shutdown.cancel() });
    assert!(matches!(undecided, Ok(Transitioned::Pending { .. })), "{undecided:?}");
    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_fails_during_the_wait_is_read_again() {
    let world = World::new();
    let id = world.placed().await;
    world.store.set_faults(Faults { unavailable_before: 1000, ..Faults::none() });
    let recovers = async {
        world.store.set_faults(Faults::none());
        world.decide();
    };
    let cancel = world.service.transition(&CALLER, Transition::cancel(id));
    let (cancelled, ()) = tokio::join!(cancel, recovers);
    assert_eq!(version(cancelled), Some(Version(2)));
}

#[tokio::test(start_paused = true)]
async fn a_transition_that_happened_and_whose_document_has_no_room_is_pending() {
    let world = World::with(|options| options.in_flight_bytes_max = 64);
    let id = world.placed().await;
    let held = world.service.budget().reserve(1).expect("there is room");
    assert_eq!(world.service.find(&CALLER, &id).await, Err(ServiceError::Overloaded));
    assert_eq!(version(decided(&world, Transition::cancel(id.clone())).await), None);
    drop(held);
    let document = world.service.find(&CALLER, &id).await.expect("there is room again");
    assert_eq!(document.version, Some(Version(2)));
}

#[tokio::test(start_paused = true)]
async fn the_outcome_of_a_request_is_known_once_it_is_decided_and_for_ever_if_it_happened() {
    let world = World::new();
    let id = world.placed().await;
    let cancel = pending(&world, &id).await;
    let again = pending(&world, &sample::order_id(9)).await;
    let outcome = |request: RequestId, id: OrderId, wait| {
        let service = world.service.clone();
        async move { service.outcome(&CALLER, &id, &request, wait).await }
    };
    let began = Instant::now();
    assert_eq!(outcome(cancel.clone(), id.clone(), None).await, Err(ServiceError::OutcomeUnknown));
    assert!(began.elapsed().as_millis() >= 100, "it waits a moment");
    let waiting = outcome(cancel.clone(), id.clone(), Some(Duration::from_secs(9)));
    let (known, ()) = tokio::join!(waiting, async { world.decide() });
    let happened = RequestOutcome::Happened { version: Version(2), status: Status::Cancelled };
    assert_eq!(known.as_ref(), Ok(&happened));
    let rejected = outcome(again.clone(), sample::order_id(9), None).await;
    assert_eq!(rejected, Ok(RequestOutcome::Rejected { rejection: Rejection::NotFound }));
    world.store.with_store(logistics_testkit::MemoryStore::expire_outcomes);
    assert_eq!(outcome(cancel, id, None).await, Ok(happened), "the order's history holds it");
    let expired = outcome(again, sample::order_id(9), None).await;
    assert_eq!(expired, Err(ServiceError::OutcomeUnknown));
}
