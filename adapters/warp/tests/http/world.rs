//! A bus and a store with a synchronous processor between them: what is appended is decided and written at once, unless it
//! is paused. Decisions are the core's own.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use bytes::Bytes;
use logistics_core::health::{Health, HealthProbe, PartHealth};
use logistics_core::port::{
    Bounds, Clock, Cursor, DocumentLookup, EventBus, ListQuery, LogRecord, Membership, OrderReader, Page,
    PortError, PortErrorKind, StartAt, StoreCheckpoint, Subscription, Tail, Token, Topic,
};
use logistics_core::testkit::{MemoryBus, sample};
use logistics_core::wire::{self, Record};
use logistics_core::{
    Decision, Offset, Order, OrderId, Partition, Policy, Request, RequestId, Timestamp, Verdict, decide,
    evolve, partition_of,
};
use logistics_service::{Options, OrderService};
use logistics_warp::{Api, Config, bind};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use crate::client::{Reply, request, send};

pub(crate) const PARTITIONS: u32 = 4;

#[derive(Default)]
struct State {
    offset: u64,
    orders: BTreeMap<OrderId, Order>,
    outcomes: BTreeMap<RequestId, Verdict>,
    /// What stands in the log and is not decided yet.
    waiting: VecDeque<Request>,
    paused: bool,
    fault: Option<PortErrorKind>,
    unknown_partitions: bool,
    lost_documents: bool,
    missing: Vec<String>,
    requests: Vec<Request>,
    lookups: u64,
    bounds: u64,
    tails: u64,
    answered: Option<Offset>,
    latency_ms: u64,
}

impl State {
    /// All of the log, unless something waits.
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
            let verdict = match decide(order.as_ref(), &request, offset, now, &Policy::manual()) {
                Decision::Fact(fact) => {
                    let order = evolve(order, &fact).expect("the next fact");
                    let verdict = Verdict::Happened { version: order.version, status: order.status };
                    self.orders.insert(request.order_id.clone(), order);
                    verdict
                }
                Decision::Unchanged => {
                    let order = order.expect("what is so already");
                    Verdict::Unchanged { version: order.version, status: order.status }
                }
                Decision::Rejected(rejection) => Verdict::Rejected { rejection },
            };
            if request.awaited {
                self.outcomes.insert(request.id, verdict);
            }
        }
    }
}

pub(crate) struct Backend {
    state: Mutex<State>,
    /// What was appended, and whatever a test puts there by hand.
    log: MemoryBus,
    changed: watch::Sender<()>,
}

impl Backend {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no test panics while it holds the state")
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state();
        change(&mut state);
        state.decide_all();
        drop(state);
        self.changed.send_replace(());
    }

    /// The time that a store or a broker takes.
    async fn take_time(&self) {
        let latency_ms = self.state().latency_ms;
        if latency_ms > 0 {
            tokio::time::sleep(std::time::Duration::from_millis(latency_ms)).await;
        }
    }

    fn check(&self) -> Result<(), PortError> {
        self.state().fault.map_or(Ok(()), |kind| Err(PortError::new(kind, "an inside sentence")))
    }
}

fn unused<T>() -> Result<T, PortError> {
    Err(PortError::new(PortErrorKind::Refused, "the API does not need this"))
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
        self.take_time().await;
        self.log.bounds(topic, partition).await
    }
}

#[async_trait]
impl OrderReader for Backend {
    async fn document(&self, order_id: &OrderId) -> Result<DocumentLookup, PortError> {
        self.check()?;
        self.state().lookups += 1;
        self.take_time().await;
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
        };
        let place =
            |of: &Cursor| (of.status.index(), std::cmp::Reverse((of.changed_at, of.order_id.clone())));
        let mut orders: Vec<&Order> = state.orders.values().collect();
        orders.retain(|order| query.status.is_none_or(|status| status == order.status));
        orders.retain(|order| order.late || !query.late);
        orders.retain(|order| query.after.as_ref().is_none_or(|after| place(&cursor(order)) > place(after)));
        orders.sort_by_key(|order| place(&cursor(order)));
        let more = orders.len() > query.limit;
        orders.truncate(query.limit);
        let next = orders.last().filter(|_| more).map(|order| cursor(order));
        Ok(Page { documents: orders.iter().map(|order| Bytes::from(order.to_document())).collect(), next })
    }

    async fn outcome(&self, _: &OrderId, request: &RequestId) -> Result<Verdict, PortError> {
        let mut changed = self.changed.subscribe();
        loop {
            self.check()?;
            if let Some(verdict) = self.state().outcomes.get(request) {
                return Ok(verdict.clone());
            }
            changed.changed().await.expect("the backend lives as long as the server");
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
            |name: &str, ready| PartHealth { name: name.to_owned(), ready, detail: "as told".to_owned() };
        let mut parts = vec![part("group", true)];
        parts.extend(missing.iter().map(|name| part(name, false)));
        Health { parts }
    }
}

fn api(backend: &Arc<Backend>, options: Options) -> Api {
    let service = OrderService::new(backend.clone(), backend.clone(), backend.clone(), options);
    Api::new(service, backend.clone())
}

fn options() -> Options {
    let mut options = Options::default();
    options.lookup_wait_ms = 20;
    options
}

/// A server over a [`Backend`].
pub(crate) struct World {
    pub(crate) address: SocketAddr,
    backend: Arc<Backend>,
    stop: Option<oneshot::Sender<()>>,
    running: JoinHandle<()>,
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// With other settings of the server.
    pub(crate) async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::new(([127, 0, 0, 1], 0).into());
        change(&mut config);
        Self::of(config, options()).await
    }

    /// With other settings of the service behind the server.
    pub(crate) async fn of_service(change: impl FnOnce(&mut Options)) -> Self {
        let mut options = options();
        change(&mut options);
        Self::of(Config::new(([127, 0, 0, 1], 0).into()), options).await
    }

    async fn of(config: Config, options: Options) -> Self {
        let backend = Arc::new(Backend {
            state: Mutex::default(),
            log: MemoryBus::new(PARTITIONS),
            changed: watch::Sender::new(()),
        });
        let server = bind(config, api(&backend, options)).await.expect("a free port");
        let (stop, stopped) = oneshot::channel();
        let address = server.local_addr();
        let running = tokio::spawn(server.run(async { _ = stopped.await }));
        Self { address, backend, stop: Some(stop), running }
    }

    pub(crate) async fn call(&self, line: &str, headers: &[&str], body: impl AsRef<[u8]>) -> Reply {
        Reply::parse(&send(self.address, &request(line, headers, body.as_ref())).await)
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.call(&format!("GET {path}"), &[], "").await
    }

    pub(crate) async fn post(&self, path: &str, body: impl AsRef<[u8]>) -> Reply {
        self.call(&format!("POST {path}"), &["Content-Type: application/json"], body).await
    }

    /// Places an order and answers its id.
    pub(crate) async fn placed(&self) -> String {
        let reply = self.post("/orders", "").await;
        assert_eq!(reply.status, 200);
        reply.json()["order_id"].as_str().expect("an order id").to_owned()
    }

    pub(crate) fn pause(&self) {
        self.backend.change(|state| state.paused = true);
    }

    pub(crate) fn go_on(&self) {
        self.backend.change(|state| state.paused = false);
    }

    /// Outcomes stay in a store for minutes only.
    pub(crate) fn forget_outcomes(&self) {
        self.backend.change(|state| state.outcomes.clear());
    }

    /// The store goes back to an older copy, whose order has no fact but its placement.
    pub(crate) fn restore_placement(&self, id: &str) {
        self.backend.change(|state| {
            let order = state.orders.get_mut(&OrderId::parse(id).expect("an id")).expect("an order");
            (order.version, order.status) = (logistics_core::Version(1), logistics_core::Status::Placed);
        });
    }

    pub(crate) fn make_late(&self, id: &str) {
        self.backend.change(|state| {
            state.orders.get_mut(&OrderId::parse(id).expect("an id")).expect("an order").late = true;
        });
    }

    /// The store has lost documents that it knows of.
    pub(crate) fn lose_documents(&self) {
        self.backend.change(|state| state.lost_documents = true);
    }

    pub(crate) fn fail(&self, kind: Option<PortErrorKind>) {
        self.backend.change(|state| state.fault = kind);
    }

    pub(crate) fn forget_partitions(&self, forgotten: bool) {
        self.backend.change(|state| state.unknown_partitions = forgotten);
    }

    pub(crate) fn miss(&self, parts: &[&str]) {
        self.backend.change(|state| state.missing = parts.iter().map(|&name| name.to_owned()).collect());
    }

    /// What the API appended, in order.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.backend.state().requests.clone()
    }

    pub(crate) async fn until_appended(&self, requests: usize) {
        self.until(|state| state.requests.len() >= requests).await;
    }

    pub(crate) async fn until_looked_up(&self, times: u64) {
        self.until(|state| state.lookups >= times).await;
    }

    /// How often the store was asked for a document, and the bus for the bounds of a partition.
    pub(crate) fn asked(&self) -> (u64, u64) {
        let state = self.backend.state();
        (state.lookups, state.bounds)
    }

    /// What the store and the bus take for an answer.
    pub(crate) fn slow_down(&self, latency_ms: u64) {
        self.backend.change(|state| state.latency_ms = latency_ms);
    }

    /// How often the bus was asked for a reader.
    pub(crate) fn tails(&self) -> u64 {
        self.backend.state().tails
    }

    pub(crate) async fn until_tails(&self, times: u64) {
        self.until(|state| state.tails >= times).await;
    }

    /// The store says that it has answered everything before this, whatever it has.
    pub(crate) fn answer_until(&self, offset: u64) {
        self.backend.change(|state| state.answered = Some(Offset(offset)));
    }

    /// What the API reads the log from.
    pub(crate) fn log(&self) -> &MemoryBus {
        &self.backend.log
    }

    /// The ports, for another server.
    pub(crate) fn api(&self) -> Api {
        api(&self.backend, options())
    }

    /// Tells the server to stop and waits until it has.
    pub(crate) async fn stop(mut self) {
        self.begin_stop();
        self.running.await.expect("the server ends in order");
    }

    pub(crate) fn begin_stop(&mut self) {
        _ = self.stop.take().map(|stop| stop.send(()));
    }

    async fn until(&self, holds: impl Fn(&State) -> bool) {
        let mut changed = self.backend.changed.subscribe();
        while !holds(&self.backend.state()) {
            changed.changed().await.expect("the backend is there");
        }
    }
}
