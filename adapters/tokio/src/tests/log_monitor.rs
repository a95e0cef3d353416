//! The lag of each partition, on the in-memory bus.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use logistics_core::observe::{Gauges, LogReading, Reading};
use logistics_core::port::{Clock, EventBus, NewRecord, Topic};
use logistics_core::processor::Settings;
use logistics_core::{Offset, OrderId, Partition, Policy, Timestamp};
use logistics_testkit::{Faults, MemoryBus, MemoryOrderStore};
use tokio::time::sleep;

use super::support::{TestClock, options, order_in, placement_of, until};
use crate::{LogMonitor, LogMonitorOptions, Processors};

const PARTITIONS: u32 = 3;
const INTERVAL: Duration = Duration::from_secs(5);
/// The first bytes of an owner's record.
const OWNERS: &[u8] = br#"{"specversion":"1.0","source":"/logistics/processor",}"#;

struct System {
    bus: MemoryBus,
    store: MemoryOrderStore,
    monitor: LogMonitor,
}

impl System {
    fn start() -> Self {
        let bus = MemoryBus::with_faults(PARTITIONS, Faults::none(), Arc::new(TestClock));
        let store = MemoryOrderStore::new(PARTITIONS);
        let ports = (Arc::new(bus.clone()), Arc::new(store.clone()));
        let monitor = LogMonitor::start(ports.0, ports.1, Arc::new(TestClock), LogMonitorOptions::default());
        Self { bus, store, monitor }
    }

    fn processors(&self) -> Processors {
        let (bus, store) = (Arc::new(self.bus.clone()), Arc::new(self.store.clone()));
        let settings = Settings::new(PARTITIONS, Policy::simulate(5));
        Processors::start(bus, store, Arc::new(TestClock), settings, options())
    }

    /// Appends a request, and returns its time.
    async fn place(&self, partition: u32) -> Timestamp {
        let order_id = OrderId::parse(&order_in(partition, PARTITIONS)).unwrap();
        let now = TestClock.now();
        self.bus.append(&order_id, placement_of(&order_id)).await.unwrap();
        now
    }

    /// Appends owners' records.
    fn put_owners(&self, records: usize) {
        self.bus.with_broker(|broker| {
            broker.set_time(TestClock.now());
            for _ in 0..records {
                broker.append(Topic::Orders, Partition(0), None, Bytes::from_static(OWNERS));
            }
        });
    }

    fn readings(&self) -> Vec<LogReading> {
        let mut readings = Vec::new();
        self.monitor.read(&mut |reading| match reading {
            Reading::Log(reading) => readings.push(reading),
            other => panic!("not of the log: {other:?}"),
        });
        readings
    }

    /// The lag of a partition in records, and the time of the oldest unanswered input.
    fn lag(&self, partition: usize) -> (u64, Option<Timestamp>) {
        let reading = &self.readings()[partition];
        (reading.end.0 - reading.answered.0, reading.unanswered_since)
    }
}

#[tokio::test(start_paused = true)]
async fn an_empty_partition_and_an_idle_one_have_no_lag() {
    let system = System::start();
    assert_eq!(system.readings(), [], "nothing is read yet");
    sleep(INTERVAL).await;
    assert_eq!(system.readings().len(), PARTITIONS as usize);
    assert!((0..3).all(|partition| system.lag(partition) == (0, None)));
    let _processors = system.processors();
    for partition in 0..PARTITIONS {
        system.place(partition).await;
    }
    until("all is answered", || {
        let readings = system.readings();
        readings.iter().all(|reading| reading.end >= Offset(6) && reading.answered == reading.end)
    })
    .await;
    assert!((0..3).all(|partition| system.lag(partition) == (0, None)));
}

#[tokio::test(start_paused = true)]
async fn the_oldest_input_of_a_partition_without_an_owner_ages() {
    let system = System::start();
    sleep(INTERVAL * 2).await;
    let placed = system.place(1).await;
    sleep(INTERVAL * 3).await;
    system.place(1).await;
    sleep(INTERVAL * 100).await;
    assert_eq!([0, 1, 2].map(|partition| system.lag(partition)), [(0, None), (2, Some(placed)), (0, None)]);
    let _processors = system.processors();
    until("the lag is gone", || system.lag(1) == (0, None)).await;
}

#[tokio::test(start_paused = true)]
async fn owners_records_need_no_answer() {
    let system = System::start();
    system.put_owners(10);
    sleep(INTERVAL).await;
    assert_eq!((system.readings()[0].end, system.lag(0)), (Offset(10), (0, None)));
    sleep(INTERVAL).await;
    let placed = system.place(0).await;
    system.put_owners(10);
    sleep(INTERVAL).await;
    assert_eq!(system.lag(0), (21, Some(placed)));
}

#[tokio::test(start_paused = true)]
async fn an_input_behind_many_owners_records_is_found_in_several_polls() {
    let system = System::start();
    let before = TestClock.now();
    system.put_owners(10_000);
    sleep(Duration::from_millis(1)).await;
    let placed = system.place(0).await;
    until("a poll", || system.readings().first().is_some_and(|reading| reading.end == Offset(10_001))).await;
    assert_eq!(system.lag(0), (10_001, Some(before)), "the input is not older than what was read");
    until("the input", || system.lag(0).1 == Some(placed)).await;
}

#[tokio::test(start_paused = true)]
async fn records_behind_an_open_transaction_age_from_the_first_poll() {
    let system = System::start();
    sleep(INTERVAL).await;
    let record = NewRecord {
        topic: Topic::Orders,
        partition: Partition(2),
        key: None,
        payload: Bytes::from_static(OWNERS),
    };
    system.bus.with_broker(|broker| {
        let epoch = broker.acquire(Partition(2));
        broker.write(Partition(2), epoch, &[record]).expect("not fenced");
    });
    system.place(2).await;
    until("the lag", || system.lag(2).1.is_some()).await;
    let since = system.lag(2).1;
    sleep(INTERVAL * 10).await;
    assert_eq!(system.lag(2).1, since);
    assert_eq!(system.lag(0), (0, None));
}

#[tokio::test(start_paused = true)]
async fn a_partition_that_does_not_answer_keeps_its_latest_reading() {
    let system = System::start();
    let placed = system.place(0).await;
    sleep(INTERVAL).await;
    let readings = system.readings();
    assert_eq!(system.lag(0), (1, Some(placed)));
    let down = Faults { unavailable_before: 1000, ..Faults::none() };
    system.store.set_faults(down);
    system.place(0).await;
    sleep(INTERVAL * 3).await;
    assert_eq!(system.readings(), readings);
    system.store.set_faults(Faults::none());
    until("it answers again", || system.lag(0) == (2, Some(placed))).await;
    system.bus.set_faults(down);
    let _processors = system.processors();
    sleep(INTERVAL * 3).await;
    assert_eq!(system.lag(0), (2, Some(placed)));
}
