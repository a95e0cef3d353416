//! Cuts the power at every point of a run on the embedded engine. With any part of the unsynced writes, every acknowledged or
//! read record is there, the log and the store agree, and every order becomes terminal.
//!
//! `POWER_SEED` repeats the contents of the disk at each cut, but not the run itself.
#![allow(clippy::print_stderr, reason = "the seed of a failure is for people")]

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::time::Instant;

use futures::future::join_all;
use futures::stream::TryStreamExt;
use logistics_core::audit::{self, Expect};
use logistics_core::port::{EventBus, EventBusExt, LogRecord, ReadLimit, Topic};
use logistics_core::{Offset, OrderId, Partition};
use logistics_embedded::{Config, Engine};
use logistics_testkit::Rng;
use logistics_tests::disk::{MemoryDisk, Remains, Step};
use logistics_tests::engine::{PATIENCE, is_denied, place, processors, seed, until};

const PARTITIONS: u32 = 2;
const ORDERS: usize = 160;
/// Facts from PLACED to DELIVERED.
const FACTS: u64 = 5;
/// Orders that are placed concurrently, so that a cycle has one request or several.
const AT_ONCE: usize = 2;
const DWELL_MS: u64 = 2;
/// One cut in so many is followed by a run to the end.
const SETTLED_EVERY: usize = 60;

/// Every log's records, by topic and partition.
type Logs = Vec<Vec<LogRecord>>;

/// The ends of the logs that a reader saw after this many operations on the disk.
struct Sighting {
    steps: usize,
    ends: Vec<Offset>,
}

struct Run {
    journal: Vec<Step>,
    sightings: Vec<Sighting>,
    logs: Logs,
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_shown_outlives_a_power_loss_at_any_point() {
    let seed = seed("POWER_SEED");
    eprintln!("POWER_SEED={seed}");
    let mut rng = Rng::new(seed);
    let run = run().await;
    let (mut remains, mut shown, mut cuts) = (Remains::default(), 0, 0);
    for (steps, step) in (1..).zip(run.journal.iter().cloned()) {
        let synced = matches!(step, Step::Sync);
        remains.take(step);
        while run.sightings.get(shown).is_some_and(|sighting| sighting.steps <= steps) {
            shown += 1;
        }
        let promised = shown.checked_sub(1).map(|last| &run.sightings[last].ends[..]);
        let images = [synced.then(|| remains.synced()), Some(remains.with_luck(&mut rng))];
        for image in images.into_iter().flatten().filter(|image| !image.is_empty() || promised.is_some()) {
            cuts += 1;
            examine(image, promised, &run.logs, cuts % SETTLED_EVERY == 0, steps).await;
        }
    }
    eprintln!("{cuts} cuts in {} steps, {} sightings", run.journal.len(), run.sightings.len());
    assert!(
        shown >= ORDERS / AT_ONCE && cuts > 1000,
        "a run that shows something: {shown} sightings, {cuts} cuts"
    );
}

fn config() -> Config {
    Config { partitions: Some(PARTITIONS), ..Config::new("in memory") }
}

/// Places and delivers orders while a reader reads all the time.
async fn run() -> Run {
    let disk = MemoryDisk::default();
    let engine = Engine::open_on(disk.clone(), &config()).expect("an empty disk");
    let processors = processors(&engine, DWELL_MS);
    let sightings = RefCell::new(Vec::new());
    let look = async || {
        let ends = ends(&engine).await;
        // Every operation that these ends depend on is among those so far.
        let mut sightings = sightings.borrow_mut();
        if sightings.last().is_none_or(|last: &Sighting| last.ends != ends) {
            sightings.push(Sighting { steps: disk.steps(), ends: ends.clone() });
        }
        ends
    };
    let placing = async {
        for first in (0..ORDERS).step_by(AT_ONCE) {
            let placed = join_all((first..first + AT_ONCE).map(|n| place(&engine, n))).await;
            assert!(placed.iter().all(Result::is_ok), "the log stores them");
            look().await;
        }
    };
    let watching = async {
        let until = Instant::now() + PATIENCE;
        while notifications(&look().await) < FACTS * ORDERS as u64 {
            assert!(Instant::now() < until, "the orders did not become terminal");
            tokio::task::yield_now().await;
        }
    };
    tokio::join!(placing, watching);
    assert!(processors.drain(PATIENCE).await.is_clean());
    let logs = logs(&engine).await;
    engine.close().expect("the engine closes");
    Run { journal: disk.journal(), sightings: sightings.into_inner(), logs }
}

/// The notifications in logs with these ends.
fn notifications(ends: &[Offset]) -> u64 {
    let of_notifications = every_log().zip(ends).filter(|((topic, _), _)| *topic == Topic::Notifications);
    of_notifications.map(|(_, end)| end.0).sum()
}

fn every_log() -> impl Iterator<Item = (Topic, Partition)> {
    Topic::ALL.into_iter().flat_map(|topic| (0..PARTITIONS).map(move |p| (topic, Partition(p))))
}

async fn ends(engine: &Engine) -> Vec<Offset> {
    let bus = engine.bus();
    let mut ends = Vec::new();
    for (topic, partition) in every_log() {
        ends.push(bus.bounds(topic, partition).await.expect("the log is open").end);
    }
    ends
}

async fn logs(engine: &Engine) -> Logs {
    let bus = engine.bus();
    let mut logs = Vec::new();
    for (topic, partition) in every_log() {
        logs.push(log(bus.as_ref(), topic, partition).await);
    }
    logs
}

async fn log(bus: &dyn EventBus, topic: Topic, partition: Partition) -> Vec<LogRecord> {
    let limit = ReadLimit { records: usize::MAX, bytes: usize::MAX };
    let records = bus.read_to_end(topic, partition, Offset(0), limit);
    records.try_collect().await.expect("the log can be read")
}

/// Opens the engine on the contents after a cut.
async fn examine(image: Vec<u8>, promised: Option<&[Offset]>, all: &Logs, settle: bool, steps: usize) {
    let engine = match Engine::open_on(MemoryDisk::holding(image), &config()) {
        Ok(engine) => engine,
        // A file under construction has another name, so no process opens an incomplete one.
        Err(_) if promised.is_none() => return,
        Err(error) => panic!("after {steps} steps: {error}"),
    };
    let kept = logs(&engine).await;
    for (index, (kept, all)) in kept.iter().zip(all).enumerate() {
        let promised = promised.map_or(0, |ends| ends[index].0);
        assert!(kept.len() as u64 >= promised, "after {steps} steps: {} of {promised} records", kept.len());
        assert!(kept[..] == all[..kept.len()], "after {steps} steps: another log");
    }
    nothing_is_denied(&engine, &kept, steps).await;
    if settle {
        run_to_the_end(&engine, steps).await;
    } else {
        let audit = audit::run(engine.bus().as_ref(), engine.store().as_ref(), Expect::InMotion).await;
        audit.unwrap_or_else(|error| panic!("after {steps} steps: {error}"));
    }
    engine.close().expect("the engine closes");
}

/// Asserts that the store denies no order of the log.
async fn nothing_is_denied(engine: &Engine, logs: &Logs, steps: usize) {
    let keys: BTreeSet<_> = logs.iter().flatten().filter_map(|record| record.key.as_deref()).collect();
    for key in keys {
        let order_id =
            std::str::from_utf8(key).ok().and_then(|id| OrderId::parse(id).ok()).expect("an order id");
        let denied = is_denied(engine, &order_id).await;
        assert!(!denied, "after {steps} steps: {order_id} is denied");
    }
}

/// Waits until every input in the log is answered and every order delivered.
async fn run_to_the_end(engine: &Engine, steps: usize) {
    let processors = processors(engine, DWELL_MS);
    until(&format!("after {steps} steps, every order is terminal"), async || {
        let audit = audit::run(engine.bus().as_ref(), engine.store().as_ref(), Expect::InMotion).await;
        let report = audit.unwrap_or_else(|error| panic!("after {steps} steps: {error}"));
        report.unanswered == 0 && report.orders == report.terminal_orders
    })
    .await;
    assert!(processors.drain(PATIENCE).await.is_clean());
    let audit = audit::run(engine.bus().as_ref(), engine.store().as_ref(), Expect::Drained).await;
    audit.unwrap_or_else(|error| panic!("after {steps} steps: {error}"));
}
