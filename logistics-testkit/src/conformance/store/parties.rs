//! The lists of the orders of a party.

use std::collections::BTreeSet;

use super::StoreCase;
use super::steps::{HOME, OTHER, changed, document, late, with_parties, write};
use crate::sample;
use logistics_core::lifecycle::Status;
use logistics_core::port::{
    Cursor, DocumentWrite, ListQuery, OrderParties, Page, PartyFilter, PartyRole, StoreWrite,
};
use logistics_core::{OrderId, Partition, PartyId};

/// More than a store inspects for one page.
const ORDERS: usize = 3000;
/// More pages than any store needs for [`ORDERS`].
const PAGES_MAX: usize = 4000;

pub(super) async fn a_party_has_its_orders_of_its_role_only(case: StoreCase) {
    let all = fill(&case).await;
    for role in PartyRole::ALL {
        for n in 0..3 {
            let party = party(role, n);
            let wanted = ids_of(&all, |written| written.parties.id(role) == Some(&party.id));
            case.holds("the party has orders", !wanted.is_empty());
            case.same(
                "the orders of a party, the latest change first",
                &listed(&case, &party).await,
                &wanted,
            );
        }
        case.same("the orders of a party without orders", &listed(&case, &party(role, 9)).await, &Vec::new());
    }
    // The same id in another role is another party.
    let (customer, merchant) = (party(PartyRole::Customer, 0), party(PartyRole::Merchant, 1));
    for (role, id) in [(PartyRole::Merchant, customer.id), (PartyRole::Courier, merchant.id)] {
        case.same("the orders in another role", &listed(&case, &PartyFilter { role, id }).await, &Vec::new());
    }
}

pub(super) async fn a_change_moves_an_order_to_the_front_of_its_parties(case: StoreCase) {
    let written: Vec<_> = (0..3).map(|n| order(&case, HOME, n, n as i64, parties(0, 0, 0))).collect();
    case.write(write(HOME, 1, written.clone())).await;
    let moved = changed(&written[0], Status::Confirmed, 10);
    let again = changed(&moved, Status::Confirmed, 11);
    let ids: Vec<_> = written.iter().map(|written| written.order_id.clone()).collect();
    let wanted = vec![ids[0].clone(), ids[2].clone(), ids[1].clone()];
    for (sequence, change) in [(2, moved), (3, again)] {
        case.write(write(HOME, sequence, vec![change])).await;
        for role in PartyRole::ALL {
            case.same("the orders of a party", &listed(&case, &party(role, 0)).await, &wanted);
        }
    }
}

pub(super) async fn a_courier_that_changes_leaves_the_list_of_the_former(case: StoreCase) {
    let kept = order(&case, HOME, 1, 0, parties(0, 0, 0));
    let mut current = order(&case, HOME, 0, 1, OrderParties { courier: None, ..parties(0, 0, 0) });
    let id = current.order_id.clone();
    case.write(write(HOME, 1, vec![kept.clone(), current.clone()])).await;
    // Assigned, changed without another time, changed with another status, cleared, and assigned again.
    let steps = [(Some(0), 1), (Some(1), 1), (Some(2), 2), (None, 3), (None, 4), (Some(1), 5)];
    for (step, (courier, ms)) in steps.into_iter().enumerate() {
        let status = if step < 2 { Status::Placed } else { Status::Confirmed };
        let assigned =
            OrderParties { courier: courier.map(|n| party(PartyRole::Courier, n).id), ..parties(0, 0, 0) };
        current = with_parties(changed(&current, status, ms), assigned);
        case.write(write(HOME, 2 + step as u64, vec![current.clone()])).await;
        for n in 0..3 {
            let mut wanted: Vec<_> = (courier == Some(n)).then(|| id.clone()).into_iter().collect();
            wanted.extend((n == 0).then(|| kept.order_id.clone()));
            case.same(
                "the orders of a courier",
                &listed(&case, &party(PartyRole::Courier, n)).await,
                &wanted,
            );
        }
        let customer = listed(&case, &party(PartyRole::Customer, 0)).await;
        case.same("the orders of the customer", &customer, &vec![id.clone(), kept.order_id.clone()]);
    }
}

pub(super) async fn a_rebuilt_order_is_listed_for_its_parties_only(case: StoreCase) {
    let before = order(&case, HOME, 0, 0, parties(0, 0, 0));
    case.write(write(HOME, 1, vec![before.clone()])).await;
    // The writer does not know the entries that the store holds.
    for (sequence, courier, ms) in [(2, 1, 5), (3, 2, 3), (4, 2, 9)] {
        let rebuilt = order(&case, HOME, 0, ms, parties(0, 0, courier));
        case.write(write(HOME, sequence, vec![DocumentWrite { rebuilt: true, ..rebuilt }])).await;
        for (role, n) in [(PartyRole::Customer, 0), (PartyRole::Merchant, 0), (PartyRole::Courier, courier)] {
            let found = listed(&case, &party(role, n)).await;
            case.same("the orders of a party", &found, &vec![before.order_id.clone()]);
        }
        for former in (0..3).filter(|former| *former != courier) {
            let found = listed(&case, &party(PartyRole::Courier, former)).await;
            case.same("the orders of a former courier", &found, &Vec::new());
        }
    }
}

pub(super) async fn orders_of_a_party_are_listed_by_status(case: StoreCase) {
    let all = fill(&case).await;
    for role in PartyRole::ALL {
        let party = party(role, 0);
        let of_party = |written: &DocumentWrite| written.parties.id(role) == Some(&party.id);
        for status in [Status::Placed, Status::Delivered, Status::Cancelled] {
            let wanted = ids_of(&all, |written| of_party(written) && written.status == status);
            let query = ListQuery { status: Some(status), ..of(&party) };
            case.same("the orders of a party in a status", &pages(&case, query).await, &wanted);
        }
    }
}

pub(super) async fn pages_of_a_party_neither_lose_nor_repeat_an_order(case: StoreCase) {
    let all = fill(&case).await;
    for role in PartyRole::ALL {
        let party = party(role, 1);
        let of_party = |written: &DocumentWrite| written.parties.id(role) == Some(&party.id);
        for status in [None, Some(Status::Placed)] {
            let has_status = |written: &DocumentWrite| status.is_none_or(|status| written.status == status);
            let wanted = ids_of(&all, |written| of_party(written) && has_status(written));
            for limit in [1, 2, 3, wanted.len(), 1000] {
                let found = pages(&case, ListQuery { status, limit, ..of(&party) }).await;
                case.same("the pages, one after the other", &found, &wanted);
            }
        }
    }
}

pub(super) async fn a_cursor_of_another_party_only_determines_the_position(case: StoreCase) {
    let all = fill(&case).await;
    for (foreign, party) in [
        (party(PartyRole::Customer, 0), party(PartyRole::Customer, 1)),
        (party(PartyRole::Merchant, 2), party(PartyRole::Courier, 0)),
    ] {
        let first = case.page(&ListQuery { limit: 2, ..of(&foreign) }).await;
        let Some(after) = first.next else { return case.holds("there is another page", false) };
        let place = (after.changed_at, after.order_id.clone());
        let is_behind = |written: &DocumentWrite| (written.changed_at, written.order_id.clone()) < place;
        let wanted =
            ids_of(&all, |written| written.parties.id(party.role) == Some(&party.id) && is_behind(written));
        // Also without the digest, which a caller can remove from the text.
        for after in [after.clone(), Cursor { party: None, ..after }] {
            let found = pages(&case, ListQuery { after: Some(after), ..of(&party) }).await;
            case.same("the rest of the party's own list", &found, &wanted);
        }
    }
}

pub(super) async fn a_list_since_a_time_has_the_later_changes(case: StoreCase) {
    let all = fill(&case).await;
    let party = party(PartyRole::Merchant, 0);
    let of_party = |written: &DocumentWrite| written.parties.merchant.as_ref() == Some(&party.id);
    for ms in [-1, 0, 3, 4, 100] {
        let since = Some(sample::time(ms));
        let is_later = |written: &DocumentWrite| written.changed_at >= sample::time(ms);
        let wanted = ids_of(&all, |written| of_party(written) && is_later(written));
        for limit in [2, 1000] {
            let found = pages(&case, ListQuery { since, limit, ..of(&party) }).await;
            case.same("the orders of a party since a time", &found, &wanted);
            let placed = ListQuery { since, limit, status: Some(Status::Placed), ..ListQuery::default() };
            let wanted = ids_of(&all, |written| written.status == Status::Placed && is_later(written));
            case.same("the orders of a status since a time", &pages(&case, placed).await, &wanted);
            let every = pages(&case, ListQuery { since, limit, ..ListQuery::default() }).await;
            let wanted: BTreeSet<_> = ids_of(&all, is_later).into_iter().collect();
            case.same("the number of orders since a time", &every.len(), &wanted.len());
            case.same("the orders since a time", &every.into_iter().collect(), &wanted);
            let late = pages(&case, ListQuery { since, limit, late: true, ..ListQuery::default() }).await;
            let mut wanted = ids_of(&all, |written| written.late && is_later(written));
            wanted.reverse();
            case.same("the late orders since a time", &late, &wanted);
        }
    }
}

pub(super) async fn late_orders_of_a_party_are_listed(case: StoreCase) {
    let all = fill(&case).await;
    for role in PartyRole::ALL {
        let party = party(role, 2);
        let mut wanted = ids_of(&all, |written| written.late && written.parties.id(role) == Some(&party.id));
        wanted.reverse();
        case.holds("the party has late orders", !wanted.is_empty());
        for limit in [1, 2, 1000] {
            let found = pages(&case, ListQuery { late: true, limit, ..of(&party) }).await;
            case.same("the late orders of a party", &found, &wanted);
        }
    }
}

pub(super) async fn ids_of_parties_are_kept_apart(case: StoreCase) {
    let long = "x".repeat(128);
    let longer = [&long[..127], "y"].concat();
    let ids = [
        "a",
        "aa",
        "a:b",
        "b",
        "a ",
        "{p1}",
        "{p1",
        "}",
        "*",
        "customer:a",
        "a\u{a0}",
        "ż",
        "żz",
        "0",
        &long,
        &longer,
    ];
    let parsed = |id: &str| PartyId::parse(id).ok();
    for partition in [HOME, OTHER] {
        let documents = (0..).zip(ids).map(|(n, id)| {
            let other = ids[(n + 1) % ids.len()];
            let parties = OrderParties { customer: parsed(id), merchant: parsed(other), courier: None };
            order(&case, partition, n, n as i64, parties)
        });
        case.write(write(partition, 1, documents.collect())).await;
    }
    for (n, id) in ids.into_iter().enumerate() {
        let before = (n + ids.len() - 1) % ids.len();
        for (role, n) in [(PartyRole::Customer, n), (PartyRole::Merchant, before)] {
            let Some(id) = parsed(id) else { return case.holds("the id is valid", false) };
            let mut wanted: Vec<_> = [HOME, OTHER].map(|partition| case.order(partition, n)).into();
            wanted.sort();
            wanted.reverse();
            case.same("the orders of a party", &listed(&case, &PartyFilter { role, id }).await, &wanted);
        }
    }
}

/// Most orders of a batch have different customers, and all may have one merchant.
pub(super) async fn a_write_may_name_many_parties(case: StoreCase) {
    let ids = sample::order_ids_in(HOME, case.harness.partitions(), ORDERS);
    let documents = (0..)
        .zip(&ids)
        .map(|(n, id)| with_parties(document(id, Status::Placed, (n % 7) as i64), parties(n, 0, n % 50)));
    let documents: Vec<_> = documents.collect();
    case.write(write(HOME, 1, documents.clone())).await;
    let moved = documents.iter().step_by(2).map(|before| changed(before, Status::Confirmed, 20));
    case.write(write(HOME, 2, moved.collect())).await;
    for n in [0, 1, ORDERS - 1] {
        let found = listed(&case, &party(PartyRole::Customer, n)).await;
        case.same("the order of a customer", &found, &vec![ids[n].clone()]);
    }
    let of_courier = listed(&case, &party(PartyRole::Courier, 49)).await;
    case.same("the orders of a courier", &of_courier.len(), &(ORDERS / 50));
    let merchant = party(PartyRole::Merchant, 0);
    let all = pages(&case, ListQuery { limit: 1000, ..of(&merchant) }).await;
    case.same("the orders of the merchant", &all.into_iter().collect::<BTreeSet<_>>().len(), &ORDERS);
    // Few of many orders have the status.
    case.write(write(HOME, 3, vec![changed(&documents[1], Status::Cancelled, 1)])).await;
    for limit in [1, 1000] {
        let query = ListQuery { status: Some(Status::Cancelled), limit, ..of(&merchant) };
        case.same("the order in the status", &pages(&case, query).await, &vec![ids[1].clone()]);
    }
}

pub(super) async fn lists_of_parties_survive_a_restart(mut case: StoreCase) {
    let all = fill(&case).await;
    case.harness.restart().await;
    let party = party(PartyRole::Courier, 1);
    let wanted = ids_of(&all, |written| written.parties.courier.as_ref() == Some(&party.id));
    case.same("the orders of a party", &listed(&case, &party).await, &wanted);
}

pub(super) fn party(role: PartyRole, n: usize) -> PartyFilter {
    let id = sample::parsed(PartyId::parse(&format!("{}-{n}", role.name())));
    PartyFilter { role, id }
}

fn parties(customer: usize, merchant: usize, courier: usize) -> OrderParties {
    let id = |role, n| Some(party(role, n).id);
    OrderParties {
        customer: id(PartyRole::Customer, customer),
        merchant: id(PartyRole::Merchant, merchant),
        courier: id(PartyRole::Courier, courier),
    }
}

fn order(case: &StoreCase, partition: Partition, n: usize, ms: i64, parties: OrderParties) -> DocumentWrite {
    with_parties(document(&case.order(partition, n), Status::Placed, ms), parties)
}

/// Orders of two partitions, three parties of each role and several statuses, some of them late, up to four at one millisecond.
async fn fill(case: &StoreCase) -> Vec<DocumentWrite> {
    let mut all = Vec::new();
    for partition in [HOME, OTHER] {
        let documents = (0..18).map(|n| {
            let (status, ms) = ([Status::Placed, Status::Delivered, Status::Placed][n % 3], (n as i64) / 2);
            let written = document(&case.order(partition, n), status, ms);
            let written = with_parties(written, parties(n % 3, (n / 3) % 3, (n / 6) % 3));
            if n % 4 == 2 && status == Status::Placed { late(written) } else { written }
        });
        let documents: Vec<_> = documents.collect();
        case.write(StoreWrite { ..write(partition, 1, documents.clone()) }).await;
        all.extend(documents);
    }
    all
}

/// The ids of some orders, as listed.
fn ids_of(all: &[DocumentWrite], wanted: impl Fn(&DocumentWrite) -> bool) -> Vec<OrderId> {
    let found = all.iter().filter(|written| wanted(written));
    let mut found: Vec<_> = found.map(|written| (written.changed_at, written.order_id.clone())).collect();
    found.sort();
    found.into_iter().rev().map(|(_, id)| id).collect()
}

fn of(party: &PartyFilter) -> ListQuery {
    ListQuery { party: Some(party.clone()), limit: 1000, ..ListQuery::default() }
}

/// The ids on a page that holds all of a party's list.
pub(super) async fn listed(case: &StoreCase, party: &PartyFilter) -> Vec<OrderId> {
    let Page { documents, next } = case.page(&of(party)).await;
    case.same("the next page of a list that fits on one", &next, &None);
    case.ids(&Page { documents, next: None })
}

/// A page may have fewer orders than its limit, also none, although another page follows.
async fn pages(case: &StoreCase, mut query: ListQuery) -> Vec<OrderId> {
    let mut found = Vec::new();
    for _ in 0..PAGES_MAX {
        let page = case.page(&query).await;
        found.extend(case.ids(&page));
        let Some(next) = page.next else { return found };
        let party = query.party.as_ref().map(PartyFilter::digest);
        case.same("the party of the cursor", &next.party, &party);
        // Clients send the cursor as text.
        query.after = next.to_string().parse::<Cursor>().ok();
        case.same("the cursor, by way of its text", &query.after, &Some(next));
    }
    case.holds("the pages end", false);
    found
}
