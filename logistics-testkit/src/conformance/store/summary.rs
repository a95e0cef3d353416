//! The number of orders of each status, and the oldest of each.

use super::StoreCase;
use super::clear::clear;
use super::steps::{HOME, OTHER, changed, document, token, write};
use crate::sample;
use logistics_core::Timestamp;
use logistics_core::lifecycle::{STATUSES, Status};
use logistics_core::port::{DocumentWrite, IndexEntry, StatusSummary, StoreWrite, WriteOutcome};

/// The orders of a status: their number, and the earliest of their latest changes in milliseconds since the samples begin.
type Orders = (Status, u64, i64);

pub(super) async fn an_empty_store_has_no_orders_of_any_status(case: StoreCase) {
    same(&case, "of an empty store", &[]).await;
    case.write(write(HOME, 1, Vec::new())).await;
    same(&case, "after a write without documents", &[]).await;
}

pub(super) async fn every_order_counts_once_in_its_latest_status(case: StoreCase) {
    let ids = sample::order_ids_in(HOME, case.harness.partitions(), 40);
    let placed: Vec<_> = (5..).zip(&ids).map(|(ms, id)| document(id, Status::Placed, ms)).collect();
    case.write(write(HOME, 1, placed.clone())).await;
    same(&case, "of new orders", &[(Status::Placed, 40, 5)]).await;

    let confirmed: Vec<_> =
        (100..).zip(&placed[..7]).map(|(ms, order)| changed(order, Status::Confirmed, ms)).collect();
    case.write(write(HOME, 2, confirmed.clone())).await;
    same(&case, "after a transition", &[(Status::Placed, 33, 12), (Status::Confirmed, 7, 100)]).await;

    // A change within a status is the order's latest change.
    case.write(write(HOME, 3, vec![changed(&confirmed[0], Status::Confirmed, 200)])).await;
    same(&case, "after a change", &[(Status::Placed, 33, 12), (Status::Confirmed, 7, 101)]).await;

    let last = (300..).zip(&placed[7..]).map(|(ms, order)| changed(order, Status::Cancelled, ms));
    case.write(write(HOME, 4, last.collect())).await;
    same(&case, "after the last left", &[(Status::Confirmed, 7, 101), (Status::Cancelled, 33, 300)]).await;

    // Every status has a number of its own.
    let moved = STATUSES.into_iter().zip(&ids).map(|(status, id)| rebuilt(document(id, status, 400)));
    case.write(write(HOME, 5, moved.collect())).await;
    let left = u64::try_from(ids.len() - STATUSES.len()).unwrap_or_default();
    let wanted = STATUSES.map(|status| match status {
        // The first 7 orders were CONFIRMED and moved, the others were CANCELLED.
        Status::Cancelled => (status, left + 1, 300 + i64::try_from(STATUSES.len()).unwrap_or_default() - 7),
        status => (status, 1, 400),
    });
    same(&case, "with every status", &wanted).await;
}

pub(super) async fn the_summary_spans_partitions(case: StoreCase) {
    for (partition, oldest) in [(HOME, 20), (OTHER, 10)] {
        let ids = sample::order_ids_in(partition, case.harness.partitions(), 3);
        let documents = (oldest..).zip(&ids).map(|(ms, id)| document(id, Status::Preparing, ms));
        case.write(write(partition, 1, documents.collect())).await;
    }
    same(&case, "of two partitions", &[(Status::Preparing, 6, 10)]).await;
    let oldest = document(&case.order(OTHER, 0), Status::Preparing, 10);
    case.write(write(OTHER, 2, vec![changed(&oldest, Status::Cancelled, 30)])).await;
    let wanted = [(Status::Preparing, 5, 11), (Status::Cancelled, 1, 30)];
    same(&case, "after the oldest left", &wanted).await;
}

pub(super) async fn writes_that_change_nothing_do_not_count(case: StoreCase) {
    let placed = document(&case.order(HOME, 0), Status::Placed, 7);
    let wanted = [(Status::Placed, 1, 7)];
    // The same write again, as after an unknown outcome.
    for _ in 0..3 {
        case.write(write(HOME, 1, vec![placed.clone()])).await;
        same(&case, "after a repeated write", &wanted).await;
    }
    let foreign = StoreWrite {
        expected: Some(token(9)),
        ..write(HOME, 10, vec![document(&case.order(HOME, 1), Status::Placed, 1)])
    };
    let outcome = case.works("write", case.store().write(foreign)).await;
    case.same("the outcome of a write that expects another token", &outcome, &WriteOutcome::Mismatch);
    same(&case, "after a mismatch", &wanted).await;
    // A replay writes the document that is there already.
    let again = DocumentWrite { previous: entry(&placed), ..placed.clone() };
    case.write(write(HOME, 2, vec![again])).await;
    same(&case, "after the same document", &wanted).await;
    for sequence in 3..6 {
        case.write(write(HOME, sequence, vec![rebuilt(placed.clone())])).await;
        same(&case, "after a rebuilt document", &wanted).await;
    }
}

pub(super) async fn a_cleared_partition_does_not_count(case: StoreCase) {
    let ids = sample::order_ids_in(HOME, case.harness.partitions(), 30);
    let documents: Vec<_> = (0..).zip(&ids).map(|(ms, id)| document(id, Status::Placed, ms)).collect();
    case.write(write(HOME, 1, documents.clone())).await;
    case.write(write(OTHER, 1, vec![document(&case.order(OTHER, 0), Status::Placed, 50)])).await;
    same(&case, "before", &[(Status::Placed, 31, 0)]).await;
    clear(&case, HOME, 1).await;
    same(&case, "after a clear", &[(Status::Placed, 1, 50)]).await;
    clear(&case, HOME, 1).await;
    same(&case, "after another clear", &[(Status::Placed, 1, 50)]).await;
    case.write(write(HOME, 2, documents.into_iter().map(rebuilt).collect())).await;
    same(&case, "after the rebuild", &[(Status::Placed, 31, 0)]).await;
}

pub(super) async fn summaries_survive_a_restart(mut case: StoreCase) {
    for partition in [HOME, OTHER] {
        let ids = sample::order_ids_in(partition, case.harness.partitions(), 5);
        let documents = (3..).zip(&ids).map(|(ms, id)| document(id, Status::Returned, ms));
        case.write(write(partition, 1, documents.collect())).await;
    }
    case.harness.restart().await;
    same(&case, "after a restart", &[(Status::Returned, 10, 3)]).await;
    let moved = document(&case.order(HOME, 9), Status::Placed, 1);
    case.write(write(HOME, 2, vec![moved])).await;
    same(&case, "after a later write", &[(Status::Placed, 1, 1), (Status::Returned, 10, 3)]).await;
}

fn rebuilt(document: DocumentWrite) -> DocumentWrite {
    DocumentWrite { rebuilt: true, previous: None, ..document }
}

fn entry(document: &DocumentWrite) -> Option<IndexEntry> {
    let (status, changed_at) = (document.status, document.changed_at);
    Some(IndexEntry { status, changed_at, courier: document.parties.courier.clone() })
}

/// The summary has these orders and no others.
async fn same(case: &StoreCase, when: &str, wanted: &[Orders]) {
    let found = case.works("summary", case.store().summary()).await;
    let mut all = StatusSummary::none();
    for (status, count, oldest_ms) in wanted {
        let oldest: Timestamp = sample::time(*oldest_ms);
        all[status.index()].add(*count, Some(oldest));
    }
    case.same(&format!("the summary {when}"), &found, &all);
}
