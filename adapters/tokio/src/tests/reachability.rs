//! Whether log and store answer: what is shown, what is logged, and what it costs.

use std::future::pending;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::FutureExt;
use logistics_core::Partition;
use logistics_core::health::{HealthProbe, PartHealth};
use logistics_core::port::PortErrorKind;
use logistics_testkit::{Faults, MemoryBus, MemoryOrderStore};
use tokio::time::sleep;
use tracing::Level;

use super::lines::Lines;
use super::support::{TestClock, error};
use crate::{Reachability, ReachabilityOptions};

const PARTITIONS: u32 = 3;
const INTERVAL: Duration = Duration::from_secs(2);

fn watch() -> Reachability {
    Reachability::new(Arc::new(TestClock), ReachabilityOptions::default())
}

fn down() -> Faults {
    Faults { unavailable_before: 1000, ..Faults::none() }
}

/// The names of the parts that are not ready.
fn missing(watch: &Reachability) -> Vec<String> {
    watch.health().parts.into_iter().filter(|part| !part.ready).map(|part| part.name).collect()
}

#[tokio::test(start_paused = true)]
async fn what_does_not_answer_is_named_until_it_answers_again() {
    let lines = Lines::default();
    let _guard = lines.take(Level::INFO);
    let (bus, store) = (MemoryBus::new(PARTITIONS), MemoryOrderStore::new(PARTITIONS));
    let watch = watch().log(Arc::new(bus.clone()), "kafka:9092").store(
        Arc::new(store.clone()),
        PARTITIONS,
        "redis:6379",
    );
    let there = |name: &str, detail: &str| PartHealth {
        name: name.to_owned(),
        ready: true,
        detail: detail.to_owned(),
    };
    let all_there = [there("log", "kafka:9092"), there("store", "redis:6379")];
    assert_eq!(watch.health().parts, all_there);
    sleep(INTERVAL * 3).await;
    assert_eq!((watch.health().parts, &*lines.text()), (all_there.to_vec(), ""));

    bus.set_faults(down());
    sleep(INTERVAL * 5).await;
    assert_eq!(missing(&watch), ["log"]);
    store.set_faults(down());
    sleep(INTERVAL * 5).await;
    assert_eq!(missing(&watch), ["log", "store"]);
    let detail = &watch.health().parts[0].detail;
    assert!(detail.starts_with("kafka:9092: since 2025-11-24T16:00:"), "{detail}");
    assert!(detail.ends_with(": an injected fault: could not ask for the bounds"), "{detail}");

    bus.set_faults(Faults::none());
    store.set_faults(Faults::none());
    sleep(INTERVAL * 5).await;
    assert_eq!(watch.health().parts, all_there);
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
async fn each_partition_has_its_turn_and_one_that_does_not_answer_is_asked_until_it_does() {
    let (asked, well) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(true)));
    let (noted, answers) = (asked.clone(), well.clone());
    let watch = watch().watch("log", "there".to_owned(), PARTITIONS, move |partition| {
        noted.lock().unwrap().push(partition);
        let answers = partition != Partition(1) || answers.load(Ordering::SeqCst);
        async move { if answers { Ok(()) } else { Err(error(PortErrorKind::Unavailable)) } }.boxed()
    });
    sleep(INTERVAL * 4 + INTERVAL / 2).await;
    well.store(false, Ordering::SeqCst);
    sleep(INTERVAL * 3).await;
    assert_eq!(missing(&watch), ["log"]);
    well.store(true, Ordering::SeqCst);
    sleep(INTERVAL * 2).await;
    assert!(missing(&watch).is_empty());
    assert_eq!(*asked.lock().unwrap(), [0, 1, 2, 0, 1, 1, 1, 1, 2].map(Partition));
}

#[tokio::test(start_paused = true)]
async fn a_port_that_hangs_or_panics_does_not_answer() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let options = ReachabilityOptions { timeout_ms: 500, ..ReachabilityOptions::default() };
    let watch = Reachability::new(Arc::new(TestClock), options);
    let watch =
        watch.watch("log", "there".to_owned(), 1, move |_| match count.fetch_add(1, Ordering::SeqCst) {
            0 => pending().boxed(),
            1 => async { panic!("on purpose") }.boxed(),
            _ => async { Ok(()) }.boxed(),
        });
    sleep(INTERVAL + INTERVAL / 2).await;
    let detail = watch.health().parts[0].detail.clone();
    assert!(detail.ends_with("no answer within 500 ms"), "{detail}");
    sleep(INTERVAL).await;
    let detail = watch.health().parts[0].detail.clone();
    assert!(detail.ends_with("a panic: on purpose"), "{detail}");
    sleep(INTERVAL).await;
    assert!(missing(&watch).is_empty());
}

#[tokio::test(start_paused = true)]
async fn it_asks_once_an_interval_and_not_once_it_is_dropped() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let watch = watch().watch("log", "there".to_owned(), 1, move |_| {
        count.fetch_add(1, Ordering::SeqCst);
        async { Ok(()) }.boxed()
    });
    sleep(Duration::from_secs(60)).await;
    drop(watch);
    let before = asked.load(Ordering::SeqCst);
    assert!((29..=30).contains(&before), "{before} questions in a minute");
    sleep(Duration::from_secs(60)).await;
    assert_eq!(asked.load(Ordering::SeqCst), before);
}
