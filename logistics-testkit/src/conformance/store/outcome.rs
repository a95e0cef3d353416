//! Outcomes that a client waits for.

use super::StoreCase;
use super::steps::{HOME, document, write};
use crate::executor::both;
use crate::sample;
use logistics_core::lifecycle::{Actor, Status};
use logistics_core::port::{DocumentLookup, StoreWrite};
use logistics_core::{Rejection, RequestOutcome, Version};

fn happened() -> RequestOutcome {
    RequestOutcome::Happened { version: Version(1), status: Status::Placed }
}

pub(super) async fn an_outcome_that_is_there_comes_at_once(case: StoreCase) {
    let (id, request) = (case.order(HOME, 0), sample::request_id(1));
    let placed = document(&id, Status::Placed, 0);
    let outcomes = vec![(request.clone(), happened())];
    case.write(StoreWrite { outcomes, ..write(HOME, 1, vec![placed]) }).await;
    for _ in 0..2 {
        let outcome = case.works("the outcome", case.store().outcome(&id, &request)).await;
        case.same("the outcome", &outcome, &happened());
    }
    let other = sample::request_id(2);
    case.waits("the outcome of another request", case.store().outcome(&id, &other)).await;
}

pub(super) async fn an_outcome_is_waited_for_and_comes_with_its_document(case: StoreCase) {
    let (id, request) = (case.order(HOME, 0), sample::request_id(1));
    let store = case.store();
    case.waits("an outcome that was never written", store.outcome(&id, &request)).await;
    case.write(write(HOME, 1, Vec::new())).await;
    case.waits("an outcome that was not in the write", store.outcome(&id, &request)).await;

    let placed = document(&id, Status::Placed, 0);
    let waiting = async {
        let outcome = case.works("the outcome", store.outcome(&id, &request)).await;
        (outcome, case.works("document", store.document(&id)).await)
    };
    let writing = async {
        case.harness.pause().await;
        let outcomes = vec![(request.clone(), happened())];
        case.write(StoreWrite { outcomes, ..write(HOME, 2, vec![placed.clone()]) }).await;
    };
    let ((outcome, found), ()) = both(waiting, writing).await;
    case.same("the outcome", &outcome, &happened());
    case.same("the document, once the outcome is there", &found, &DocumentLookup::Found(placed.json.clone()));
}

pub(super) async fn every_kind_of_outcome_survives(case: StoreCase) {
    let id = case.order(HOME, 0);
    let rejected = |rejection| RequestOutcome::Rejected { rejection };
    let outcomes = [
        happened(),
        RequestOutcome::Unchanged { version: Version(3), status: Status::ReadyForPickup },
        rejected(Rejection::NotFound),
        rejected(Rejection::IdConflict),
        rejected(Rejection::StaleVersion { current: Version(2), expected: Version(1) }),
        rejected(Rejection::IllegalTransition {
            current: Status::Placed,
            requested: Status::Delivered,
            allowed: vec![Status::Confirmed, Status::Rejected],
        }),
        rejected(Rejection::NotPermitted {
            current: Status::Placed,
            requested: Status::Confirmed,
            actor: Actor::Courier,
            permitted: vec![Actor::Merchant],
            allowed: Vec::new(),
        }),
    ];
    let outcomes: Vec<_> = (1..).map(sample::request_id).zip(outcomes).collect();
    case.write(StoreWrite { outcomes: outcomes.clone(), ..write(HOME, 1, Vec::new()) }).await;
    for (request, wanted) in outcomes {
        let outcome = case.works("the outcome", case.store().outcome(&id, &request)).await;
        case.same("the outcome", &outcome, &wanted);
    }
}
