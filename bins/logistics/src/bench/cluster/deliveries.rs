//! Counts delivered orders in the log.

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

/// The type of the counted fact.
const DELIVERED: &str = "logistics.order.delivered";
/// The last delivered orders of a partition, whose documents are checked afterwards.
const LATEST: usize = 8;
const TIMEOUT: Duration = Duration::from_secs(120);

/// Counts new DELIVERED facts. It decodes no record, because it shares the machine with the measured services.
pub(super) struct Deliveries(mpsc::UnboundedReceiver<Counted>);

/// The result of one read.
struct Counted {
    partition: Partition,
    at: Instant,
    count: u64,
    latest: Vec<Bytes>,
}

/// The times of the first and the last delivery, and the last delivered orders.
pub(super) struct Delivered {
    pub(super) first: Instant,
    pub(super) last: Instant,
    /// The last delivered orders of each partition.
    pub(super) latest: Vec<OrderId>,
}

impl Deliveries {
    /// # Errors
    /// One sentence, if the log cannot be read.
    pub(super) async fn follow(bus: &Arc<dyn EventBus>) -> Result<Self, Failure> {
        let (sender, receiver) = mpsc::unbounded_channel();
        let mut counting: Vec<BoxFuture<'static, ()>> = Vec::new();
        for (partition, batches) in follow_batches(bus).await? {
            counting.push(count(partition, batches, sender.clone()).boxed());
        }
        // A reader ends only after the receiver was dropped.
        tokio::spawn(select_all(counting).map(drop));
        Ok(Self(receiver))
    }

    /// Waits until this many orders are delivered.
    ///
    /// # Errors
    /// One sentence, if no order was delivered within 120 s.
    pub(super) async fn wait(mut self, orders: u64, what: &str) -> Result<Delivered, Failure> {
        let progress = Progress::new(what, orders);
        let (mut count, mut first, mut latest) = (0, None, BTreeMap::new());
        loop {
            let counted = timeout(TIMEOUT, self.0.recv()).await.ok().flatten().ok_or_else(|| {
                Failure::refused(format!(
                    "only {count} of {orders} orders were delivered; none for {} s",
                    TIMEOUT.as_secs()
                ))
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

async fn count(partition: Partition, batches: Batches<'static>, sender: mpsc::UnboundedSender<Counted>) {
    let mut batches = pin!(batches.take_until(sender.closed()));
    while let Some(Ok(batch)) = batches.next().await {
        let at = Instant::now();
        let delivered: Vec<&LogRecord> = batch.records.iter().filter(|record| is_delivered(record)).collect();
        let keys = delivered.iter().rev().take(LATEST).filter_map(|record| record.key.clone());
        let counted = Counted { partition, at, count: delivered.len() as u64, latest: keys.collect() };
        if counted.count > 0 && sender.send(counted).is_err() {
            return;
        }
    }
}

fn is_delivered(record: &LogRecord) -> bool {
    std::str::from_utf8(&record.payload).is_ok_and(|payload| payload.contains(DELIVERED))
}
