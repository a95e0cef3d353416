//! A service over an in-memory bus and store. Requests stay undecided until a test calls [`Fixture::decide`].

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use logistics_core::port::{
    Clock, DocumentWrite, IndexEntry, ListQuery, LogRecord, OrderParties, OwnerStore, ReadLimit, StoreWrite,
    Token, Topic,
};
use logistics_core::wire::{self, Record};
use logistics_core::{
    Decision, Details, Offset, Order, OrderId, Partition, Placement, Policy, Request, RequestOutcome,
    Timestamp, decide, evolve,
};
use logistics_service::{Options, OrderService, Place, Placed, Principal};
use logistics_testkit::{MemoryBus, MemoryOrderStore, block_on, sample};

pub(crate) const PARTITIONS: u32 = 4;
/// The caller of every test.
pub(crate) static CALLER: Principal = Principal::anonymous();

pub(crate) struct FixedClock;

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        sample::time(0)
    }
}

pub(crate) struct Fixture {
    pub(crate) bus: MemoryBus,
    pub(crate) store: MemoryOrderStore,
    pub(crate) service: OrderService,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    /// With other settings.
    pub(crate) fn with(change: impl FnOnce(&mut Options)) -> Self {
        let mut options = Options::default();
        change(&mut options);
        let (bus, store) = (MemoryBus::new(PARTITIONS), MemoryOrderStore::new(PARTITIONS));
        let ports = (Arc::new(bus.clone()), Arc::new(store.clone()));
        let service = OrderService::new(ports.0, ports.1, Arc::new(FixedClock), options);
        Self { bus, store, service }
    }

    /// Places a new order and decides it.
    pub(crate) async fn placed(&self) -> OrderId {
        self.placed_with(Placement::default()).await
    }

    /// Places an order whose document is slightly larger than `bytes`, and decides it.
    pub(crate) async fn placed_of(&self, bytes: usize) -> OrderId {
        let details = Details::parse(&format!("\"{}\"", "x".repeat(bytes))).expect("a JSON text");
        self.placed_with(Placement::new().with_details(details)).await
    }

    async fn placed_with(&self, placement: Placement) -> OrderId {
        let placed = self.service.place(&CALLER, Place::new(placement)).await.expect("the log accepts it");
        let Placed::Created { order_id } = placed else { panic!("pending without a key: {placed:?}") };
        self.decide();
        order_id
    }

    /// All requests in the log.
    pub(crate) fn requests(&self) -> Vec<Request> {
        let partitions = (0..PARTITIONS).map(Partition);
        partitions
            .flat_map(|partition| self.inputs(partition, Offset(0)))
            .map(|(_, request)| request)
            .collect()
    }

    /// Decides all unanswered requests in the log and writes the result to the store, as an owner of every partition does.
    pub(crate) fn decide(&self) {
        (0..PARTITIONS).for_each(|partition| self.decide_in(Partition(partition)));
    }

    fn decide_in(&self, partition: Partition) {
        let end = self.bus.with_broker(|broker| broker.end(Topic::Orders, partition));
        let (checkpoint, mut orders) = self.store.with_store(|store| {
            let orders = store
                .documents(partition)
                .map(|(id, json)| (id.clone(), Order::from_document(json).expect("a document of an order")));
            let orders: BTreeMap<OrderId, Order> = orders.collect();
            (store.recover(partition).checkpoint, orders)
        });
        let before = orders.clone();
        let answered = checkpoint.as_ref().map_or(Offset(0), |checkpoint| checkpoint.answered);
        let mut outcomes = Vec::new();
        for (offset, request) in self.inputs(partition, answered) {
            let outcome = answer(&mut orders, &request, offset);
            if request.awaited {
                outcomes.push((request.id, outcome));
            }
        }
        let changed = orders.values().filter(|order| before.get(&order.order_id) != Some(*order));
        let documents = changed.map(|order| written(order, before.get(&order.order_id))).collect();
        let expected = checkpoint.map(|checkpoint| checkpoint.token);
        let sequence = expected.map_or(1, |token| token.sequence + 1);
        let next = Token { acquisition: 1, sequence };
        let basis = Bytes::new();
        let write =
            StoreWrite { partition, expected, next, offset: end, answered: end, basis, documents, outcomes };
        let _applied = block_on(self.store.write(write)).expect("a store without faults");
    }

    fn inputs(&self, partition: Partition, from: Offset) -> Vec<(Offset, Request)> {
        let limit = ReadLimit { records: usize::MAX, bytes: usize::MAX };
        let batch = self.bus.with_broker(|broker| {
            broker.read_committed(Topic::Orders, partition, from, limit).expect("nothing is truncated")
        });
        let records = batch.map(|batch| batch.records).unwrap_or_default();
        records.iter().filter_map(|record| Some((record.offset, input(record, partition)?))).collect()
    }

    /// Appends a record that is not a request.
    pub(crate) fn put(&self, topic: Topic, partition: Partition) -> Offset {
        self.bus.with_broker(|broker| broker.append(topic, partition, None, Bytes::from_static(b"{}")))
    }
}

fn input(record: &LogRecord, partition: Partition) -> Option<Request> {
    match wire::decode(record, partition) {
        Ok(Record::Input(request)) => Some(request),
        _ => None,
    }
}

fn answer(orders: &mut BTreeMap<OrderId, Order>, request: &Request, offset: Offset) -> RequestOutcome {
    let order = orders.get(&request.order_id).cloned();
    let now = sample::time(i64::try_from(offset.0).expect("a small number"));
    match decide(order.as_ref(), request, offset, now, &Policy::manual()) {
        Decision::Fact(fact) => {
            let order = evolve(order, &fact).expect("the next fact");
            let outcome = RequestOutcome::Happened { version: order.version, status: order.status };
            orders.insert(request.order_id.clone(), order);
            outcome
        }
        Decision::Unchanged => {
            let order = order.expect("only an existing order is unchanged");
            RequestOutcome::Unchanged { version: order.version, status: order.status }
        }
        Decision::Rejected(rejection) => RequestOutcome::Rejected { rejection },
    }
}

fn written(order: &Order, before: Option<&Order>) -> DocumentWrite {
    DocumentWrite {
        order_id: order.order_id.clone(),
        json: Bytes::from(order.to_document()),
        status: order.status,
        changed_at: order.updated_at,
        parties: OrderParties::from(order),
        previous: before.map(IndexEntry::from),
        rebuilt: false,
        late: order.late,
        due: None,
    }
}

/// A query of all orders, with `limit` orders per page.
pub(crate) fn all(limit: usize) -> ListQuery {
    ListQuery { limit, ..ListQuery::default() }
}
