//! Transitions, and waiting for their outcomes.

use std::time::Duration;

use logistics_core::{Actor, OrderId, Rejection, RequestId, RequestOutcome, Status, Version};
use logistics_service::{IdempotencyKey, ServiceError, Transition, Transitioned};
use logistics_testkit::{Faults, sample};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::fixture::{CALLER, Fixture};

/// Requests a transition and decides it meanwhile.
async fn decided(fixture: &Fixture, command: Transition) -> Result<Transitioned, ServiceError> {
    tokio::join!(fixture.service.transition(&CALLER, command), async { fixture.decide() }).0
}

fn version(transitioned: Result<Transitioned, ServiceError>) -> Option<Version> {
    match transitioned.expect("it is not rejected") {
        Transitioned::Done(document) => document.version,
        Transitioned::Pending { .. } => None,
    }
}

/// A cancellation that stays undecided.
async fn pending(fixture: &Fixture, order_id: &OrderId) -> RequestId {
    let mut cancel = Transition::cancel(order_id.clone());
    cancel.wait = Some(Duration::ZERO);
    match fixture.service.transition(&CALLER, cancel).await {
        Ok(Transitioned::Pending { request_id, .. }) => request_id,
        other => panic!("it cannot be decided: {other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_transition_returns_the_document_after_it() {
    let fixture = Fixture::new();
    let id = fixture.placed().await;
    let confirm = Transition::to(id.clone(), Status::Confirmed);
    assert_eq!(version(decided(&fixture, confirm.clone()).await), Some(Version(2)));
    assert_eq!(version(decided(&fixture, confirm).await), Some(Version(2)), "unchanged");
    let mut stale = Transition::to(id.clone(), Status::Preparing);
    stale.expected_version = Some(Version(1));
    let rejection = Rejection::StaleVersion { current: Version(2), expected: Version(1) };
    assert_eq!(decided(&fixture, stale).await, Err(ServiceError::Rejected(rejection)));
    let mut cancel = Transition::cancel(id);
    (cancel.actor, cancel.reason) = (Some(Actor::Customer), "changed_my_mind".parse().ok());
    assert_eq!(version(decided(&fixture, cancel).await), Some(Version(3)));
}

#[tokio::test(start_paused = true)]
async fn a_key_identifies_one_request_of_an_order() {
    let fixture = Fixture::new();
    let id = fixture.placed().await;
    let mut cancel = Transition::cancel(id.clone());
    cancel.idempotency_key = IdempotencyKey::parse("k").ok();
    for _ in 0..2 {
        assert_eq!(version(decided(&fixture, cancel.clone()).await), Some(Version(2)));
    }
    let request_id = RequestId::from_idempotency_key("anonymous", "k", &id);
    let same = fixture.requests().into_iter().filter(|request| request.id == request_id);
    assert_eq!(same.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn no_caller_may_act_as_the_system() {
    let fixture = Fixture::new();
    let mut cancel = Transition::cancel(sample::order_id(1));
    cancel.actor = Some(Actor::System);
    assert_eq!(decided(&fixture, cancel).await, Err(ServiceError::ReservedActor));
    assert_eq!(fixture.requests().len(), 0, "the request is not appended");
}

#[tokio::test(start_paused = true)]
async fn a_wait_is_as_requested_up_to_the_limit() {
    let fixture = Fixture::with(|options| (options.default_wait_ms, options.wait_ms_max) = (70, 900));
    let id = fixture.placed().await;
    for (wait_ms, waited_ms) in [(None, 70), (Some(300), 300), (Some(u64::MAX), 900), (Some(0), 0)] {
        let mut cancel = Transition::cancel(id.clone());
        cancel.wait = wait_ms.map(Duration::from_millis);
        let began = Instant::now();
        let undecided = fixture.service.transition(&CALLER, cancel).await;
        assert!(matches!(undecided, Ok(Transitioned::Pending { .. })), "{undecided:?}");
        // Timers have a resolution of 1 ms.
        let waited = began.elapsed().as_millis();
        assert!((waited_ms..=waited_ms + 1).contains(&waited), "{wait_ms:?}: {waited}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_ends_the_wait_with_pending() {
    let fixture = Fixture::new();
    let shutdown = CancellationToken::new();
    let service = fixture.service.with_shutdown(shutdown.clone());
    let began = Instant::now();
    let cancel = service.transition(&CALLER, Transition::cancel(sample::order_id(1)));
    let (undecided, ()) = tokio::join!(cancel, async { shutdown.cancel() });
    assert!(matches!(undecided, Ok(Transitioned::Pending { .. })), "{undecided:?}");
    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_failed_read_during_the_wait_is_retried() {
    let fixture = Fixture::new();
    let id = fixture.placed().await;
    fixture.store.set_faults(Faults { unavailable_before: 1000, ..Faults::none() });
    let recovers = async {
        fixture.store.set_faults(Faults::none());
        fixture.decide();
    };
    let cancel = fixture.service.transition(&CALLER, Transition::cancel(id));
    let (cancelled, ()) = tokio::join!(cancel, recovers);
    assert_eq!(version(cancelled), Some(Version(2)));
}

#[tokio::test(start_paused = true)]
async fn a_transition_without_room_for_its_document_is_pending() {
    let fixture = Fixture::with(|options| options.in_flight_bytes_max = 64);
    let id = fixture.placed().await;
    let held = fixture.service.budget().reserve(1).expect("there is room");
    assert_eq!(fixture.service.find(&CALLER, &id).await, Err(ServiceError::Overloaded));
    assert_eq!(version(decided(&fixture, Transition::cancel(id.clone())).await), None);
    drop(held);
    let document = fixture.service.find(&CALLER, &id).await.expect("there is room again");
    assert_eq!(document.version, Some(Version(2)));
}

#[tokio::test(start_paused = true)]
async fn an_outcome_is_kept_for_a_while_and_a_fact_for_ever() {
    let fixture = Fixture::new();
    let id = fixture.placed().await;
    let cancel = pending(&fixture, &id).await;
    let again = pending(&fixture, &sample::order_id(9)).await;
    let outcome = |request: RequestId, id: OrderId, wait| {
        let service = fixture.service.clone();
        async move { service.outcome(&CALLER, &id, &request, wait).await }
    };
    let began = Instant::now();
    assert_eq!(outcome(cancel.clone(), id.clone(), None).await, Err(ServiceError::OutcomeUnknown));
    assert!(began.elapsed().as_millis() >= 100, "the default wait");
    let waiting = outcome(cancel.clone(), id.clone(), Some(Duration::from_secs(9)));
    let (known, ()) = tokio::join!(waiting, async { fixture.decide() });
    let happened = RequestOutcome::Happened { version: Version(2), status: Status::Cancelled };
    assert_eq!(known.as_ref(), Ok(&happened));
    let rejected = outcome(again.clone(), sample::order_id(9), None).await;
    assert_eq!(rejected, Ok(RequestOutcome::Rejected { rejection: Rejection::NotFound }));
    fixture.store.with_store(logistics_testkit::MemoryStore::expire_outcomes);
    assert_eq!(outcome(cancel, id, None).await, Ok(happened), "it is in the order's history");
    let expired = outcome(again, sample::order_id(9), None).await;
    assert_eq!(expired, Err(ServiceError::OutcomeUnknown));
}
