//! Shared parts of the scenarios: an app, placements, and the progress of the log.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use logistics_cli_kit::Failure;
use logistics_core::audit::{self, Expect};
use logistics_core::port::{Clock, EventBus, OrderStore, Topic};
use logistics_core::{Actor, Command, OrderId, Partition, Placement, Policy, Request, RequestId, wire};
use logistics_tokio::SystemClock;
use logistics_wiring::Deciding;

use super::progress::Progress;
use crate::all_in_one::{AllInOne, AllInOneConfig};
use crate::engine::Engine;

/// Facts of an order that goes from PLACED to DELIVERED. It has as many notifications.
pub(crate) const FACTS: u64 = 5;
/// Maximum number of concurrent appends.
const APPENDS_AT_ONCE: usize = 512;
const POLL: Duration = Duration::from_millis(2);

/// An app on a free local port, without notifications.
pub(crate) async fn start(data_dir: &Path, policy: Policy, processors: bool) -> Result<AllInOne, Failure> {
    let deciding = processors.then(|| Deciding::by(policy));
    let config = AllInOneConfig { deciding, notifier: None, notify_from: None, email: None, webhooks: None };
    AllInOne::local(logistics_embedded::Config::new(data_dir), config).await
}

/// The `n`th placement of this run.
pub(crate) fn placement(n: u64) -> Request {
    let now = SystemClock.now();
    let mut random = [0; 10];
    random[2..].copy_from_slice(&n.to_be_bytes());
    let (id, order_id) = (RequestId::generate(now, random), OrderId::generate(now, random));
    Request::new(id, order_id, Actor::Customer, Command::Place(Placement::new()), now)
}

/// Places `count` orders through the bus, and waits until each is durable.
pub(crate) async fn place(
    bus: &Arc<dyn EventBus>,
    from: u64,
    count: u64,
    progress: &Progress,
) -> Result<Vec<OrderId>, Failure> {
    let append = |n: u64| {
        let bus = bus.clone();
        async move {
            let request = placement(n);
            bus.append(&request.order_id, wire::encode_request(&request)).await.map(|_| request.order_id)
        }
    };
    let mut waiting = FuturesUnordered::new();
    let mut placed = Vec::new();
    let mut next = from;
    while (placed.len() as u64) < count {
        while waiting.len() < APPENDS_AT_ONCE && next < from + count {
            waiting.push(append(next));
            next += 1;
        }
        if let Some(appended) = waiting.next().await {
            placed.push(appended.map_err(|error| Failure::refused(error.to_string()))?);
            progress.set(placed.len() as u64);
        }
    }
    Ok(placed)
}

/// The number of records of a topic, in all partitions.
pub(crate) async fn records(bus: &Arc<dyn EventBus>, topic: Topic) -> Result<u64, Failure> {
    let mut records = 0;
    for partition in (0..bus.partitions()).map(Partition) {
        let bounds =
            bus.bounds(topic, partition).await.map_err(|error| Failure::refused(error.to_string()))?;
        records += bounds.end.0;
    }
    Ok(records)
}

/// Waits until a topic has this many records, and returns the time.
pub(crate) async fn reached(
    engine: &Engine,
    topic: Topic,
    count: u64,
    progress: &Progress,
) -> Result<Instant, Failure> {
    let (bus, timeout) = (engine.bus(), Duration::from_secs(60));
    let (mut last, mut moved) = (0, Instant::now());
    loop {
        let now = records(&bus, topic).await?;
        if now >= count {
            return Ok(Instant::now());
        }
        if now > last {
            (last, moved) = (now, Instant::now());
        }
        if moved.elapsed() > timeout {
            return Err(Failure::refused(format!(
                "{} has {now} of {count} records and gets no more",
                topic.name()
            )));
        }
        progress.set(now);
        tokio::time::sleep(POLL).await;
    }
}

/// Stops the app, and checks every invariant and that `orders` orders are delivered.
pub(crate) async fn stop_and_verify(app: AllInOne, data_dir: &Path, orders: u64) -> Result<(), Failure> {
    app.stop().await?;
    let engine = Engine::stopped(data_dir).await?;
    let verified = verify(&engine.bus(), &engine.store(), orders).await;
    engine.close()?;
    verified
}

/// Checks every invariant of the log and the store, and that `orders` orders are delivered. No service may run.
pub(crate) async fn verify(
    bus: &Arc<dyn EventBus>,
    store: &Arc<dyn OrderStore>,
    orders: u64,
) -> Result<(), Failure> {
    let report = audit::run(bus.as_ref(), store.as_ref(), Expect::Drained)
        .await
        .map_err(|error| Failure::refused(error.to_string()))?;
    if (report.orders, report.terminal_orders, report.notifications) == (orders, orders, orders * FACTS) {
        Ok(())
    } else {
        Err(Failure::refused(format!(
            "expected {orders} orders, all delivered and notified; found {report:?}"
        )))
    }
}
