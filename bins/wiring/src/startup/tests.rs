//! With paused time, waits end at once and are measured exactly.

use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};

use logistics_core::Partition;
use logistics_core::port::{EventBus, OwnerStore, PortErrorKind, Topic};
use logistics_testkit::{Faults, MemoryBus, MemoryOrderStore};
use tokio::task::JoinHandle;

use super::*;

const PARTITIONS: u32 = 2;

fn down() -> Faults {
    Faults { unavailable_before: 1000, ..Faults::none() }
}

fn log(bus: &MemoryBus) -> StartupCheck {
    let bus = bus.clone();
    StartupCheck::new("log", "kafka:9092", move || {
        let bus = bus.clone();
        async move { bus.bounds(Topic::Orders, Partition(0)).await.map(drop) }
    })
}

fn store(store: &MemoryOrderStore) -> StartupCheck {
    let store = store.clone();
    StartupCheck::new("store", "redis:6379", move || {
        let store = store.clone();
        async move { store.load(Partition(0), &[]).await.map(drop) }
    })
}

/// A check whose answer depends on the number of the attempt.
fn part(answer: fn(usize) -> BoxFuture<'static, Result<(), PortError>>) -> (StartupCheck, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    (StartupCheck::new("log", "there", move || answer(count.fetch_add(1, Ordering::SeqCst))), asked)
}

fn start(required: Vec<StartupCheck>) -> (Arc<HealthRegistry>, JoinHandle<Result<(), Failure>>) {
    let registry = Arc::new(HealthRegistry::default());
    let shown = registry.clone();
    let waiting = async move { wait_until_ready(required, RetryPolicy::default(), &shown).await };
    (registry, tokio::spawn(waiting))
}

fn missing(registry: &HealthRegistry) -> Vec<String> {
    registry.health().parts.into_iter().filter(|part| !part.ready).map(|part| part.name).collect()
}

#[tokio::test(start_paused = true)]
async fn the_start_waits_for_missing_parts_without_limit_and_names_them() {
    let (bus, redis) = (MemoryBus::new(PARTITIONS), MemoryOrderStore::new(PARTITIONS));
    bus.set_faults(down());
    redis.set_faults(down());
    let (registry, started) = start(vec![log(&bus), store(&redis)]);
    sleep(Duration::from_secs(3600)).await;
    assert!(!started.is_finished());
    assert_eq!(missing(&registry), ["log", "store"]);
    let detail = registry.health().parts[0].detail.clone();
    assert!(detail.starts_with("kafka:9092: waiting since 2"), "{detail}");
    assert!(detail.ends_with(": an injected fault: could not read the bounds"), "{detail}");
    redis.set_faults(Faults::none());
    sleep(Duration::from_secs(6)).await;
    assert!(!started.is_finished());
    assert_eq!(missing(&registry), ["log"]);
    bus.set_faults(Faults::none());
    started.await.expect("no panic").expect("both are there");
    assert_eq!(missing(&registry), ["start"], "the services have not started");
}

#[tokio::test(start_paused = true)]
async fn an_unsuitable_part_ends_the_start_while_another_is_missing() {
    let bus = MemoryBus::new(PARTITIONS);
    bus.set_faults(down());
    let (refusing, asked) = part(|question| {
        let kind = if question < 3 { PortErrorKind::Unavailable } else { PortErrorKind::Refused };
        Box::pin(async move { Err(PortError::new(kind, "the topic orders has 4 partitions and not 12")) })
    });
    let (_, started) = start(vec![log(&bus), refusing]);
    let failure = started.await.expect("no panic").expect_err("it refuses");
    assert_eq!(asked.load(Ordering::SeqCst), 4);
    let sentence = "the log at there cannot be used: the topic orders has 4 partitions and not 12";
    assert_eq!(failure.message, sentence);
    assert_eq!(format!("{:?}", failure.code()), format!("{:?}", std::process::ExitCode::from(2)));
}

#[tokio::test(start_paused = true)]
async fn a_check_that_hangs_is_retried() {
    let (hanging, asked) = part(|question| match question {
        0 | 1 => Box::pin(pending()),
        _ => Box::pin(async { Ok(()) }),
    });
    let (registry, started) = start(vec![hanging]);
    sleep(Duration::from_secs(16)).await;
    assert!(registry.health().parts[0].detail.ends_with("no answer within 15000 ms"));
    started.await.expect("no panic").expect("it is there");
    assert_eq!(asked.load(Ordering::SeqCst), 3);
}

#[tokio::test(start_paused = true)]
async fn the_pause_between_attempts_grows() {
    let (gone, asked) = part(|_| Box::pin(async { Err(PortError::new(PortErrorKind::Unavailable, "gone")) }));
    let (_, started) = start(vec![gone]);
    sleep(Duration::from_secs(600)).await;
    let questions = asked.load(Ordering::SeqCst);
    assert!((120..=160).contains(&questions), "{questions} questions in ten minutes");
    started.abort();
}

#[tokio::test(start_paused = true)]
async fn without_checks_the_start_is_immediate() {
    let (_, started) = start(Vec::new());
    started.await.expect("no panic").expect("nothing is missing");
}

#[tokio::test(start_paused = true)]
async fn a_single_check_reports_its_error_at_once() {
    let bus = MemoryBus::new(PARTITIONS);
    log(&bus).check().await.expect("it is there");
    bus.set_faults(down());
    let failure = log(&bus).check().await.expect_err("it is gone");
    assert!(failure.message.starts_with("the log at kafka:9092 cannot be used: "), "{}", failure.message);
    assert_eq!(format!("{:?}", failure.code()), format!("{:?}", std::process::ExitCode::from(3)));
}
