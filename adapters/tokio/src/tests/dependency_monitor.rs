//! The monitor: its health, its log lines and its queries.

use std::future::pending;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::FutureExt;
use logistics_core::Partition;
use logistics_core::health::{HealthProbe, PartHealth};
use logistics_core::observe::Reading;
use logistics_core::port::{Clock, PortErrorKind};
use logistics_testkit::{Faults, MemoryBus, MemoryOrderStore};
use tokio::time::sleep;
use tracing::Level;

use super::log_lines::Lines;
use super::support::{TestClock, error};
use crate::{DependencyMonitor, DependencyMonitorOptions};

const PARTITIONS: u32 = 3;
const INTERVAL: Duration = Duration::from_secs(2);

fn monitor() -> DependencyMonitor {
    DependencyMonitor::new(Arc::new(TestClock), DependencyMonitorOptions::default())
}

fn down() -> Faults {
    Faults { unavailable_before: 1000, ..Faults::none() }
}

/// The names of the parts that are not ready.
fn unready(monitor: &DependencyMonitor) -> Vec<String> {
    monitor.health().parts.into_iter().filter(|part| !part.ready).map(|part| part.name).collect()
}

/// Whether each part is down, by the readings.
fn down_parts(monitor: &DependencyMonitor) -> Vec<(&'static str, bool)> {
    let mut parts = Vec::new();
    monitor.gauges().read(&mut |reading| {
        let Reading::Dependency(reading) = reading else { panic!("{reading:?}") };
        parts.push((reading.name, reading.down_since.is_some()));
    });
    parts
}

#[tokio::test(start_paused = true)]
async fn a_reading_shows_the_start_of_an_outage() {
    let bus = MemoryBus::new(PARTITIONS);
    let monitor = monitor().log(Arc::new(bus.clone()), "kafka:9092").store(
        Arc::new(MemoryOrderStore::new(PARTITIONS)),
        PARTITIONS,
        "redis:6379",
    );
    assert_eq!(down_parts(&monitor), [("log", false), ("store", false)]);
    bus.set_faults(down());
    let before = TestClock.now();
    sleep(INTERVAL * 5).await;
    assert_eq!(down_parts(&monitor), [("log", true), ("store", false)]);
    monitor.gauges().read(&mut |reading| {
        if let Reading::Dependency(reading) = reading
            && let Some(since) = reading.down_since
        {
            assert!(since.millis_since(before) <= 2 * 2000, "{since}");
        }
    });
    bus.set_faults(Faults::none());
    sleep(INTERVAL * 5).await;
    assert_eq!(down_parts(&monitor), [("log", false), ("store", false)]);
}

#[tokio::test(start_paused = true)]
async fn a_part_that_does_not_answer_is_unready_until_it_answers() {
    let lines = Lines::default();
    let _guard = lines.capture(Level::INFO);
    let (bus, store) = (MemoryBus::new(PARTITIONS), MemoryOrderStore::new(PARTITIONS));
    let monitor = monitor().log(Arc::new(bus.clone()), "kafka:9092").store(
        Arc::new(store.clone()),
        PARTITIONS,
        "redis:6379",
    );
    let ready = |name: &str, detail: &str| PartHealth {
        name: name.to_owned(),
        ready: true,
        detail: detail.to_owned(),
    };
    let all_ready = [ready("log", "kafka:9092"), ready("store", "redis:6379")];
    assert_eq!(monitor.health().parts, all_ready);
    sleep(INTERVAL * 3).await;
    assert_eq!((monitor.health().parts, &*lines.text()), (all_ready.to_vec(), ""));

    bus.set_faults(down());
    sleep(INTERVAL * 5).await;
    assert_eq!(unready(&monitor), ["log"]);
    store.set_faults(down());
    sleep(INTERVAL * 5).await;
    assert_eq!(unready(&monitor), ["log", "store"]);
    let detail = &monitor.health().parts[0].detail;
    assert!(detail.starts_with("kafka:9092: since 2025-11-24T16:00:"), "{detail}");
    assert!(detail.ends_with(": an injected fault: could not read the bounds"), "{detail}");

    bus.set_faults(Faults::none());
    store.set_faults(Faults::none());
    sleep(INTERVAL * 5).await;
    assert_eq!(monitor.health().parts, all_ready);
    let text = lines.text();
    let count = |part: &str| text.lines().filter(|line| line.contains(part)).count();
    assert_eq!(
        (count("WARN the log does not answer"), count("INFO the log answers again")),
        (1, 1),
        "{text}"
    );
    assert_eq!((count("the store does not answer"), count("the store answers again")), (1, 1), "{text}");
    assert_eq!(text.lines().count(), 4, "{text}");
}

#[tokio::test(start_paused = true)]
async fn partitions_are_queried_in_turn_and_one_that_does_not_answer_is_queried_again() {
    let (queried, up) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(true)));
    let (noted, answers) = (queried.clone(), up.clone());
    let monitor = monitor().monitor("log", "address".to_owned(), PARTITIONS, move |partition| {
        noted.lock().unwrap().push(partition);
        let answers = partition != Partition(1) || answers.load(Ordering::SeqCst);
        async move { if answers { Ok(()) } else { Err(error(PortErrorKind::Unavailable)) } }.boxed()
    });
    sleep(INTERVAL * 4 + INTERVAL / 2).await;
    up.store(false, Ordering::SeqCst);
    sleep(INTERVAL * 3).await;
    assert_eq!(unready(&monitor), ["log"]);
    up.store(true, Ordering::SeqCst);
    sleep(INTERVAL * 2).await;
    assert!(unready(&monitor).is_empty());
    assert_eq!(*queried.lock().unwrap(), [0, 1, 2, 0, 1, 1, 1, 1, 2].map(Partition));
}

#[tokio::test(start_paused = true)]
async fn a_port_that_hangs_or_panics_counts_as_unanswered() {
    let queries = Arc::new(AtomicUsize::new(0));
    let count = queries.clone();
    let options = DependencyMonitorOptions { timeout_ms: 500, ..DependencyMonitorOptions::default() };
    let monitor = DependencyMonitor::new(Arc::new(TestClock), options);
    let monitor = monitor.monitor("log", "address".to_owned(), 1, move |_| {
        match count.fetch_add(1, Ordering::SeqCst) {
            0 => pending().boxed(),
            1 => async { panic!("on purpose") }.boxed(),
            _ => async { Ok(()) }.boxed(),
        }
    });
    sleep(INTERVAL + INTERVAL / 2).await;
    let detail = monitor.health().parts[0].detail.clone();
    assert!(detail.ends_with("no answer within 500 ms"), "{detail}");
    sleep(INTERVAL).await;
    let detail = monitor.health().parts[0].detail.clone();
    assert!(detail.ends_with("a panic: on purpose"), "{detail}");
    sleep(INTERVAL).await;
    assert!(unready(&monitor).is_empty());
}

#[tokio::test(start_paused = true)]
async fn it_queries_once_per_interval_until_it_is_dropped() {
    let queries = Arc::new(AtomicUsize::new(0));
    let count = queries.clone();
    let monitor = monitor().monitor("log", "address".to_owned(), 1, move |_| {
        count.fetch_add(1, Ordering::SeqCst);
        async { Ok(()) }.boxed()
    });
    sleep(Duration::from_secs(60)).await;
    drop(monitor);
    let before = queries.load(Ordering::SeqCst);
    assert!((29..=30).contains(&before), "{before} queries in a minute");
    sleep(Duration::from_secs(60)).await;
    assert_eq!(queries.load(Ordering::SeqCst), before);
}
