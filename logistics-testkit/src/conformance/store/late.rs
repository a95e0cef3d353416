//! The list of late orders.

use super::StoreCase;
use super::steps::{HOME, OTHER, changed, document, late, write};
use logistics_core::OrderId;
use logistics_core::lifecycle::Status;
use logistics_core::port::{Cursor, DocumentWrite, ListQuery, Page};

pub(super) async fn an_order_that_is_not_late_is_not_listed_as_late(case: StoreCase) {
    let query = ListQuery { late: true, limit: 10, ..ListQuery::default() };
    case.same("the late orders of an empty store", &case.page(&query).await, &Page::default());
    case.write(write(HOME, 1, vec![document(&case.order(HOME, 0), Status::Placed, 0)])).await;
    case.same("the late orders", &case.page(&query).await, &Page::default());
}

pub(super) async fn the_order_that_is_late_for_the_longest_comes_first(case: StoreCase) {
    let wanted = fill(&case).await;
    case.same("the late orders", &listed(&case, None).await, &wanted);
    for limit in [1, 2, 3, wanted.len()] {
        case.same("the pages, one after the other", &pages(&case, None, limit).await, &wanted);
    }
}

pub(super) async fn late_orders_of_one_status_are_listed(case: StoreCase) {
    let all = fill(&case).await;
    let (preparing, confirmed) =
        (listed(&case, Some(Status::Preparing)).await, listed(&case, Some(Status::Confirmed)).await);
    let of = |status: &[OrderId]| -> Vec<OrderId> {
        all.iter().filter(|id| status.contains(id)).cloned().collect()
    };
    case.same("the late orders that are PREPARING", &preparing, &of(&preparing));
    case.same("the late orders that are CONFIRMED", &confirmed, &of(&confirmed));
    case.same("the late orders of both", &(preparing.len() + confirmed.len()), &all.len());
    case.holds("some are in each status", !preparing.is_empty() && !confirmed.is_empty());
    case.same("those in a status without one", &listed(&case, Some(Status::Placed)).await, &Vec::new());
    for limit in [1, 2, preparing.len()] {
        let found = pages(&case, Some(Status::Preparing), limit).await;
        case.same("the pages of one status", &found, &preparing);
    }
}

pub(super) async fn an_order_that_moves_on_is_late_no_more(case: StoreCase) {
    let before: Vec<_> =
        (0..3).map(|n| document(&case.order(HOME, n), Status::Confirmed, n as i64)).collect();
    let overdue: Vec<_> =
        before.iter().zip(10..).map(|(before, ms)| late(changed(before, Status::Confirmed, ms))).collect();
    case.write(write(HOME, 1, before)).await;
    case.write(write(HOME, 2, overdue.clone())).await;
    let ids: Vec<_> = overdue.iter().map(|document| document.order_id.clone()).collect();
    case.same("the late orders", &listed(&case, None).await, &ids);
    // A cursor stays valid after its order has left the list.
    let first = ListQuery { late: true, limit: 1, ..ListQuery::default() };
    let next = case.page(&first).await.next;
    case.holds("there is another page", next.is_some());
    case.write(write(HOME, 3, vec![changed(&overdue[0], Status::Preparing, 20)])).await;
    let rest = ListQuery { after: next, limit: 10, ..first };
    case.same("the rest of the list", &case.ids(&case.page(&rest).await), &ids[1..].to_vec());
    case.same("the late orders afterwards", &listed(&case, None).await, &ids[1..].to_vec());
    let again = late(changed(&overdue[1], Status::Confirmed, 30));
    case.write(write(HOME, 4, vec![again])).await;
    let wanted = vec![ids[2].clone(), ids[1].clone()];
    case.same("the late orders, one of them late at a later time", &listed(&case, None).await, &wanted);
}

pub(super) async fn a_rebuilt_order_is_late_as_its_document_is(case: StoreCase) {
    let overdue = late(document(&case.order(HOME, 0), Status::Confirmed, 5));
    let on_time = document(&case.order(HOME, 1), Status::Confirmed, 6);
    case.write(write(HOME, 1, vec![overdue.clone(), on_time.clone()])).await;
    let rebuilt = |document: DocumentWrite| DocumentWrite { rebuilt: true, ..document };
    let documents = vec![
        rebuilt(document(&overdue.order_id, Status::Preparing, 9)),
        rebuilt(late(document(&on_time.order_id, Status::Confirmed, 8))),
    ];
    case.write(write(HOME, 2, documents)).await;
    case.same("the late orders", &listed(&case, None).await, &vec![on_time.order_id]);
}

pub(super) async fn late_orders_survive_a_restart(mut case: StoreCase) {
    let wanted = fill(&case).await;
    case.harness.restart().await;
    case.same("the late orders", &listed(&case, None).await, &wanted);
}

/// Late orders of two partitions and two statuses, three at a time at one millisecond, among others that are not late; the
/// late ones, as listed.
async fn fill(case: &StoreCase) -> Vec<OrderId> {
    let mut wanted = Vec::new();
    for partition in [HOME, OTHER] {
        let mut documents = Vec::new();
        for n in 0..8 {
            let (id, ms) = (case.order(partition, n), 100 - (n as i64) / 3);
            let status = if n % 2 == 0 { Status::Preparing } else { Status::Confirmed };
            if n % 4 == 3 {
                documents.push(document(&id, status, ms));
            } else {
                documents.push(late(document(&id, status, ms)));
                wanted.push((ms, id));
            }
        }
        case.write(write(partition, 1, documents)).await;
    }
    wanted.sort();
    wanted.into_iter().map(|(_, id)| id).collect()
}

pub(super) async fn listed(case: &StoreCase, status: Option<Status>) -> Vec<OrderId> {
    let page = case.page(&ListQuery { status, late: true, limit: 1000, ..ListQuery::default() }).await;
    case.same("the next page of a list that fits on one", &page.next, &None);
    case.ids(&page)
}

/// A store that selects the status after it has read a page may announce one more page than there is.
async fn pages(case: &StoreCase, status: Option<Status>, limit: usize) -> Vec<OrderId> {
    let (mut found, mut query) =
        (Vec::new(), ListQuery { status, late: true, limit, ..ListQuery::default() });
    loop {
        let page = case.page(&query).await;
        found.extend(case.ids(&page));
        case.holds("the pages hold no more orders than there are", found.len() <= 100);
        let Some(next) = page.next else { return found };
        case.holds("a page that is not the last holds something", !page.documents.is_empty());
        // Clients send the cursor as text.
        query.after = next.to_string().parse::<Cursor>().ok();
        case.same("the cursor, by way of its text", &query.after, &Some(next));
    }
}
