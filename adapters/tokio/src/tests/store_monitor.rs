//! The monitors of the store and of transactions: their readings, and what is left of them after failures.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use logistics_core::lifecycle::{STATUSES, Status};
use logistics_core::observe::{Gauges, Reading, StoreReading};
use logistics_core::port::{MockOrderReader, PortErrorKind, StatusSummary};
use logistics_core::{Offset, Partition, Timestamp};
use logistics_testkit::{Faults, MemoryOrderStore};
use tokio::time::sleep;
use tracing::Level;

use super::log_lines::Lines;
use super::support::{TestClock, error};
use crate::{PollOptions, StoreMonitor, TransactionMonitor};

const OPTIONS: PollOptions = PollOptions { interval_ms: 1000, timeout_ms: 500, failures_max: 2 };
const INTERVAL: Duration = Duration::from_millis(1000);

fn readings(gauges: &dyn Gauges) -> Vec<Reading> {
    let mut readings = Vec::new();
    gauges.read(&mut |reading| readings.push(reading));
    readings
}

fn used(bytes: u64) -> StoreReading {
    let mut reading = StoreReading::default();
    reading.used_bytes = Some(bytes);
    reading
}

#[tokio::test(start_paused = true)]
async fn readings_are_those_of_the_latest_poll() {
    let mut reader = MockOrderReader::new();
    let mut count = 0;
    reader.expect_summary().returning(move || {
        count += 1;
        let mut summary = StatusSummary::none();
        summary[Status::Confirmed.index()].add(count, Some(Timestamp::from_millis(7)));
        Ok(summary)
    });
    let polls = Arc::new(AtomicU64::new(0));
    let counted = polls.clone();
    let monitor = StoreMonitor::new(OPTIONS).orders(Arc::new(reader)).usage(move || {
        let used = used(counted.fetch_add(1, Ordering::SeqCst));
        async move { Ok(used) }
    });
    assert_eq!(readings(&monitor), [], "no poll was answered yet");
    for n in 1..4 {
        sleep(if n == 1 { INTERVAL / 2 } else { INTERVAL }).await;
        let found = readings(&monitor);
        assert_eq!(found.len(), STATUSES.len() + 1);
        let mut confirmed = StatusSummary::none()[Status::Confirmed.index()];
        confirmed.add(n, Some(Timestamp::from_millis(7)));
        assert!(found.contains(&Reading::Orders(confirmed)), "{found:?}");
        assert!(found.contains(&Reading::Store(used(n - 1))), "{found:?}");
    }
    drop(monitor);
    let before = polls.load(Ordering::SeqCst);
    sleep(INTERVAL * 5).await;
    assert_eq!(polls.load(Ordering::SeqCst), before, "dropping the monitor ends the polls");
}

#[tokio::test(start_paused = true)]
async fn an_answer_does_not_outlive_several_failures() {
    let lines = Lines::default();
    let _guard = lines.capture(Level::INFO);
    let store = MemoryOrderStore::new(3);
    let monitor = StoreMonitor::new(OPTIONS).orders(Arc::new(store.clone()));
    sleep(INTERVAL / 2).await;
    assert_eq!(readings(&monitor).len(), STATUSES.len());
    for _ in 0..2 {
        store.set_faults(Faults { unavailable_before: 1000, ..Faults::none() });
        sleep(INTERVAL * OPTIONS.failures_max).await;
        assert_eq!(readings(&monitor).len(), STATUSES.len(), "the latest answer is kept for a moment");
        sleep(INTERVAL * 5).await;
        assert_eq!(readings(&monitor), [], "an old answer is no reading");
        store.set_faults(Faults::none());
        sleep(INTERVAL).await;
        assert_eq!(readings(&monitor).len(), STATUSES.len());
    }
    let text = lines.text();
    let count = |part: &str| text.lines().filter(|line| line.contains(part)).count();
    assert_eq!((count("by status are unknown"), count("by status are known again")), (2, 2), "{text}");
    assert_eq!(text.lines().count(), 4, "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_query_that_hangs_or_panics_is_a_failure() {
    let polls = Arc::new(AtomicUsize::new(0));
    let count = polls.clone();
    let monitor = StoreMonitor::new(OPTIONS).usage(move || {
        let poll = count.fetch_add(1, Ordering::SeqCst);
        async move {
            match poll {
                1 => pending().await,
                2 => panic!("on purpose"),
                3 => Err(error(PortErrorKind::Refused)),
                _ => Ok(used(poll as u64)),
            }
        }
    });
    sleep(INTERVAL * 3 - INTERVAL / 4).await;
    assert_eq!(readings(&monitor), [Reading::Store(used(0))]);
    sleep(INTERVAL).await;
    assert_eq!(readings(&monitor), []);
    sleep(INTERVAL).await;
    assert_eq!(readings(&monitor), [Reading::Store(used(4))]);
}

#[tokio::test(start_paused = true)]
async fn an_open_transaction_is_read_until_it_ends() {
    let at = Arc::new(AtomicU64::new(0));
    let stops = at.clone();
    let monitor = TransactionMonitor::start(Arc::new(TestClock), OPTIONS, move || {
        let stop = Some(stops.load(Ordering::SeqCst)).filter(|at| *at > 0).map(Offset);
        async move { Ok(vec![None, stop]) }
    });
    let since = |monitor| {
        let found = readings(monitor);
        let found = found.into_iter().map(|reading| match reading {
            Reading::OpenTransaction(reading) => (reading.partition, reading.since),
            other => panic!("{other:?}"),
        });
        found.collect::<Vec<_>>()
    };
    sleep(INTERVAL * 4).await;
    assert_eq!(since(&monitor), [(Partition(0), None), (Partition(1), None)]);
    at.store(9, Ordering::SeqCst);
    sleep(INTERVAL * 5).await;
    let found = since(&monitor);
    assert!(found[0].1.is_none() && found[1].1.is_some(), "{found:?}");
    at.store(0, Ordering::SeqCst);
    sleep(INTERVAL * 2).await;
    assert_eq!(since(&monitor), [(Partition(0), None), (Partition(1), None)]);
}
