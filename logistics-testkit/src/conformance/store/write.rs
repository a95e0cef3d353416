//! Compare-and-set, checkpoints and partitions.

use super::StoreCase;
use super::steps::{HOME, OTHER, basis, document, token, with_timer, write};
use crate::executor::both;
use crate::sample;
use logistics_core::Offset;
use logistics_core::lifecycle::Status;
use logistics_core::port::{
    DocumentLookup, Loaded, Recovery, StoreCheckpoint, StoreWrite, Token, WriteOutcome,
};

pub(super) async fn a_partition_without_a_write_is_empty(case: StoreCase) {
    let id = case.order(HOME, 0);
    case.same("its recovery", &case.recover(HOME).await, &Recovery::default());
    let loaded = case.load(HOME, std::slice::from_ref(&id)).await;
    case.same("what is loaded", &loaded, &Loaded { documents: vec![None], ..Loaded::default() });
    case.same("what is loaded without ids", &case.load(HOME, &[]).await, &Loaded::default());
    let found = case.works("document", case.store().document(&id)).await;
    case.same("a document", &found, &DocumentLookup::Unknown);
}

pub(super) async fn the_first_write_expects_nothing(case: StoreCase) {
    let id = case.order(HOME, 0);
    let placed = with_timer(document(&id, Status::Placed, 0), 5000);
    case.write(write(HOME, 1, vec![placed.clone()])).await;
    let checkpoint =
        StoreCheckpoint { offset: Offset(10), answered: Offset(9), token: token(1), basis: Some(basis(1)) };
    let wanted =
        Recovery { checkpoint: Some(checkpoint), timers: vec![(id.clone(), sample::time(5000))], now: None };
    case.same("the recovery", &case.recover(HOME).await, &wanted);
    let wanted = Loaded { token: Some(token(1)), documents: vec![Some(placed.json)], ..Loaded::default() };
    case.same("what is loaded", &case.load(HOME, &[id]).await, &wanted);
}

pub(super) async fn a_write_follows_the_one_that_it_expects(case: StoreCase) {
    for sequence in 1..=5 {
        case.write(write(HOME, sequence, Vec::new())).await;
        let checkpoint = StoreCheckpoint {
            offset: Offset(sequence * 10),
            answered: Offset(sequence * 10 - 1),
            token: token(sequence),
            basis: Some(basis(sequence)),
        };
        case.same("the checkpoint", &case.recover(HOME).await.checkpoint, &Some(checkpoint));
        case.same("the token", &case.load(HOME, &[]).await.token, &Some(token(sequence)));
    }
}

pub(super) async fn a_repeated_write_is_applied_once(case: StoreCase) {
    let id = case.order(HOME, 0);
    let first = write(HOME, 1, vec![with_timer(document(&id, Status::Placed, 0), 5000)]);
    let second = write(HOME, 2, vec![document(&case.order(HOME, 1), Status::Placed, 1)]);
    for repeated in [&first, &first, &second, &second] {
        case.write((*repeated).clone()).await;
    }
    let late = case.works("write", case.store().write(first)).await;
    case.same("the first write, repeated after the second", &late, &WriteOutcome::Mismatch);
    case.same("the token", &case.load(HOME, &[]).await.token, &Some(token(2)));
    case.same("the number of orders", &case.listed(Some(Status::Placed)).await.len(), &2);
}

pub(super) async fn a_write_that_expects_something_else_changes_nothing(case: StoreCase) {
    let (id, other) = (case.order(HOME, 0), case.order(HOME, 1));
    let foreign = Token { acquisition: 7, sequence: 1 };
    let attempt = |expected| {
        let documents =
            vec![document(&id, Status::Confirmed, 9), with_timer(document(&other, Status::Placed, 9), 99)];
        StoreWrite { expected, next: Token { acquisition: 8, sequence: 2 }, ..write(HOME, 9, documents) }
    };
    let refused = async |expected, what: &str| {
        let outcome = case.works("write", case.store().write(attempt(expected))).await;
        case.same(what, &outcome, &WriteOutcome::Mismatch);
    };
    refused(Some(foreign), "a write that expects something of an empty partition").await;
    case.same("the recovery of an empty partition", &case.recover(HOME).await, &Recovery::default());

    case.write(write(HOME, 1, vec![with_timer(document(&id, Status::Placed, 0), 5000)])).await;
    let (recovery, loaded) = (case.recover(HOME).await, case.load(HOME, &[id.clone(), other.clone()]).await);
    refused(None, "a write that expects nothing of a partition at a write").await;
    refused(Some(foreign), "a write that expects a foreign token").await;
    refused(Some(token(2)), "a write that expects a later write").await;
    let same_sequence = Token { acquisition: token(1).acquisition + 1, sequence: 1 };
    refused(Some(same_sequence), "a write that expects another acquisition's write of that number").await;
    case.same("the recovery", &case.recover(HOME).await, &recovery);
    case.same("the documents", &case.load(HOME, &[id.clone(), other]).await, &loaded);
    case.same("the orders that are PLACED", &case.listed(Some(Status::Placed)).await, &vec![id]);
    case.same("the orders that are CONFIRMED", &case.listed(Some(Status::Confirmed)).await, &Vec::new());
}

pub(super) async fn of_two_writes_that_expect_the_same_one_is_applied(case: StoreCase) {
    case.write(write(HOME, 1, Vec::new())).await;
    let attempt = |acquisition| {
        let next = Token { acquisition, sequence: 1 };
        StoreWrite { next, ..write(HOME, 2, Vec::new()) }
    };
    let store = case.store();
    let writes = both(store.write(attempt(5)), store.write(attempt(6)));
    let (one, other) = case.soon("both answers", writes).await;
    let outcomes = [one, other].map(|outcome| outcome.map_err(|error| error.kind()));
    let applied = outcomes.iter().filter(|outcome| **outcome == Ok(WriteOutcome::Applied)).count();
    let refused = outcomes.iter().filter(|outcome| **outcome == Ok(WriteOutcome::Mismatch)).count();
    case.same("the writes applied and refused", &(applied, refused), &(1, 1));
    let winner = if outcomes[0] == Ok(WriteOutcome::Applied) { 5 } else { 6 };
    let token = Token { acquisition: winner, sequence: 1 };
    case.same("the token", &case.load(HOME, &[]).await.token, &Some(token));
}

/// A store that computes with floating-point numbers, as Lua scripts do, loses the last digits of these.
pub(super) async fn checkpoints_keep_their_numbers(case: StoreCase) {
    let numbers = [(1 << 53) + 1, i64::MAX.unsigned_abs() - 1, u64::MAX];
    let mut expected = None;
    for number in numbers {
        let next = Token { acquisition: u128::MAX - 1, sequence: number };
        let (offset, answered) = (Offset(number), Offset(number - 1));
        case.write(StoreWrite { expected, next, offset, answered, ..write(HOME, 1, Vec::new()) }).await;
        let wanted = StoreCheckpoint { offset, answered, token: next, basis: Some(basis(1)) };
        case.same("the checkpoint", &case.recover(HOME).await.checkpoint, &Some(wanted));
        expected = Some(next);
    }
}

pub(super) async fn partitions_do_not_touch_each_other(case: StoreCase) {
    let (home, other) = (case.order(HOME, 0), case.order(OTHER, 0));
    case.write(write(HOME, 1, vec![with_timer(document(&home, Status::Placed, 0), 50)])).await;
    case.same("the other partition", &case.recover(OTHER).await, &Recovery::default());
    let before = case.recover(HOME).await;
    case.write(write(OTHER, 1, vec![with_timer(document(&other, Status::Placed, 0), 60)])).await;
    case.write(write(OTHER, 2, Vec::new())).await;
    case.same("the first partition", &case.recover(HOME).await, &before);
    case.same("the other's timers", &case.timers(OTHER).await, &vec![(other, sample::time(60))]);
}

pub(super) async fn what_was_written_survives_a_restart(mut case: StoreCase) {
    let id = case.order(HOME, 0);
    case.write(write(HOME, 1, vec![with_timer(document(&id, Status::Placed, 0), 5000)])).await;
    let (recovery, loaded) = (case.recover(HOME).await, case.load(HOME, std::slice::from_ref(&id)).await);
    case.harness.restart().await;
    case.same("the recovery", &case.recover(HOME).await, &recovery);
    case.same("what is loaded", &case.load(HOME, std::slice::from_ref(&id)).await, &loaded);
    case.same("the list", &case.listed(Some(Status::Placed)).await, &vec![id]);
    case.write(write(HOME, 2, Vec::new())).await;
}
