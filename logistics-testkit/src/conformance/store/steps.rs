//! Steps that the cases of the store share.

use std::sync::Arc;

use bytes::Bytes;

use super::StoreCase;
use crate::sample;
use logistics_core::lifecycle::Status;
use logistics_core::port::{
    DocumentWrite, IndexEntry, ListQuery, Loaded, OrderParties, OrderStore, Page, Recovery, StoreWrite,
    Token, WriteOutcome,
};
use logistics_core::{Offset, Order, OrderId, Partition, Timestamp};

/// The partition in which most cases happen.
pub(super) const HOME: Partition = Partition(0);
/// Another partition.
pub(super) const OTHER: Partition = Partition(1);

/// The token of write `sequence` in the acquisition that most cases use.
pub(super) fn token(sequence: u64) -> Token {
    Token { acquisition: 0xfeed_0000_0000_0000_0000_0000_0000_beef, sequence }
}

/// The basis of write `sequence`: bytes that a store must keep unchanged.
pub(super) fn basis(sequence: u64) -> Bytes {
    Bytes::from(format!("{{\"write\":{sequence}}}"))
}

/// Write `sequence` of a partition, on top of the one before it.
pub(super) fn write(partition: Partition, sequence: u64, documents: Vec<DocumentWrite>) -> StoreWrite {
    StoreWrite {
        partition,
        expected: (sequence > 1).then(|| token(sequence - 1)),
        next: token(sequence),
        offset: Offset(sequence * 10),
        answered: Offset(sequence * 10 - 1),
        basis: basis(sequence),
        documents,
        outcomes: Vec::new(),
    }
}

/// A new document in this status, last changed this many milliseconds after the samples begin. No timer.
pub(super) fn document(id: &OrderId, status: Status, changed_ms: i64) -> DocumentWrite {
    let json = sample::document(id, status);
    // An unreadable document has no parties, and the case that reads it fails.
    let parties = Order::from_document(&json).map(|order| OrderParties::from(&order)).unwrap_or_default();
    DocumentWrite {
        order_id: id.clone(),
        json,
        status,
        changed_at: sample::time(changed_ms),
        parties,
        previous: None,
        rebuilt: false,
        late: false,
        due: None,
    }
}

/// The same order's document after a later change.
pub(super) fn changed(before: &DocumentWrite, status: Status, changed_ms: i64) -> DocumentWrite {
    let document =
        DocumentWrite { previous: entry(before), ..document(&before.order_id, status, changed_ms) };
    with_parties(document, before.parties.clone())
}

fn entry(before: &DocumentWrite) -> Option<IndexEntry> {
    let (status, changed_at, courier) = (before.status, before.changed_at, before.parties.courier.clone());
    Some(IndexEntry { status, changed_at, courier })
}

/// The same document of an order with these parties.
pub(super) fn with_parties(document: DocumentWrite, parties: OrderParties) -> DocumentWrite {
    let json = rewritten(&document.json, |order| {
        let OrderParties { customer, merchant, courier } = parties.clone();
        (order.customer_id, order.merchant_id, order.courier_id) = (customer, merchant, courier);
    });
    DocumentWrite { json, parties, ..document }
}

pub(super) fn with_timer(document: DocumentWrite, due_ms: i64) -> DocumentWrite {
    DocumentWrite { due: Some(sample::time(due_ms)), ..document }
}

/// The same document, late in its status.
pub(super) fn late(document: DocumentWrite) -> DocumentWrite {
    let json =
        rewritten(&document.json, |order| (order.late, order.updated_at) = (true, document.changed_at));
    DocumentWrite { late: true, json, ..document }
}

/// An unreadable document becomes empty, and the case that reads it fails.
fn rewritten(json: &[u8], change: impl FnOnce(&mut Order)) -> Bytes {
    let order = Order::from_document(json).map(|mut order| {
        change(&mut order);
        Bytes::from(order.to_document())
    });
    order.unwrap_or_default()
}

impl StoreCase {
    pub(super) fn store(&self) -> Arc<dyn OrderStore> {
        self.harness.store()
    }

    /// The order of this number in a partition.
    pub(super) fn order(&self, partition: Partition, n: usize) -> OrderId {
        sample::order_id_in(partition, self.harness.partitions(), n)
    }

    pub(super) async fn write(&self, write: StoreWrite) {
        let outcome = self.works("write", self.store().write(write)).await;
        self.same("the outcome of a write", &outcome, &WriteOutcome::Applied);
    }

    pub(super) async fn recover(&self, partition: Partition) -> Recovery {
        let recovery = self.works("recover", self.store().recover(partition)).await;
        let checkpoint = self.works("checkpoint", self.store().checkpoint(partition)).await;
        self.same("the checkpoint alone", &checkpoint, &recovery.checkpoint);
        // A store may have its own clock, so no case expects a time.
        Recovery { now: None, ..recovery }
    }

    pub(super) async fn load(&self, partition: Partition, ids: &[OrderId]) -> Loaded {
        self.works("load", self.store().load(partition, ids)).await
    }

    /// The live timers of a partition, by id.
    pub(super) async fn timers(&self, partition: Partition) -> Vec<(OrderId, Timestamp)> {
        let mut timers = self.recover(partition).await.timers;
        timers.sort();
        timers
    }

    pub(super) async fn page(&self, query: &ListQuery) -> Page {
        let page = self.works("list", self.store().list(query)).await;
        self.holds("a page holds no more than its limit", page.documents.len() <= query.limit);
        page
    }

    /// The ids on a page that holds all of a list.
    pub(super) async fn listed(&self, status: Option<Status>) -> Vec<OrderId> {
        let page = self.page(&ListQuery { status, limit: 1000, ..ListQuery::default() }).await;
        self.same("the next page of a list that fits on one", &page.next, &None);
        self.ids(&page)
    }

    pub(super) fn ids(&self, page: &Page) -> Vec<OrderId> {
        let id = |json: &bytes::Bytes| match Order::from_document(json) {
            Ok(order) => order.order_id,
            Err(error) => panic!("case `{}`: a listed document cannot be read: {error}", self.name),
        };
        page.documents.iter().map(id).collect()
    }
}
