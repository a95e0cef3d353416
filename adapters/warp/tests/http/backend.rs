//! A bus and a store with a synchronous processor between them. It decides and writes each appended request at once, unless it is
//! paused. The decisions are the core's own.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard};

use async_trait::async_trait;
use bytes::Bytes;
use logistics_core::health::{Health, HealthProbe, PartHealth};
use logistics_core::port::{
    Bounds, Clock, Cursor, DocumentLookup, EventBus, ListQuery, LogRecord, Membership, OrderParties,
    OrderReader, Page, PartyFilter, PortError, PortErrorKind, StartAt, StatusSummary, StoreCheckpoint,
    Subscription, Tail, Token, Topic,
};
use logistics_core::wire::{self, Record};
use logistics_core::{
    Decision, Offset, Order, OrderId, Partition, Policy, Request, RequestId, RequestOutcome, Timestamp,
    decide, evolve, partition_of,
};
use logistics_testkit::{MemoryBus, sample};
use tokio::sync::watch;

pub(crate) const PARTITIONS: u32 = 4;

/// What the store has, and how it behaves.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) offset: u64,
    pub(crate) orders: BTreeMap<OrderId, Order>,
    pub(crate) outcomes: BTreeMap<RequestId, RequestOutcome>,
    /// The requests in the log that are not decided yet.
    pub(crate) waiting: VecDeque<Request>,
    pub(crate) paused: bool,
    pub(crate) fault: Option<PortErrorKind>,
    pub(crate) unknown_partitions: bool,
    pub(crate) lost_documents: bool,
    pub(crate) missing: Vec<String>,
    pub(crate) requests: Vec<Request>,
    pub(crate) lookups: u64,
    pub(crate) bounds: u64,
    pub(crate) tails: u64,
    pub(crate) answered: Option<Offset>,
    pub(crate) latency_ms: u64,
}

impl State {
    /// By default, the end of the log, or its start while a request waits.
    fn answered(&self) -> Offset {
        self.answered.unwrap_or(Offset(if self.waiting.is_empty() { u64::MAX } else { 0 }))
    }

    fn decide_all(&mut self) {
        while !self.paused
            && let Some(request) = self.waiting.pop_front()
        {
            let order = self.orders.get(&request.order_id).cloned();
            let offset = Offset(self.offset);
            let now = sample::time(i64::try_from(self.offset).expect("a small number"));
            let outcome = match decide(order.as_ref(), &request, offset, now, &Policy::manual()) {
                Decision::Fact(fact) => {
                    let order = evolve(order, &fact).expect("the next fact");
                    let outcome = RequestOutcome::Happened { version: order.version, status: order.status };
                    self.orders.insert(request.order_id.clone(), order);
                    outcome
                }
                Decision::Unchanged => {
                    let order = order.expect("only an order can stay unchanged");
                    RequestOutcome::Unchanged { version: order.version, status: order.status }
                }
                Decision::Rejected(rejection) => RequestOutcome::Rejected { rejection },
            };
            if request.awaited {
                self.outcomes.insert(request.id, outcome);
            }
        }
    }
}

pub(crate) struct Backend {
    state: Mutex<State>,
    /// What the API appends, and what a test appends itself.
    pub(crate) log: MemoryBus,
    changed: watch::Sender<()>,
}

impl Backend {
    pub(crate) fn new() -> Self {
        Self { state: Mutex::default(), log: MemoryBus::new(PARTITIONS), changed: watch::Sender::new(()) }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no test panics while it holds the lock")
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state();
        change(&mut state);
        state.decide_all();
        drop(state);
        self.changed.send_replace(());
    }

    /// Waits until the state is so.
    pub(crate) async fn until(&self, holds: impl Fn(&State) -> bool) {
        let mut changed = self.changed.subscribe();
        while !holds(&self.state()) {
            changed.changed().await.expect("the sender is a field of the backend");
        }
    }

    /// The latency of a store or a broker.
    async fn delay(&self) {
        let latency_ms = self.state().latency_ms;
        if latency_ms > 0 {
            tokio::time::sleep(std::time::Duration::from_millis(latency_ms)).await;
        }
    }

    fn check(&self) -> Result<(), PortError> {
        self.state().fault.map_or(Ok(()), |kind| Err(PortError::new(kind, "an internal sentence")))
    }
}

fn unused<T>() -> Result<T, PortError> {
    Err(PortError::new(PortErrorKind::Refused, "the API does not call this"))
}

#[async_trait]
impl EventBus for Backend {
    fn partitions(&self) -> u32 {
        PARTITIONS
    }

    async fn append(&self, order_id: &OrderId, payload: Bytes) -> Result<Offset, PortError> {
        self.check()?;
        let offset = self.log.append(order_id, payload.clone()).await?;
        self.change(|state| {
            state.offset += 1;
            let key = Some(order_id.to_key());
            let record = LogRecord { offset, headers: Vec::new(), key, payload, at: sample::time(0) };
            let input = wire::decode(&record, partition_of(order_id, PARTITIONS)).expect("a readable record");
            let Record::Input(request) = input else { panic!("the API writes inputs only: {input:?}") };
            state.requests.push(request.clone());
            state.waiting.push_back(request);
        });
        Ok(offset)
    }

    async fn publish(
        &self,
        topic: Topic,
        partition: Partition,
        key: Bytes,
        payload: Bytes,
    ) -> Result<Offset, PortError> {
        self.check()?;
        self.log.publish(topic, partition, key, payload).await
    }

    async fn join(&self) -> Result<Box<dyn Membership>, PortError> {
        unused()
    }

    async fn subscribe(&self, _: Topic, _: &str, _: StartAt) -> Result<Box<dyn Subscription>, PortError> {
        unused()
    }

    async fn tail(
        &self,
        topic: Topic,
        partition: Partition,
        from: Offset,
    ) -> Result<Box<dyn Tail>, PortError> {
        self.check()?;
        self.state().tails += 1;
        self.changed.send_replace(());
        self.log.tail(topic, partition, from).await
    }

    async fn bounds(&self, topic: Topic, partition: Partition) -> Result<Bounds, PortError> {
        self.check()?;
        self.state().bounds += 1;
        self.delay().await;
        self.log.bounds(topic, partition).await
    }
}

#[async_trait]
impl OrderReader for Backend {
    async fn document(&self, order_id: &OrderId) -> Result<DocumentLookup, PortError> {
        self.check()?;
        self.state().lookups += 1;
        self.delay().await;
        let state = self.state();
        let looked_up = match state.orders.get(order_id) {
            _ if state.lost_documents => DocumentLookup::Missing,
            _ if state.unknown_partitions => DocumentLookup::Unknown,
            Some(order) => DocumentLookup::Found(Bytes::from(order.to_document())),
            None => DocumentLookup::Absent { answered: state.answered() },
        };
        drop(state);
        self.changed.send_replace(());
        Ok(looked_up)
    }

    async fn checkpoint(&self, _: Partition) -> Result<Option<StoreCheckpoint>, PortError> {
        self.check()?;
        let state = self.state();
        let (offset, token) = (Offset(0), Token { acquisition: 1, sequence: 1 });
        let checkpoint = StoreCheckpoint { offset, answered: state.answered(), token, basis: None };
        Ok((!state.unknown_partitions).then_some(checkpoint))
    }

    async fn list(&self, query: &ListQuery) -> Result<Page, PortError> {
        self.check()?;
        let state = self.state();
        let cursor = |order: &Order| Cursor {
            status: order.status,
            changed_at: order.updated_at,
            order_id: order.order_id.clone(),
            party: query.party.as_ref().map(PartyFilter::digest),
        };
        let place =
            |of: &Cursor| (of.status.index(), std::cmp::Reverse((of.changed_at, of.order_id.clone())));
        let mut orders: Vec<&Order> = state.orders.values().collect();
        orders.retain(|order| query.status.is_none_or(|status| status == order.status));
        orders.retain(|order| order.late || !query.late);
        orders.retain(|order| query.since.is_none_or(|since| order.updated_at >= since));
        let parties = |order: &Order| OrderParties::from(order);
        orders.retain(|order| {
            query.party.as_ref().is_none_or(|party| parties(order).id(party.role) == Some(&party.id))
        });
        orders.retain(|order| query.after.as_ref().is_none_or(|after| place(&cursor(order)) > place(after)));
        orders.sort_by_key(|order| place(&cursor(order)));
        let more = orders.len() > query.limit;
        orders.truncate(query.limit);
        let next = orders.last().filter(|_| more).map(|order| cursor(order));
        Ok(Page { documents: orders.iter().map(|order| Bytes::from(order.to_document())).collect(), next })
    }

    async fn summary(&self) -> Result<Vec<StatusSummary>, PortError> {
        self.check()?;
        Ok(StatusSummary::none())
    }

    async fn outcome(&self, _: &OrderId, request: &RequestId) -> Result<RequestOutcome, PortError> {
        let mut changed = self.changed.subscribe();
        loop {
            self.check()?;
            if let Some(outcome) = self.state().outcomes.get(request) {
                return Ok(outcome.clone());
            }
            changed.changed().await.expect("the backend outlives the server");
        }
    }
}

impl Clock for Backend {
    fn now(&self) -> Timestamp {
        sample::time(0)
    }
}

impl HealthProbe for Backend {
    fn health(&self) -> Health {
        let missing = self.state().missing.clone();
        let part =
            |name: &str, ready| PartHealth { name: name.to_owned(), ready, detail: "a detail".to_owned() };
        let mut parts = vec![part("group", true)];
        parts.extend(missing.iter().map(|name| part(name, false)));
        Health { parts }
    }
}
