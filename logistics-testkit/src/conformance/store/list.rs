//! The list of orders.

use super::StoreCase;
use super::steps::{HOME, OTHER, changed, document, write};
use crate::sample;
use logistics_core::lifecycle::{STATUSES, Status};
use logistics_core::port::{Cursor, DocumentWrite, IndexEntry, ListQuery, Page};
use logistics_core::{OrderId, Partition, Timestamp, partition_of};

pub(super) async fn an_empty_list_has_one_empty_page(case: StoreCase) {
    for status in [None, Some(Status::Placed)] {
        let page = case.page(&ListQuery { status, limit: 10, ..ListQuery::default() }).await;
        case.same("the page", &page, &Page::default());
    }
}

pub(super) async fn the_latest_change_comes_first_and_of_two_the_greater_id(case: StoreCase) {
    let mut placed: Vec<(i64, OrderId)> = (0..9).map(|n| (n / 3, case.order(HOME, n as usize))).collect();
    let documents = placed.iter().map(|(ms, id)| document(id, Status::Placed, *ms)).collect();
    case.write(write(HOME, 1, documents)).await;
    placed.sort();
    let wanted: Vec<_> = placed.into_iter().rev().map(|(_, id)| id).collect();
    case.same("the list", &case.listed(Some(Status::Placed)).await, &wanted);
}

pub(super) async fn all_statuses_come_one_after_the_other(case: StoreCase) {
    // Written in another order than the one in which they are listed, and the times go against it too.
    let documents: Vec<_> = STATUSES
        .into_iter()
        .enumerate()
        .map(|(n, status)| document(&case.order(HOME, n), status, n as i64))
        .rev()
        .collect();
    case.write(write(HOME, 1, documents)).await;
    let wanted: Vec<_> = (0..STATUSES.len()).map(|n| case.order(HOME, n)).collect();
    case.same("the list", &case.listed(None).await, &wanted);
    for (status, id) in STATUSES.into_iter().zip(wanted) {
        case.same("the list of one status", &case.listed(Some(status)).await, &vec![id]);
    }
}

pub(super) async fn an_order_is_listed_under_its_latest_status_only(case: StoreCase) {
    let id = case.order(HOME, 0);
    let placed = document(&id, Status::Placed, 0);
    let confirmed = changed(&placed, Status::Confirmed, 10);
    // A later change within the same status moves the order within its list.
    let late = changed(&confirmed, Status::Confirmed, 20);
    let rival = document(&case.order(HOME, 1), Status::Confirmed, 15);
    case.write(write(HOME, 1, vec![placed])).await;
    case.write(write(HOME, 2, vec![confirmed, rival.clone()])).await;
    case.same("the orders that are PLACED", &case.listed(Some(Status::Placed)).await, &Vec::new());
    let confirmed = case.listed(Some(Status::Confirmed)).await;
    case.same("the orders that are CONFIRMED", &confirmed, &vec![rival.order_id.clone(), id.clone()]);
    case.write(write(HOME, 3, vec![late])).await;
    case.same("all orders", &case.listed(None).await, &vec![id, rival.order_id]);
}

pub(super) async fn a_rebuilt_order_has_one_entry(case: StoreCase) {
    let id = case.order(HOME, 0);
    case.write(write(HOME, 1, vec![document(&id, Status::Placed, 0)])).await;
    // A writer that rebuilt it from the log does not know which entry the store holds: here another status, then
    // another time within the status.
    for (sequence, ms) in [(2, 5), (3, 9), (4, 7)] {
        let rebuilt = DocumentWrite { rebuilt: true, ..document(&id, Status::Confirmed, ms) };
        case.write(write(HOME, sequence, vec![rebuilt])).await;
        case.same("all orders", &case.listed(None).await, &vec![id.clone()]);
        case.same("the orders that are PLACED", &case.listed(Some(Status::Placed)).await, &Vec::new());
    }
    // The store removes the entry that it has, even if the write names another.
    let moved = DocumentWrite {
        rebuilt: true,
        previous: Some(IndexEntry { status: Status::Placed, changed_at: sample::time(1), courier: None }),
        ..document(&id, Status::Preparing, 11)
    };
    case.write(write(HOME, 5, vec![moved])).await;
    case.same("all orders at the end", &case.listed(None).await, &vec![id]);
}

pub(super) async fn pages_neither_lose_nor_repeat_an_order(case: StoreCase) {
    fill(&case).await;
    for status in [None, Some(Status::Placed), Some(Status::Delivered)] {
        let all = case.listed(status).await;
        case.holds("there is something to list", !all.is_empty());
        for limit in [1, 2, 7, all.len()] {
            let found = pages(&case, status, limit, all.len()).await;
            case.same("the pages, one after the other", &found, &all);
        }
    }
}

async fn pages(case: &StoreCase, status: Option<Status>, limit: usize, orders_max: usize) -> Vec<OrderId> {
    let (mut found, mut query) = (Vec::new(), ListQuery { status, limit, ..ListQuery::default() });
    loop {
        let page = case.page(&query).await;
        case.holds("a page that another one announced holds something", !page.documents.is_empty());
        found.extend(case.ids(&page));
        case.holds("the pages hold no more orders than there are", found.len() <= orders_max);
        let Some(next) = page.next else { return found };
        case.same("the orders on a page that is not the last", &page.documents.len(), &limit);
        // Clients send the cursor as text.
        let text = next.to_string();
        query.after = text.parse::<Cursor>().ok();
        case.same("the cursor, by way of its text", &query.after, &Some(next));
    }
}

pub(super) async fn the_list_spans_partitions(case: StoreCase) {
    let wanted = fill(&case).await;
    case.same("the orders that are PLACED", &case.listed(Some(Status::Placed)).await, &wanted);
}

/// A batch is decided at one time, so thousands of orders have the same time.
pub(super) async fn changes_of_one_millisecond_are_paged(case: StoreCase) {
    const ORDERS: usize = 100;
    let mut wanted = Vec::new();
    for partition in [HOME, OTHER] {
        let ids = sample::order_ids_in(partition, case.harness.partitions(), ORDERS);
        let around = |n| {
            if n == 0 {
                4
            } else if n == ORDERS - 1 {
                6
            } else {
                5
            }
        };
        let changed_ms = (0..ORDERS).map(around);
        let documents = ids.iter().zip(changed_ms.clone()).map(|(id, ms)| document(id, Status::Placed, ms));
        case.write(write(partition, 1, documents.collect())).await;
        wanted.extend(changed_ms.zip(ids));
    }
    wanted.sort();
    let wanted: Vec<_> = wanted.into_iter().rev().map(|(_, id)| id).collect();
    for limit in [1, 3, 64, ORDERS, 2 * ORDERS] {
        let found = pages(&case, Some(Status::Placed), limit, wanted.len()).await;
        case.same("the pages, one after the other", &found, &wanted);
    }
    // A cursor stays valid after its order has left the list.
    let page =
        case.page(&ListQuery { status: Some(Status::Placed), limit: 50, ..ListQuery::default() }).await;
    let moved = wanted[49].clone();
    let partition = partition_of(&moved, case.harness.partitions());
    let placed = document(&moved, Status::Placed, 5);
    case.write(write(partition, 2, vec![changed(&placed, Status::Confirmed, 9)])).await;
    let rest = ListQuery {
        status: Some(Status::Placed),
        after: page.next,
        limit: 2 * ORDERS,
        ..ListQuery::default()
    };
    case.same("the rest of the list", &case.ids(&case.page(&rest).await), &wanted[50..].to_vec());
}

pub(super) async fn the_list_keeps_the_extreme_times(case: StoreCase) {
    let extremes = [i64::MAX, i64::MAX - 1, 1, i64::MIN];
    let ids: Vec<_> = (0..extremes.len()).map(|n| case.order(HOME, n)).collect();
    let documents = ids.iter().zip(extremes).map(|(id, ms)| DocumentWrite {
        changed_at: Timestamp::from_millis(ms),
        ..document(id, Status::Placed, 0)
    });
    let mut wanted: Vec<_> =
        documents.clone().map(|document| (document.changed_at, document.order_id)).collect();
    case.write(write(HOME, 1, documents.collect())).await;
    wanted.sort();
    let wanted: Vec<_> = wanted.into_iter().rev().map(|(_, id)| id).collect();
    case.same("the pages", &pages(&case, Some(Status::Placed), 1, ids.len()).await, &wanted);
}

/// Orders of two partitions whose changes take turns, some of them at the same time; the ids that are PLACED, as listed.
async fn fill(case: &StoreCase) -> Vec<OrderId> {
    let mut placed = Vec::new();
    for (turn, partition) in [HOME, OTHER].into_iter().enumerate() {
        let mut documents = Vec::new();
        for n in 0..12 {
            let id = case.order(partition, n);
            let status = if n % 4 == 3 { Status::Delivered } else { Status::Placed };
            let changed_ms = (n as i64 / 2) * 2 + turn as i64;
            documents.push(document(&id, status, changed_ms));
            if status == Status::Placed {
                placed.push((changed_ms, id));
            }
        }
        case.write(write(partition, 1, documents)).await;
    }
    case.write(write(Partition(0), 2, Vec::new())).await;
    placed.sort();
    placed.into_iter().rev().map(|(_, id)| id).collect()
}
