//! Documents and timers.

use std::collections::BTreeSet;

use bytes::Bytes;

use super::StoreCase;
use super::steps::{HOME, OTHER, changed, document, token, with_timer, write};
use crate::sample;
use logistics_core::lifecycle::{STATUSES, Status};
use logistics_core::limits::DETAILS_BYTES_MAX;
use logistics_core::port::{DocumentLookup, DocumentWrite};
use logistics_core::{Change, Details, Offset, Timestamp, evolve};

pub(super) async fn documents_have_the_order_of_the_requested_ids(case: StoreCase) {
    let written: Vec<_> = (0..4).map(|n| document(&case.order(HOME, n), STATUSES[n], n as i64)).collect();
    case.write(write(HOME, 1, written.clone())).await;
    let missing = case.order(HOME, 4);
    let of = |n: usize| (written[n].order_id.clone(), Some(written[n].json.clone()));
    let (ids, wanted): (Vec<_>, Vec<_>) = [of(3), (missing, None), of(0), of(2), of(1)].into_iter().unzip();
    let loaded = case.load(HOME, &ids).await;
    case.same("the documents", &loaded.documents, &wanted);
    case.same("the token", &loaded.token, &Some(token(1)));
}

pub(super) async fn a_document_is_found_or_absent_or_unknown(case: StoreCase) {
    let placed = document(&case.order(HOME, 0), Status::Placed, 0);
    case.write(write(HOME, 1, vec![placed.clone()])).await;
    let store = case.store();
    let found = case.works("document", store.document(&placed.order_id)).await;
    case.same("an order that is there", &found, &DocumentLookup::Found(placed.json));
    let absent = case.works("document", store.document(&case.order(HOME, 1))).await;
    case.same("an order that is not there", &absent, &DocumentLookup::Absent { answered: Offset(9) });
    let unknown = case.works("document", store.document(&case.order(OTHER, 0))).await;
    case.same("an order of a partition without checkpoint", &unknown, &DocumentLookup::Unknown);
}

pub(super) async fn documents_keep_their_bytes(case: StoreCase) {
    let odd = r#"{"text":"żółw 🚚 \u0000 \"quoted\" \\","number":12345678901234567890.0,"list":[ 1 ,2]}"#;
    let long = format!("\"{}\"", "x".repeat(DETAILS_BYTES_MAX - 2));
    let written = [odd, long.as_str()].into_iter().enumerate().map(|(n, details)| {
        let id = case.order(HOME, n);
        DocumentWrite { json: document_with(&id, details), ..document(&id, Status::Placed, 0) }
    });
    let written: Vec<_> = written.collect();
    case.write(write(HOME, 1, written.clone())).await;
    for document in written {
        let found = case.works("document", case.store().document(&document.order_id)).await;
        case.same("the document", &found, &DocumentLookup::Found(document.json.clone()));
        let loaded = case.load(HOME, &[document.order_id]).await.documents;
        case.same("the document, loaded", &loaded, &vec![Some(document.json)]);
    }
}

fn document_with(id: &logistics_core::OrderId, details: &str) -> Bytes {
    let mut fact = sample::facts_to(Status::Placed).swap_remove(0);
    fact.order_id = id.clone();
    if let Change::Placed(placement) = &mut fact.change {
        placement.details = Details::parse(details).ok();
        assert!(placement.details.is_some(), "a sample is invalid: {details}");
    }
    evolve(None, &fact).map(|order| Bytes::from(order.to_document())).unwrap_or_default()
}

pub(super) async fn a_later_write_replaces_document_and_timer(case: StoreCase) {
    let id = case.order(HOME, 0);
    let placed = with_timer(document(&id, Status::Placed, 0), 2000);
    let confirmed = with_timer(changed(&placed, Status::Confirmed, 2000), 4000);
    case.write(write(HOME, 1, vec![placed])).await;
    case.write(write(HOME, 2, vec![confirmed.clone()])).await;
    let found = case.works("document", case.store().document(&id)).await;
    case.same("the document", &found, &DocumentLookup::Found(confirmed.json));
    case.same("the timers", &case.timers(HOME).await, &vec![(id, sample::time(4000))]);
}

pub(super) async fn timers_are_those_of_the_latest_documents(case: StoreCase) {
    let placed: Vec<_> = (0..3)
        .map(|n| with_timer(document(&case.order(HOME, n), Status::Placed, 0), 1000 + n as i64))
        .collect();
    case.write(write(HOME, 1, placed.clone())).await;
    let ended = changed(&placed[1], Status::Cancelled, 10);
    case.write(write(HOME, 2, vec![ended])).await;
    let mut wanted: Vec<_> =
        [0, 2].map(|n| (placed[n].order_id.clone(), sample::time(1000 + n as i64))).to_vec();
    wanted.sort();
    case.same("the timers", &case.timers(HOME).await, &wanted);
}

pub(super) async fn many_documents_are_one_write(case: StoreCase) {
    let written: Vec<_> = (0..500)
        .map(|n| with_timer(document(&case.order(HOME, n), Status::Placed, n as i64), n as i64))
        .collect();
    case.write(write(HOME, 1, written.clone())).await;
    let ids: Vec<_> = written.iter().map(|document| document.order_id.clone()).collect();
    let wanted: Vec<_> = written.into_iter().map(|document| Some(document.json)).collect();
    case.same("the documents", &case.load(HOME, &ids).await.documents, &wanted);
    case.same("the number of timers", &case.timers(HOME).await.len(), &ids.len());
}

/// An owner rebuilds in writes of this size, each document in several parts of the store at once.
pub(super) async fn a_rebuilt_partition_is_one_write(case: StoreCase) {
    const ORDERS: usize = 20_000;
    let ids = sample::order_ids_in(HOME, case.harness.partitions(), ORDERS);
    let placed: Vec<_> = (0..).zip(&ids).map(|(n, id)| document(id, Status::Placed, n)).collect();
    let placed: Vec<_> = placed.into_iter().map(|document| with_timer(document, 5)).collect();
    let confirmed: Vec<_> = placed.iter().map(|before| changed(before, Status::Confirmed, 7)).collect();
    case.write(write(HOME, 1, placed)).await;
    let with_timers: BTreeSet<_> = case.timers(HOME).await.into_iter().map(|(id, _)| id).collect();
    case.same("the number of timers", &with_timers.len(), &ORDERS);
    case.write(write(HOME, 2, confirmed.clone())).await;
    case.same("the number of timers afterwards", &case.timers(HOME).await.len(), &0);
    let wanted: Vec<_> = confirmed.into_iter().map(|document| Some(document.json)).collect();
    let loaded = case.load(HOME, &ids).await;
    case.same("the number of documents", &loaded.documents.len(), &ORDERS);
    case.holds("every document is the later one", loaded.documents == wanted);
    case.same("the orders that are PLACED", &case.listed(Some(Status::Placed)).await, &Vec::new());
}

pub(super) async fn timers_keep_the_extreme_times(case: StoreCase) {
    let extremes = [i64::MIN, 1, i64::MAX].map(Timestamp::from_millis);
    let mut wanted: Vec<_> = (0..).map(|n| case.order(HOME, n)).zip(extremes).collect();
    let timer = |(id, due): &(logistics_core::OrderId, Timestamp)| DocumentWrite {
        due: Some(*due),
        ..document(id, Status::Placed, 0)
    };
    case.write(write(HOME, 1, wanted.iter().map(timer).collect())).await;
    wanted.sort();
    case.same("the timers", &case.timers(HOME).await, &wanted);
}
