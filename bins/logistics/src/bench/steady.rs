//! Latency of whole orders at a steady rate, from the request to DELIVERED.

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

use super::fixture::{start, stop_and_verify};
use super::load::{HttpConnection, post_order};
use super::progress::Progress;
use super::stats::{Figure, Latencies};
use super::{BenchArgs, scratch};
use logistics_cli_kit::Failure;

pub(super) const ORDERS_PER_SECOND: u64 = 100;
/// The name of the figures.
pub(super) const WHAT: &str = "whole order at 100/s";
const TIMEOUT: Duration = Duration::from_secs(10);

/// Measures from before the request is sent until the DELIVERED fact can be read from the log.
pub(super) async fn steady(args: &BenchArgs) -> Result<Vec<Figure>, Failure> {
    let (dir, orders) = (scratch()?, args.seconds * ORDERS_PER_SECOND);
    let app = start(dir.path(), Policy::simulate(0), true).await?;
    let latencies = measure(app.engine.bus(), app.addr(), orders).await?;
    stop_and_verify(app, dir.path(), orders).await?;
    Ok(latencies.figures("steady", WHAT))
}

/// Sends `orders` orders to this API at the rate, and measures each.
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
        let seen = timeout(TIMEOUT, facts.recv()).await.ok().flatten();
        let ObservedFact { fact, at } =
            seen.ok_or_else(|| Failure::refused("no order was delivered for 10 s"))?;
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

/// A fact and the time at which it was read.
pub(super) struct ObservedFact {
    pub(super) fact: Fact,
    pub(super) at: Instant,
}

/// Follows the new facts of every partition until the receiver is dropped.
pub(super) async fn follow(bus: Arc<dyn EventBus>) -> Result<mpsc::UnboundedReceiver<ObservedFact>, Failure> {
    let (sender, receiver) = mpsc::unbounded_channel();
    let mut following: Vec<BoxFuture<'static, ()>> = Vec::new();
    for (partition, batches) in follow_batches(&bus).await? {
        following.push(follow_partition(partition, batches, sender.clone()).boxed());
    }
    // A reader ends only after the receiver was dropped.
    tokio::spawn(select_all(following).map(drop));
    Ok(receiver)
}

/// The batches of every partition of the orders, from its current end.
pub(super) async fn follow_batches(
    bus: &Arc<dyn EventBus>,
) -> Result<Vec<(Partition, Batches<'static>)>, Failure> {
    let failed = |error: PortError| Failure::of_port("cannot read the log", &error);
    let mut partitions = Vec::new();
    for partition in (0..bus.partitions()).map(Partition) {
        let bounds = bus.bounds(Topic::Orders, partition).await.map_err(failed)?;
        let tail = bus.tail(Topic::Orders, partition, bounds.end).await.map_err(failed)?;
        // Opened before the first order is sent.
        partitions.push((partition, batches(tail, LIMIT)));
    }
    Ok(partitions)
}

/// The size of one read.
const LIMIT: ReadLimit = ReadLimit { records: 1000, bytes: 1 << 20 };

async fn follow_partition(
    partition: Partition,
    batches: Batches<'static>,
    sender: mpsc::UnboundedSender<ObservedFact>,
) {
    let mut batches = pin!(batches.take_until(sender.closed()));
    while let Some(Ok(batch)) = batches.next().await {
        let at = Instant::now();
        for record in batch.records {
            if let Ok(Record::Fact(fact)) = wire::decode(&record, partition)
                && sender.send(ObservedFact { fact, at }).is_err()
            {
                return;
            }
        }
    }
}

type Sent = Vec<(String, Instant)>;

/// Sends orders at the rate from a separate thread, and returns each id with its start time.
fn send(addr: SocketAddr, orders: u64) -> oneshot::Receiver<io::Result<Sent>> {
    let (sender, receiver) = oneshot::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let _ = sender.send(runtime.and_then(|runtime| runtime.block_on(send_all(addr, orders))));
    });
    receiver
}

async fn send_all(addr: SocketAddr, orders: u64) -> io::Result<Sent> {
    #[derive(Deserialize)]
    struct Placed {
        order_id: String,
    }
    let mut connection = HttpConnection::open(addr).await?;
    let (first, between) = (Instant::now(), Duration::from_secs(1) / ORDERS_PER_SECOND as u32);
    let mut sent = Vec::new();
    for n in 0..orders {
        // The scheduled time, so that a slow server does not hide its own latency.
        let begun = first + between * n as u32;
        // The thread does nothing else, and tokio's timers are a millisecond too coarse.
        thread::sleep(begun.saturating_duration_since(Instant::now()));
        let reply = connection.exchange(&post_order()).await?;
        let placed: Placed = serde_json::from_slice(reply.body).map_err(io::Error::other)?;
        sent.push((placed.order_id, begun));
    }
    Ok(sent)
}
