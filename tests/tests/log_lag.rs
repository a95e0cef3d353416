//! The lag of the embedded engine: none at rest, and an age without an owner.

use std::sync::Arc;
use std::time::Duration;

use logistics_core::observe::{Gauges, LogReading, Reading};
use logistics_embedded::{Config, Engine};
use logistics_tests::engine::{place, processors, until};
use logistics_tokio::{LogMonitor, LogMonitorOptions, SystemClock};

const PARTITIONS: u32 = 4;
const ORDERS: usize = 50;
/// PLACED, CONFIRMED, PREPARING, OUT_FOR_DELIVERY, DELIVERED, and the request.
const RECORDS_EACH: u64 = 6;
const DRAIN: Duration = Duration::from_secs(10);

fn readings(monitor: &LogMonitor) -> Vec<LogReading> {
    let mut readings = Vec::new();
    monitor.read(&mut |reading| {
        if let Reading::Log(reading) = reading {
            readings.push(reading);
        }
    });
    readings
}

#[tokio::test]
async fn an_idle_engine_has_no_lag_and_one_without_an_owner_has() {
    let directory = tempfile::tempdir().expect("a directory");
    let config = Config { partitions: Some(PARTITIONS), ..Config::new(directory.path()) };
    let engine = Engine::open(config).expect("the data file opens");
    let options = LogMonitorOptions { interval_ms: 10, ..LogMonitorOptions::default() };
    let monitor = LogMonitor::start(engine.bus(), engine.store(), Arc::new(SystemClock), options);
    for n in 0..ORDERS {
        place(&engine, n).await.expect("the log accepts it");
    }
    until("each partition has an unanswered input", async || {
        let readings = readings(&monitor);
        readings.len() == PARTITIONS as usize
            && readings.iter().all(|reading| reading.unanswered_since.is_some())
    })
    .await;
    let owners = processors(&engine, 1);
    let mut at_rest = Vec::new();
    until("everything is answered", async || {
        at_rest = readings(&monitor);
        let all: u64 = at_rest.iter().map(|reading| reading.end.0).sum();
        let no_lag =
            |reading: &LogReading| reading.answered == reading.end && reading.unanswered_since.is_none();
        all == ORDERS as u64 * RECORDS_EACH && at_rest.iter().all(no_lag)
    })
    .await;
    assert!(owners.drain(DRAIN).await.is_clean());
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(readings(&monitor), at_rest, "owners' records need no owner");
    place(&engine, ORDERS).await.expect("the log accepts it");
    until("one partition has an unanswered input", async || {
        readings(&monitor).iter().filter(|reading| reading.unanswered_since.is_some()).count() == 1
    })
    .await;
}
