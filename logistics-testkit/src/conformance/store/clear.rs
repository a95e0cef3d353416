//! The removal of a partition's contents.

use super::StoreCase;
use super::late::listed;
use super::parties;
use super::steps::{HOME, OTHER, changed, document, late, token, with_timer, write};
use crate::sample;
use logistics_core::lifecycle::{STATUSES, Status};
use logistics_core::port::{ClearOutcome, DocumentLookup, DocumentWrite, Loaded, PartyRole, Token};
use logistics_core::{Offset, OrderId, Partition};

/// More than one step of a store removes.
const ORDERS: usize = 3000;
/// More steps than any store needs for [`ORDERS`].
const STEPS_MAX: usize = 20_000;

pub(super) async fn clear_removes_one_partition_in_steps(case: StoreCase) {
    let kept = with_timer(late(document(&case.order(OTHER, 0), Status::Confirmed, 1)), 90);
    case.write(write(OTHER, 1, vec![kept.clone()])).await;
    let ids = sample::order_ids_in(HOME, case.harness.partitions(), ORDERS);
    let documents =
        (0..).zip(&ids).map(|(n, id)| various(document(id, STATUSES[n % STATUSES.len()], n as i64)));
    case.write(write(HOME, 1, documents.collect())).await;
    let before = case.recover(HOME).await.checkpoint;
    let other = (case.recover(OTHER).await, case.load(OTHER, std::slice::from_ref(&kept.order_id)).await);

    clear(&case, HOME, 1).await;
    let recovery = case.recover(HOME).await;
    case.same("the checkpoint", &recovery.checkpoint, &before);
    case.same("the timers", &recovery.timers, &Vec::new());
    let wanted = Loaded { token: Some(token(1)), documents: vec![None; ORDERS], ..Loaded::default() };
    case.holds("no document is left, and none is missing", case.load(HOME, &ids).await == wanted);
    let found = case.works("document", case.store().document(&ids[0])).await;
    case.same("a removed document", &found, &DocumentLookup::Absent { answered: Offset(9) });
    case.same("the list", &case.listed(None).await, &vec![kept.order_id.clone()]);
    case.same("the late orders", &listed(&case, None).await, &vec![kept.order_id.clone()]);
    same_for_parties(&case, &[&kept.order_id]).await;
    let after = (case.recover(OTHER).await, case.load(OTHER, std::slice::from_ref(&kept.order_id)).await);
    case.same("the other partition", &after, &other);
    clear(&case, HOME, 1).await;
}

pub(super) async fn clear_at_another_write_changes_nothing(case: StoreCase) {
    let attempt = async |token| case.works("clear", case.store().clear(HOME, token)).await;
    case.same("of an empty partition", &attempt(token(1)).await, &ClearOutcome::Mismatch);
    let placed = various(document(&case.order(HOME, 0), Status::Placed, 0));
    let ids = std::slice::from_ref(&placed.order_id);
    case.write(write(HOME, 1, vec![placed.clone()])).await;
    case.write(write(HOME, 2, Vec::new())).await;
    let before = (case.recover(HOME).await, case.load(HOME, ids).await);
    let foreign = Token { acquisition: token(2).acquisition + 1, sequence: 2 };
    for other in [token(1), token(3), foreign] {
        case.same("with another token", &attempt(other).await, &ClearOutcome::Mismatch);
    }
    case.same("the partition", &(case.recover(HOME).await, case.load(HOME, ids).await), &before);
    case.same("the list", &case.listed(None).await, &ids.to_vec());
    case.same("the late orders", &listed(&case, None).await, &ids.to_vec());
}

pub(super) async fn a_cleared_partition_is_written_anew(case: StoreCase) {
    let id = case.order(HOME, 0);
    case.write(write(HOME, 1, vec![various(document(&id, Status::Placed, 0))])).await;
    clear(&case, HOME, 1).await;
    let rebuilt = DocumentWrite { rebuilt: true, ..with_timer(document(&id, Status::Confirmed, 7), 50) };
    case.write(write(HOME, 2, vec![rebuilt.clone()])).await;
    let found = case.works("document", case.store().document(&id)).await;
    case.same("the document", &found, &DocumentLookup::Found(rebuilt.json.clone()));
    case.same("the list", &case.listed(None).await, &vec![id.clone()]);
    case.same("the timers", &case.timers(HOME).await, &vec![(id.clone(), sample::time(50))]);
    case.same("the late orders", &listed(&case, None).await, &Vec::new());
    same_for_parties(&case, &[&id]).await;
    let later = changed(&rebuilt, Status::Preparing, 8);
    case.write(write(HOME, 3, vec![later])).await;
    case.same("the list after the next write", &case.listed(None).await, &vec![id]);
    // The new contents can be removed too.
    clear(&case, HOME, 3).await;
    case.same("the list at the end", &case.listed(None).await, &Vec::new());
    same_for_parties(&case, &[]).await;
}

/// Each of the parties in [`various`] has these orders.
async fn same_for_parties(case: &StoreCase, wanted: &[&OrderId]) {
    for role in PartyRole::ALL {
        let found = parties::listed(case, &parties::party(role, 1)).await;
        case.same("the orders of a party", &found.iter().collect::<Vec<_>>(), &wanted.to_vec());
    }
}

/// A document with all that a store derives from one.
fn various(document: DocumentWrite) -> DocumentWrite {
    let document = with_timer(document, 5000);
    if document.status.is_terminal() { document } else { late(document) }
}

pub(super) async fn clear(case: &StoreCase, partition: Partition, sequence: u64) {
    for _ in 0..STEPS_MAX {
        match case.works("clear", case.store().clear(partition, token(sequence))).await {
            ClearOutcome::More => {}
            outcome => return case.same("the last step", &outcome, &ClearOutcome::Done),
        }
    }
    case.holds("the steps end", false);
}
