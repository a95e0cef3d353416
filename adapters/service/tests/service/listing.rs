//! Pages of the list.

use std::collections::BTreeSet;

use logistics_core::port::{Cursor, ListQuery, PartyFilter, PartyRole};
use logistics_core::{Order, OrderId, Placement, Status, partition_of};
use logistics_service::{OrderPage, Place, ServiceError};
use logistics_testkit::{MemoryStore, sample};

use crate::fixture::{CALLER, Fixture, PARTITIONS, all};

async fn page(fixture: &Fixture, query: ListQuery) -> OrderPage {
    fixture.service.list(&CALLER, query).await.expect("the store answers")
}

fn ids(page: &OrderPage) -> Vec<OrderId> {
    page.documents.iter().map(|json| Order::from_document(json).expect("an order").order_id).collect()
}

/// The ids on all pages, and the bytes of the longest page.
async fn walk(fixture: &Fixture, limit: usize) -> (Vec<OrderId>, usize, usize) {
    let (mut listed, mut pages, mut longest, mut query) = (Vec::new(), 0, 0, all(limit));
    loop {
        let page = page(fixture, query.clone()).await;
        listed.extend(ids(&page));
        longest = longest.max(page.documents.iter().map(|json| json.len()).sum());
        pages += 1;
        match page.next {
            Some(next) => query.after = Some(next),
            None => return (listed, pages, longest),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn pages_contain_every_order_once() {
    let fixture = Fixture::new();
    let mut placed = BTreeSet::new();
    for _ in 0..7 {
        placed.insert(fixture.placed().await);
    }
    let (listed, pages, _) = walk(&fixture, 3).await;
    assert_eq!((listed.len(), pages, listed.into_iter().collect()), (7, 3, placed));
    let cancelled = ListQuery { status: Some(Status::Cancelled), ..all(3) };
    assert_eq!(ids(&page(&fixture, cancelled).await), []);
}

#[tokio::test(start_paused = true)]
async fn a_page_is_limited_in_bytes() {
    let fixture = Fixture::new();
    for number in 0..60 {
        fixture.placed_of(if number % 3 == 0 { 10 } else { 50_000 }).await;
    }
    let (listed, pages, longest) = walk(&fixture, 1000).await;
    assert_eq!((listed.len(), listed.into_iter().collect::<BTreeSet<_>>().len()), (60, 60));
    assert!(pages > 1 && longest <= 1024 * 1024, "{pages} pages, the longest of {longest} bytes");
}

#[tokio::test(start_paused = true)]
async fn an_invalid_query_names_the_field() {
    let fixture = Fixture::new();
    let field = |error| match error {
        ServiceError::Invalid { field, .. } => field,
        other => panic!("another error: {other}"),
    };
    for limit in [0, 1001] {
        assert_eq!(
            field(fixture.service.list(&CALLER, all(limit)).await.expect_err("out of range")),
            "limit"
        );
    }
    let (changed_at, order_id) = (sample::time(0), sample::order_id(1));
    let after = Some(Cursor { status: Status::Placed, changed_at, order_id, party: None });
    let query = ListQuery { status: Some(Status::Confirmed), after, ..all(1) };
    assert_eq!(field(fixture.service.list(&CALLER, query).await.expect_err("another list")), "cursor");
}

#[tokio::test(start_paused = true)]
async fn a_cursor_belongs_to_the_list_of_one_party() {
    let fixture = Fixture::new();
    let party = |role, id: &str| Some(PartyFilter { role, id: id.parse().expect("a party id") });
    let place = |customer: &str| Place::new(Placement::new().with_customer(customer.parse().expect("an id")));
    for customer in ["amir", "amir", "zoe", "amir"] {
        let _placed = fixture.service.place(&CALLER, place(customer)).await.expect("the log accepts it");
    }
    fixture.decide();
    let of = |party| ListQuery { party, ..all(2) };
    let amir = party(PartyRole::Customer, "amir");
    let first = page(&fixture, of(amir.clone())).await;
    let status = Some(Status::Placed);
    for status in [None, status] {
        let rest = page(&fixture, ListQuery { after: first.next.clone(), status, ..of(amir.clone()) }).await;
        assert_eq!((first.documents.len(), rest.documents.len(), rest.next), (2, 1, None));
    }
    assert_eq!(page(&fixture, of(party(PartyRole::Customer, "zoe"))).await.documents.len(), 1);
    for other in [party(PartyRole::Customer, "zoe"), party(PartyRole::Courier, "amir"), None] {
        let query = ListQuery { after: first.next.clone(), ..of(other) };
        let error = fixture.service.list(&CALLER, query).await.expect_err("another party's cursor");
        assert!(error.to_string().contains("another party"), "{error}");
    }
    let of_all = page(&fixture, all(1)).await.next;
    let query = ListQuery { after: of_all, ..of(amir) };
    assert!(fixture.service.list(&CALLER, query).await.is_err(), "a cursor of the whole list");
}

#[tokio::test(start_paused = true)]
async fn a_list_is_incomplete_until_the_store_has_caught_up_once() {
    let fixture = Fixture::new();
    let place = async || fixture.service.place(&CALLER, Place::default()).await.expect("the log accepts it");
    let _placed = place().await;
    assert!(page(&fixture, all(9)).await.incomplete, "the store has no checkpoint");
    fixture.decide();
    assert!(!page(&fixture, all(9)).await.incomplete);
    // Later records do not make the list incomplete.
    let _placed = place().await;
    assert!(!page(&fixture, all(9)).await.incomplete);
}

#[tokio::test(start_paused = true)]
async fn a_list_is_incomplete_while_the_store_is_being_rebuilt() {
    let fixture = Fixture::new();
    let id = fixture.placed().await;
    let absent = sample::order_id_in(partition_of(&id, PARTITIONS), PARTITIONS, 7);
    assert_eq!(fixture.service.find(&CALLER, &absent).await, Err(ServiceError::NotFound));
    assert!(!page(&fixture, all(9)).await.incomplete);
    fixture.store.with_store(MemoryStore::wipe);
    assert_eq!(fixture.service.find(&CALLER, &absent).await, Err(ServiceError::Rebuilding));
    assert!(page(&fixture, all(9)).await.incomplete);
}

#[tokio::test(start_paused = true)]
async fn a_page_uses_the_budget_until_it_is_dropped() {
    let fixture = Fixture::with(|options| options.in_flight_bytes_max = 1000);
    fixture.placed_of(800).await;
    let first = page(&fixture, all(1)).await;
    assert_eq!(fixture.service.list(&CALLER, all(1)).await.err(), Some(ServiceError::Overloaded));
    let body = first.reservation.hold(first.documents[0].clone());
    assert_eq!(fixture.service.list(&CALLER, all(1)).await.err(), Some(ServiceError::Overloaded));
    drop(body);
    assert_eq!(page(&fixture, all(1)).await.documents.len(), 1);
}
