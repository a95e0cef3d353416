//! Whole orders at a steady rate: how long from the request until the order is delivered.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use futures::future::{BoxFuture, FutureExt, select_all};
use futures::stream::StreamExt;
use logistics_core::port::{Batches, EventBus, PortError, ReadLimit, Topic, batches};
use logistics_core::wire::{self, Record};
use logistics_core::{Fact, Partition, Policy, Status};
use serde::Deserialize;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::load::{Wire, post_order};
use super::progress::Progress;
use super::stats::{Figure, Latencies};
use super::world::{start, stop_and_verify};
use super::{BenchArgs, scratch};
use logistics_cli_kit::Failure;

pub(super) const ORDERS_PER_SECOND: u64 = 100;
/// What the figures are called.
pub(super) const WHAT: &str = "whole order at 100/s";
const PATIENCE: Duration = Duration::from_secs(10);

/// From before the request is sent until the fact that the order is delivered can be read from the log.
pub(super) async fn steady(args: &BenchArgs) -> Result<Vec<Figure>, Failure> {
    let (dir, orders) = (scratch()?, args.seconds * ORDERS_PER_SECOND);
    let app = start(dir.path(), Policy::simulate(0), true).await?;
    let latencies = measure(app.engine.bus(), app.addr(), orders).await?;
    stop_and_verify(app, dir.path(), orders).await?;
    Ok(latencies.figures("steady", WHAT))
}

/// How long each of `orders` orders took, which are sent to this API at the rate.
pub(super) async fn measure(
    bus: Arc<dyn EventBus>,
    addr: SocketAddr,
    orders: u64,
) -> Result<Latencies, Failure> {
    let mut facts = follow(bus).await?;
    let sending = send(addr, orders);
    let progress = Progress::new("steady: 100 orders a second", orders);
    let mut delivered: HashMap<String, Instant> = HashMap::new();
    while (delivered.len() as u64) < orders {
        let seen = timeout(PATIENCE, facts.recv()).await.ok().flatten();
        let Seen { fact, at } = seen.ok_or_else(|| Failure::refused("no order was delivered for 10 s"))?;
        if fact.status == Status::Delivered {
            delivered.insert(fact.order_id.to_string(), at);
            progress.set(delivered.len() as u64);
        }
    }
    let sent = sending.await.map_err(|_| Failure::refused("the load ended without a result"))?;
    let sent = sent.map_err(|error| Failure::refused(format!("the load failed: {error}")))?;
    let mut latencies = Latencies::default();
    for (order_id, begun) in sent {
        let at = delivered.get(&order_id);
        latencies.add(*at.ok_or_else(|| Failure::refused(format!("{order_id} was not delivered")))? - begun);
    }
    Ok(latencies)
}

/// A fact, and when it could be read.
pub(super) struct Seen {
    pub(super) fact: Fact,
    pub(super) at: Instant,
}

/// Follows the facts of every partition from where the log ends now, as they come, until the receiver is dropped.
pub(super) async fn follow(bus: Arc<dyn EventBus>) -> Result<mpsc::UnboundedReceiver<Seen>, Failure> {
    let (tell, told) = mpsc::unbounded_channel();
    let mut following: Vec<BoxFuture<'static, ()>> = Vec::new();
    for (partition, batches) in follow_batches(&bus).await? {
        following.push(follow_partition(partition, batches, tell.clone()).boxed());
    }
    // One that ends has nobody to tell any more.
    tokio::spawn(select_all(following).map(drop));
    Ok(told)
}

/// Every partition of the orders, from where it ends now.
pub(super) async fn follow_batches(
    bus: &Arc<dyn EventBus>,
) -> Result<Vec<(Partition, Batches<'static>)>, Failure> {
    let failed = |error: PortError| Failure::of_port("cannot read the log", &error);
    let mut partitions = Vec::new();
    for partition in (0..bus.partitions()).map(Partition) {
        let bounds = bus.bounds(Topic::Orders, partition).await.map_err(failed)?;
        let tail = bus.tail(Topic::Orders, partition, bounds.end).await.map_err(failed)?;
        // Open before the first order is sent.
        partitions.push((partition, batches(tail, LIMIT)));
    }
    Ok(partitions)
}

/// What one read of a partition takes.
const LIMIT: ReadLimit = ReadLimit { records: 1000, bytes: 1 << 20 };

async fn follow_partition(
    partition: Partition,
    batches: Batches<'static>,
    tell: mpsc::UnboundedSender<Seen>,
) {
    let mut batches = pin!(batches.take_until(tell.closed()));
    while let Some(Ok(batch)) = batches.next().await {
        let at = Instant::now();
        for record in batch.records {
            if let Ok(Record::Fact(fact)) = wire::decode(&record, partition)
                && tell.send(Seen { fact, at }).is_err()
            {
                return;
            }
        }
    }
}

type Sent = Vec<(String, Instant)>;

/// Sends one order after the other at the rate, from a thread of its own; answers which, and when each was begun.
fn send(addr: SocketAddr, orders: u64) -> oneshot::Receiver<io::Result<Sent>> {
    let (tell, told) = oneshot::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let _ = tell.send(runtime.and_then(|runtime| runtime.block_on(send_all(addr, orders))));
    });
    told
}

async fn send_all(addr: SocketAddr, orders: u64) -> io::Result<Sent> {
    #[derive(Deserialize)]
    struct Placed {
        order_id: String,
    }
    let mut wire = Wire::open(addr).await?;
    let (first, between) = (Instant::now(), Duration::from_secs(1) / ORDERS_PER_SECOND as u32);
    let mut sent = Vec::new();
    for n in 0..orders {
        // From when it was to be sent: a server that is slow to answer does not get fewer requests.
        let begun = first + between * n as u32;
        // The thread has nothing else to do, and tokio's timers are a millisecond off.
        thread::sleep(begun.saturating_duration_since(Instant::now()));
        let reply = wire.exchange(&post_order()).await?;
        let placed: Placed = serde_json::from_slice(reply.body).map_err(io::Error::other)?;
        sent.push((placed.order_id, begun));
    }
    Ok(sent)
}
