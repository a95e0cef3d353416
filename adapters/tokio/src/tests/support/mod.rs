//! Mocked ports. A mock answers at once, so types written by hand add calls that wait or hang.

mod log;
mod membership;
mod store;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use logistics_core::health::{HealthProbe, PartHealth};
use logistics_core::port::{
    Clock, GroupEvent, Membership, MockEventBus, MockMembership, MockOwnerStore, PortError, PortErrorKind,
};
use logistics_core::processor::Settings;
use logistics_core::{
    Actor, Command, OrderId, Partition, Placement, Policy, Request, RequestId, Timestamp, partition_of, wire,
};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

pub(crate) use log::{Fate, TestLog};
pub(crate) use membership::{Event, member, owner, with_logs};
pub(crate) use store::{Stored, working};

use crate::{Backoff, Processors, ProcessorsOptions};

/// Longer than every wait of a test. Time is paused, so it costs nothing.
const WAIT_MS_MAX: u64 = 600_000;
pub(crate) const BACKOFF: Backoff = Backoff { delay_ms_min: 100, delay_ms_max: 1000, jitter_percent: 0 };

pub(crate) fn error(kind: PortErrorKind) -> PortError {
    PortError::new(kind, format!("{kind:?} on purpose"))
}

/// Waits until `condition` holds.
pub(crate) async fn until(what: &str, condition: impl FnMut() -> bool) {
    until_within(WAIT_MS_MAX, what, condition).await;
}

/// Waits until `condition` holds, for `limit_ms` at most.
pub(crate) async fn until_within(limit_ms: u64, what: &str, mut condition: impl FnMut() -> bool) {
    let held = timeout(Duration::from_millis(limit_ms), async {
        while !condition() {
            sleep(Duration::from_millis(1)).await;
        }
    });
    held.await.unwrap_or_else(|_| panic!("not within {limit_ms} ms: {what}"));
}

/// The id of an order in this partition.
pub(crate) fn order_in(partition: u32, partitions: u32) -> String {
    let mut names = (0..).map(|number| format!("o-{number}"));
    let fits =
        |name: &String| partition_of(&OrderId::parse(name).unwrap(), partitions) == Partition(partition);
    names.find(fits).unwrap()
}

/// A request to place an order.
pub(crate) fn placement_of(order_id: &OrderId) -> Bytes {
    wire::encode_request(&Request::new(
        RequestId::parse(&format!("request-of-{order_id}")).unwrap(),
        order_id.clone(),
        Actor::Customer,
        Command::Place(Placement::default()),
        TestClock.now(),
    ))
}

/// A bus whose joins have these results, in this order.
pub(crate) fn bus(partitions: u32, joins: Vec<Result<Box<dyn Membership>, PortError>>) -> MockEventBus {
    let mut mock = MockEventBus::new();
    mock.expect_partitions().return_const(partitions);
    let mut joins = VecDeque::from(joins);
    mock.expect_join()
        .returning(move || joins.pop_front().unwrap_or_else(|| Err(error(PortErrorKind::Unavailable))));
    mock
}

/// A clock that follows tokio's time.
pub(crate) struct TestClock;

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        thread_local!(static START: Instant = Instant::now());
        let passed = START.with(Instant::elapsed).as_millis();
        Timestamp::from_millis(1_764_000_000_000).after_millis(passed as u64)
    }
}

pub(crate) fn options() -> ProcessorsOptions {
    ProcessorsOptions { call_timeout_ms: 5000, join_backoff: BACKOFF, ..ProcessorsOptions::default() }
}

pub(crate) fn settings(partitions: u32) -> Settings {
    Settings::new(partitions, Policy::manual())
}

pub(crate) fn start(bus: MockEventBus, store: MockOwnerStore, partitions: u32) -> Processors {
    Processors::start(Arc::new(bus), Arc::new(store), Arc::new(TestClock), settings(partitions), options())
}

/// A running member with a working store.
pub(crate) struct Started {
    pub(crate) processors: Processors,
    pub(crate) events: mpsc::UnboundedSender<Event>,
    pub(crate) stored: Arc<Mutex<BTreeMap<Partition, Stored>>>,
}

/// Starts a member that is assigned the partitions of these logs.
pub(crate) fn start_with(mock: MockMembership, logs: &[Arc<TestLog>]) -> Started {
    let partitions: Vec<Partition> = (0..logs.len() as u32).map(Partition).collect();
    let (membership, events) = member(mock);
    let (store, stored) = working(MockOwnerStore::new());
    let count = partitions.len() as u32;
    let processors = start(bus(count, vec![Ok(membership)]), store, count);
    events.send(Ok(GroupEvent::Assigned(partitions))).unwrap();
    Started { processors, events, stored }
}

/// The part of health with this name.
pub(crate) fn part(probe: &dyn HealthProbe, name: &str) -> Option<PartHealth> {
    probe.health().parts.into_iter().find(|part| part.name == name)
}

pub(crate) fn is_ready(probe: &dyn HealthProbe, name: &str) -> bool {
    part(probe, name).is_some_and(|part| part.ready)
}

pub(crate) fn detail(probe: &dyn HealthProbe, name: &str) -> String {
    part(probe, name).map(|part| part.detail).unwrap_or_default()
}
