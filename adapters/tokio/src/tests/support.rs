//! Mocked ports. A mock answers at once, so what may wait, or hang, is written by hand around one.

use std::collections::{BTreeMap, VecDeque};
use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use logistics_core::health::{HealthProbe, PartHealth};
use logistics_core::port::{
    Batch, Bounds, Clock, CommitOutcome, GroupEvent, Loaded, LogExtent, LogIdentity, LogRecord, Membership,
    MockEventBus, MockMembership, MockOwnerStore, PartitionLog, PortError, PortErrorKind, ReadLimit,
    Recovery, StoreCheckpoint, StoreWrite, Topic, Transaction, WriteOutcome,
};
use logistics_core::processor::Settings;
use logistics_core::{
    Actor, Command, Offset, OrderId, Partition, Placement, Policy, Request, RequestId, Timestamp,
    partition_of, wire,
};
use tokio::sync::{Mutex as AsyncMutex, Notify, mpsc};
use tokio::time::{Instant, sleep, timeout};

use crate::{Backoff, Processors, ProcessorsOptions};

/// Far beyond every wait of a test; time is paused, so it costs nothing.
const PATIENCE_MS: u64 = 600_000;
pub(super) const BACKOFF: Backoff = Backoff { delay_ms_min: 100, delay_ms_max: 1000, jitter_percent: 0 };

pub(super) fn error(kind: PortErrorKind) -> PortError {
    PortError::new(kind, format!("{kind:?} on purpose"))
}

/// Waits until `condition` holds.
pub(super) async fn until(what: &str, condition: impl FnMut() -> bool) {
    until_within(PATIENCE_MS, what, condition).await;
}

/// Waits until `condition` holds, for so many milliseconds at most.
pub(super) async fn until_within(limit_ms: u64, what: &str, mut condition: impl FnMut() -> bool) {
    let held = timeout(Duration::from_millis(limit_ms), async {
        while !condition() {
            sleep(Duration::from_millis(1)).await;
        }
    });
    held.await.unwrap_or_else(|_| panic!("it never came to this: {what}"));
}

/// An order that belongs into this partition of so many.
pub(super) fn order_in(partition: u32, partitions: u32) -> String {
    let mut names = (0..).map(|number| format!("o-{number}"));
    let fits =
        |name: &String| partition_of(&OrderId::parse(name).unwrap(), partitions) == Partition(partition);
    names.find(fits).unwrap()
}

/// A request to place an order.
pub(super) fn placement_of(order_id: &OrderId) -> Bytes {
    wire::encode_request(&Request::new(
        RequestId::parse(&format!("request-of-{order_id}")).unwrap(),
        order_id.clone(),
        Actor::Customer,
        Command::Place(Placement::default()),
        TestClock.now(),
    ))
}

/// What a call comes to.
pub(super) enum Fate<T> {
    Answer(Result<T, PortErrorKind>),
    Late(Duration, T),
    Hang,
    Panic,
}

impl<T> Fate<T> {
    async fn meet(self) -> Result<T, PortError> {
        match self {
            Fate::Answer(result) => result.map_err(error),
            Fate::Late(after, answer) => {
                sleep(after).await;
                Ok(answer)
            }
            Fate::Hang => pending().await,
            Fate::Panic => panic!("on purpose"),
        }
    }
}

/// One partition's log, in memory.
#[derive(Default)]
pub(super) struct TestLog {
    /// What the next acquisitions come to; after those they succeed.
    pub(super) acquires: Mutex<VecDeque<Fate<()>>>,
    /// What the next commits come to; after those they are committed.
    pub(super) commits: Mutex<VecDeque<Fate<CommitOutcome>>>,
    pub(super) acquired: AtomicUsize,
    /// Commits that were begun.
    pub(super) committing: AtomicUsize,
    records: Mutex<Vec<LogRecord>>,
    grown: Notify,
}

impl TestLog {
    pub(super) fn place(&self, order_id: &str) {
        self.append(placement_of(&OrderId::parse(order_id).unwrap()));
    }

    fn append(&self, payload: Bytes) {
        let mut records = self.records.lock().unwrap();
        let offset = Offset(records.len() as u64);
        records.push(LogRecord { offset, key: None, headers: Vec::new(), payload, at: TestClock.now() });
        self.grown.notify_waiters();
    }

    /// The facts in it.
    pub(super) fn facts(&self) -> usize {
        let records = self.records.lock().unwrap();
        let is_fact =
            |record: &&LogRecord| matches!(wire::decode(record, Partition(0)), Ok(wire::Record::Fact(_)));
        records.iter().filter(is_fact).count()
    }

    pub(super) fn acquisitions(&self) -> usize {
        self.acquired.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl PartitionLog for TestLog {
    async fn acquire(&self) -> Result<(), PortError> {
        self.acquired.fetch_add(1, Ordering::SeqCst);
        let fate = self.acquires.lock().unwrap().pop_front();
        fate.unwrap_or(Fate::Answer(Ok(()))).meet().await
    }

    async fn extent(&self) -> Result<LogExtent, PortError> {
        let end = Offset(self.records.lock().unwrap().len() as u64);
        Ok(LogExtent { bounds: Bounds { start: Offset(0), end }, log: LogIdentity::new("log") })
    }

    async fn read(&self, from: Offset, limit: ReadLimit) -> Result<Batch, PortError> {
        loop {
            let grown = self.grown.notified();
            let records: Vec<LogRecord> = self
                .records
                .lock()
                .unwrap()
                .iter()
                .skip(from.0 as usize)
                .take(limit.records)
                .cloned()
                .collect();
            if let Some(last) = records.last() {
                return Ok(Batch { next: last.offset.next(), records });
            }
            grown.await;
        }
    }

    async fn commit(&self, transaction: Transaction) -> Result<CommitOutcome, PortError> {
        self.committing.fetch_add(1, Ordering::SeqCst);
        let fate = self.commits.lock().unwrap().pop_front();
        let outcome = fate.unwrap_or(Fate::Answer(Ok(CommitOutcome::Committed))).meet().await?;
        if outcome == CommitOutcome::Committed {
            for record in transaction.records.into_iter().filter(|record| record.topic == Topic::Orders) {
                self.append(record.payload);
            }
        }
        Ok(outcome)
    }
}

/// What a mocked store of one partition holds.
#[derive(Default)]
pub(super) struct Stored {
    pub(super) checkpoint: Option<StoreCheckpoint>,
    pub(super) documents: BTreeMap<OrderId, Bytes>,
    timers: BTreeMap<OrderId, Timestamp>,
    pub(super) fail_next_write: bool,
}

impl Stored {
    fn write(&mut self, write: StoreWrite) -> Result<WriteOutcome, PortError> {
        if std::mem::take(&mut self.fail_next_write) {
            return Err(error(PortErrorKind::Unavailable));
        }
        if self.checkpoint.as_ref().map(|checkpoint| checkpoint.token) != write.expected {
            return Ok(WriteOutcome::Mismatch);
        }
        let StoreWrite { next: token, offset, answered, basis, .. } = write;
        self.checkpoint = Some(StoreCheckpoint { offset, answered, token, basis: Some(basis) });
        for document in write.documents {
            match document.due {
                Some(due) => self.timers.insert(document.order_id.clone(), due),
                None => self.timers.remove(&document.order_id),
            };
            self.documents.insert(document.order_id, document.json);
        }
        Ok(WriteOutcome::Applied)
    }

    fn load(&self, ids: &[OrderId]) -> Loaded {
        let documents = ids.iter().map(|id| self.documents.get(id).cloned()).collect();
        Loaded {
            token: self.checkpoint.as_ref().map(|checkpoint| checkpoint.token),
            documents,
            ..Loaded::default()
        }
    }
}

/// A store that works, but for what `mock` expects first.
pub(super) fn working(mut mock: MockOwnerStore) -> (MockOwnerStore, Arc<Mutex<BTreeMap<Partition, Stored>>>) {
    let stored = Arc::new(Mutex::new(BTreeMap::<Partition, Stored>::new()));
    let held = stored.clone();
    mock.expect_recover().returning(move |partition| {
        let mut held = held.lock().unwrap();
        let stored = held.entry(partition).or_default();
        let timers = stored.timers.iter().map(|(id, due)| (id.clone(), *due)).collect();
        Ok(Recovery { checkpoint: stored.checkpoint.clone(), timers, now: None })
    });
    let held = stored.clone();
    mock.expect_load()
        .returning(move |partition, ids| Ok(held.lock().unwrap().entry(partition).or_default().load(ids)));
    let held = stored.clone();
    mock.expect_write()
        .returning(move |write| held.lock().unwrap().entry(write.partition).or_default().write(write));
    (mock, stored)
}

pub(super) type Event = Result<GroupEvent, PortError>;

/// A membership whose events come from the test.
struct TestMembership {
    mock: MockMembership,
    events: AsyncMutex<mpsc::UnboundedReceiver<Event>>,
}

#[async_trait]
impl Membership for TestMembership {
    async fn next(&self) -> Event {
        match self.events.lock().await.recv().await {
            Some(event) => event,
            None => pending().await,
        }
    }

    async fn owns(&self, partition: Partition) -> Result<bool, PortError> {
        self.mock.owns(partition).await
    }

    async fn release(&self, partitions: &[Partition]) -> Result<(), PortError> {
        self.mock.release(partitions).await
    }

    fn log(&self, partition: Partition) -> Arc<dyn PartitionLog> {
        self.mock.log(partition)
    }

    async fn leave(&self) -> Result<(), PortError> {
        self.mock.leave().await
    }
}

pub(super) fn member(mock: MockMembership) -> (Box<dyn Membership>, mpsc::UnboundedSender<Event>) {
    let (sender, events) = mpsc::unbounded_channel();
    (Box::new(TestMembership { mock, events: AsyncMutex::new(events) }), sender)
}

/// A membership that has these logs and says that every partition is its own.
pub(super) fn owner(logs: &[Arc<TestLog>]) -> MockMembership {
    let mut mock = MockMembership::new();
    mock.expect_owns().returning(|_| Ok(true));
    with_logs(&mut mock, logs);
    mock
}

pub(super) fn with_logs(mock: &mut MockMembership, logs: &[Arc<TestLog>]) {
    let logs = logs.to_vec();
    mock.expect_log().returning(move |partition| logs[partition.0 as usize].clone());
}

/// A bus of so many partitions that lets these members join, one after the other.
pub(super) fn bus(partitions: u32, joins: Vec<Result<Box<dyn Membership>, PortError>>) -> MockEventBus {
    let mut mock = MockEventBus::new();
    mock.expect_partitions().return_const(partitions);
    let mut joins = VecDeque::from(joins);
    mock.expect_join()
        .returning(move || joins.pop_front().unwrap_or_else(|| Err(error(PortErrorKind::Unavailable))));
    mock
}

/// Goes with tokio's time.
pub(super) struct TestClock;

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        thread_local!(static START: Instant = Instant::now());
        let passed = START.with(Instant::elapsed).as_millis();
        Timestamp::from_millis(1_764_000_000_000).after_millis(passed as u64)
    }
}

pub(super) fn options() -> ProcessorsOptions {
    ProcessorsOptions { call_timeout_ms: 5000, join_backoff: BACKOFF, ..ProcessorsOptions::default() }
}

pub(super) fn settings(partitions: u32) -> Settings {
    Settings::new(partitions, Policy::manual())
}

pub(super) fn start(bus: MockEventBus, store: MockOwnerStore, partitions: u32) -> Processors {
    Processors::start(Arc::new(bus), Arc::new(store), Arc::new(TestClock), settings(partitions), options())
}

/// A running member with a working store, which was assigned all of these logs.
pub(super) struct Started {
    pub(super) processors: Processors,
    pub(super) events: mpsc::UnboundedSender<Event>,
    pub(super) stored: Arc<Mutex<BTreeMap<Partition, Stored>>>,
}

pub(super) fn start_with(mock: MockMembership, logs: &[Arc<TestLog>]) -> Started {
    let partitions: Vec<Partition> = (0..logs.len() as u32).map(Partition).collect();
    let (membership, events) = member(mock);
    let (store, stored) = working(MockOwnerStore::new());
    let count = partitions.len() as u32;
    let processors = start(bus(count, vec![Ok(membership)]), store, count);
    events.send(Ok(GroupEvent::Assigned(partitions))).unwrap();
    Started { processors, events, stored }
}

/// The part of that name, if it is shown.
pub(super) fn part(probe: &dyn HealthProbe, name: &str) -> Option<PartHealth> {
    probe.health().parts.into_iter().find(|part| part.name == name)
}

pub(super) fn is_ready(probe: &dyn HealthProbe, name: &str) -> bool {
    part(probe, name).is_some_and(|part| part.ready)
}

pub(super) fn detail(probe: &dyn HealthProbe, name: &str) -> String {
    part(probe, name).map(|part| part.detail).unwrap_or_default()
}
