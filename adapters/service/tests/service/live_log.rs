//! A log and a store whose states a test controls: a fact is committed to the log, and the store follows later.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use logistics_core::port::{DocumentWrite, EventBus, IndexEntry, OrderParties, StoreWrite, Token, Topic};
use logistics_core::{
    Actor, Cause, Change, Fact, Offset, Order, OrderId, PartyId, Status, Version, evolve, partition_of, wire,
};
use logistics_feed::{Hub, HubOptions, PartyHub};
use logistics_service::{
    LiveEnd, LiveEvent, LiveFeed, Options, OrderService, OrderStream, Principal, StreamLimits,
};
use logistics_testkit::{MemoryBus, MemoryOrderStore, sample};

use crate::fixture::{FixedClock, PARTITIONS};

/// An order from its placement to its delivery, with a change of its courier on the way.
pub(crate) struct LiveLog {
    pub(crate) bus: MemoryBus,
    pub(crate) store: MemoryOrderStore,
    pub(crate) hub: Hub,
    pub(crate) service: OrderService,
    pub(crate) order_id: OrderId,
    pub(crate) facts: Vec<Fact>,
    /// The number of facts in the log, and the offset behind each of them.
    ends: Vec<Offset>,
}

/// A yielded event, for comparisons.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Seen {
    Snapshot(u64),
    Fact(u64),
    End(LiveEnd),
}

impl LiveLog {
    pub(crate) fn new() -> Self {
        Self::with(HubOptions::default())
    }

    pub(crate) fn with(options: HubOptions) -> Self {
        let (bus, store) = (MemoryBus::new(PARTITIONS), MemoryOrderStore::new(PARTITIONS));
        let hub = Hub::new(Arc::new(bus.clone()), options);
        let feed = LiveFeed::new(
            hub.clone(),
            PartyHub::new(hub.clone(), Arc::new(store.clone())),
            StreamLimits::default(),
        );
        let ports = (Arc::new(bus.clone()), Arc::new(store.clone()));
        let mut options = Options::default();
        options.lookup_wait_ms = 100;
        let service = OrderService::new(ports.0, ports.1, Arc::new(FixedClock), options).with_feed(feed);
        let log = Self {
            bus,
            store,
            hub,
            service,
            order_id: sample::order_id(1),
            facts: facts(),
            ends: Vec::new(),
        };
        log.write(0);
        log
    }

    pub(crate) fn version(&self) -> Version {
        Version(self.ends.len() as u64)
    }

    /// The version of the last fact of all.
    pub(crate) fn last(&self) -> Version {
        Version(self.facts.len() as u64)
    }

    /// Commits the next facts to the log, up to this version.
    pub(crate) async fn commit_to(&mut self, version: u64) {
        while self.version().0 < version {
            let fact = wire::encode_fact(&self.facts[self.ends.len()]);
            let offset = self.bus.append(&self.order_id, fact).await.expect("a bus without faults");
            self.ends.push(offset.next());
        }
    }

    /// Commits and stores.
    pub(crate) async fn happen_to(&mut self, version: u64) {
        self.commit_to(version).await;
        self.write(version);
    }

    /// A record of another order in the same partition.
    pub(crate) async fn put_another(&self) {
        let partition = partition_of(&self.order_id, PARTITIONS);
        let other = sample::order_id_in(partition, PARTITIONS, 3);
        self.bus.append(&other, bytes::Bytes::from_static(b"{}")).await.expect("a bus without faults");
    }

    pub(crate) fn order(&self, version: u64) -> Option<Order> {
        let facts = &self.facts[..usize::try_from(version).expect("a small number")];
        facts.iter().fold(None, |order, fact| Some(evolve(order, fact).expect("the next fact")))
    }

    /// The store has the order at this version, and its checkpoint covers no later fact of the order.
    pub(crate) fn write(&self, version: u64) {
        let partition = partition_of(&self.order_id, PARTITIONS);
        let covered = if version == self.version().0 {
            self.bus.with_broker(|broker| broker.end(Topic::Orders, partition))
        } else {
            version
                .checked_sub(1)
                .map_or(Offset(0), |at| self.ends[usize::try_from(at).expect("a small number")])
        };
        self.store.with_store(|store| {
            let before = store.documents(partition).find(|(id, _)| **id == self.order_id);
            let before = before.map(|(_, json)| Order::from_document(json).expect("a document"));
            let expected = store.token(partition);
            let sequence = expected.map_or(1, |token| token.sequence + 1);
            let write = StoreWrite {
                partition,
                expected,
                next: Token { acquisition: 1, sequence },
                offset: covered,
                answered: covered,
                basis: bytes::Bytes::new(),
                documents: self.order(version).iter().map(|order| document(order, before.as_ref())).collect(),
                outcomes: Vec::new(),
            };
            let _applied = store.write(&write);
        });
    }

    pub(crate) async fn follow(&self, after: Option<u64>) -> OrderStream {
        self.follow_as(&Principal::anonymous(), after).await
    }

    pub(crate) async fn follow_as(&self, principal: &Principal, after: Option<u64>) -> OrderStream {
        let followed = self.service.follow_order(principal, &self.order_id, after.map(Version)).await;
        followed.expect("an order that the principal sees")
    }

    /// Takes the next event, and compares it with the history. `None`: no event comes before every task waits.
    pub(crate) async fn next(&self, stream: &mut OrderStream) -> Option<Seen> {
        let event = tokio::time::timeout(Duration::from_secs(60), stream.next()).await.ok()?;
        Some(match event? {
            LiveEvent::Snapshot(document) => Seen::Snapshot(document.version.expect("a version").0),
            LiveEvent::Fact(fact) => {
                let order = self.order(fact.version.0).expect("a fact of the order");
                let entry = serde_json::to_string(order.history.last().expect("an entry")).expect("JSON");
                let expected = format!(r#"{{"order_id":"{}",{}"#, self.order_id, &entry[1..]);
                assert_eq!(String::from_utf8_lossy(&fact.json), expected);
                Seen::Fact(fact.version.0)
            }
            LiveEvent::End(end) => Seen::End(end),
            other => panic!("an unknown event: {other:?}"),
        })
    }

    /// The next events until none comes, or the stream ends.
    pub(crate) async fn rest(&self, stream: &mut OrderStream) -> Vec<Seen> {
        let mut seen = Vec::new();
        while let Some(event) = self.next(stream).await {
            seen.push(event);
        }
        seen
    }
}

/// The facts of these versions.
pub(crate) fn seen(versions: impl IntoIterator<Item = u64>) -> Vec<Seen> {
    versions.into_iter().map(Seen::Fact).collect()
}

fn facts() -> Vec<Fact> {
    let mut facts = sample::facts_to(Status::Delivered);
    let before = facts[2].clone();
    let change = Change::Assigned { courier_id: Some(PartyId::parse("courier-2").expect("an id")) };
    let cause = Cause::Request { request: sample::request_id(77), offset: Offset(77) };
    let (id, status) = (before.order_id.clone(), before.status);
    let assigned = Fact::new(id, before.version.next(), status, change, before.at, Actor::Operator, cause);
    facts.insert(3, assigned);
    for (fact, version) in facts.iter_mut().zip(1..) {
        fact.version = Version(version);
    }
    facts
}

fn document(order: &Order, before: Option<&Order>) -> DocumentWrite {
    DocumentWrite {
        order_id: order.order_id.clone(),
        json: order.to_document().into(),
        status: order.status,
        changed_at: order.updated_at,
        parties: OrderParties::from(order),
        previous: before.map(IndexEntry::from),
        rebuilt: false,
        late: order.late,
        due: None,
    }
}
