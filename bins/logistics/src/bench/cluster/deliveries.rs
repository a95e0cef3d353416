//! Orders that are delivered, counted in the log.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::future::{BoxFuture, FutureExt, select_all};
use futures::stream::StreamExt;
use logistics_cli_kit::Failure;
use logistics_core::port::{Batches, EventBus, LogRecord};
use logistics_core::{OrderId, Partition};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::bench::progress::Progress;
use crate::bench::steady::follow_batches;

/// The type of the fact.
const DELIVERED: &str = "logistics.order.delivered";
/// Orders of a partition whose documents are looked for afterwards: those that were delivered last.
const LATEST: usize = 8;
const PATIENCE: Duration = Duration::from_secs(120);

/// Follows the log of the orders from where it ends now, and counts. Nothing is decoded: whoever measures shares the machine
/// with what is measured.
pub(super) struct Deliveries(mpsc::UnboundedReceiver<Counted>);

/// What one read brought.
struct Counted {
    partition: Partition,
    at: Instant,
    count: u64,
    latest: Vec<Bytes>,
}

/// When orders were delivered, and which were the last.
pub(super) struct Delivered {
    pub(super) first: Instant,
    pub(super) last: Instant,
    /// Of each partition.
    pub(super) latest: Vec<OrderId>,
}

impl Deliveries {
    /// # Errors
    /// One sentence, where the log cannot be read.
    pub(super) async fn follow(bus: &Arc<dyn EventBus>) -> Result<Self, Failure> {
        let (tell, told) = mpsc::unbounded_channel();
        let mut counting: Vec<BoxFuture<'static, ()>> = Vec::new();
        for (partition, batches) in follow_batches(bus).await? {
            counting.push(count(partition, batches, tell.clone()).boxed());
        }
        // One that ends has nobody to tell any more.
        tokio::spawn(select_all(counting).map(drop));
        Ok(Self(told))
    }

    /// Waits until this many are delivered.
    ///
    /// # Errors
    /// One sentence, where none was for a while.
    pub(super) async fn wait(mut self, orders: u64, what: &str) -> Result<Delivered, Failure> {
        let progress = Progress::new(what, orders);
        let (mut count, mut first, mut latest) = (0, None, BTreeMap::new());
        loop {
            let counted = timeout(PATIENCE, self.0.recv()).await.ok().flatten().ok_or_else(|| {
                Failure::refused(format!("{count} of {orders} orders were delivered, and then none"))
            })?;
            count += counted.count;
            first.get_or_insert(counted.at);
            latest.insert(counted.partition, counted.latest);
            progress.set(count);
            if let Some(first) = first
                && count >= orders
            {
                let latest = latest.into_values().flatten().filter_map(|key| order_id(&key)).collect();
                return Ok(Delivered { first, last: counted.at, latest });
            }
        }
    }
}

fn order_id(key: &Bytes) -> Option<OrderId> {
    OrderId::parse(std::str::from_utf8(key).ok()?).ok()
}

async fn count(partition: Partition, batches: Batches<'static>, tell: mpsc::UnboundedSender<Counted>) {
    let mut batches = pin!(batches.take_until(tell.closed()));
    while let Some(Ok(batch)) = batches.next().await {
        let at = Instant::now();
        let delivered: Vec<&LogRecord> = batch.records.iter().filter(|record| is_delivered(record)).collect();
        let keys = delivered.iter().rev().take(LATEST).filter_map(|record| record.key.clone());
        let counted = Counted { partition, at, count: delivered.len() as u64, latest: keys.collect() };
        if counted.count > 0 && tell.send(counted).is_err() {
            return;
        }
    }
}

fn is_delivered(record: &LogRecord) -> bool {
    std::str::from_utf8(&record.payload).is_ok_and(|payload| payload.contains(DELIVERED))
}
