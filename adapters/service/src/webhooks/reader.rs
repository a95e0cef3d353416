//! Readers of a topic of webhooks: one for each partition. Each folds the records of its partition in their order, and follows it.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use futures::TryStreamExt;
use logistics_core::port::{
    Bounds, EventBus, EventBusExt, LogRecord, PortError, PortErrorKind, ReadLimit, Topic,
};
use logistics_core::{Backoff, Offset, Partition};
use tokio_util::task::AbortOnDropHandle;

use super::outage::Outage;

/// The limit of one read of a partition.
const READ: ReadLimit = ReadLimit { records: 1000, bytes: 1024 * 1024 };
/// The wait before a failed read is repeated.
const RETRY: Backoff = Backoff { delay_ms_min: 100, delay_ms_max: 5_000, jitter_percent: 20 };

/// What the records of a topic are folded into.
pub(super) trait TopicFold: Send + Sync + 'static {
    const TOPIC: Topic;

    /// Where to read on in a partition with these bounds. `next`: behind the records that are folded; `None`: nothing was read.
    fn start(&self, partition: Partition, bounds: Bounds, next: Option<Offset>) -> Offset;

    /// Folds a record. `Break` ends the reader for good.
    fn fold(&self, partition: Partition, record: &LogRecord) -> ControlFlow<()>;

    /// Everything before `next` is folded. `caught_up`: this is everything that was there when the read began.
    fn progressed(&self, partition: Partition, next: Offset, caught_up: bool);
}

/// Starts one reader for each partition. A reader ends with the drop of its handle, or with [`TopicFold::fold`].
pub(super) fn start<F: TopicFold>(fold: &Arc<F>, bus: &Arc<dyn EventBus>) -> Vec<AbortOnDropHandle<()>> {
    let outage = Arc::new(Outage::of(F::TOPIC));
    let reader = |partition| {
        let reader = follow(fold.clone(), bus.clone(), Partition(partition), outage.clone());
        AbortOnDropHandle::new(tokio::spawn(reader))
    };
    (0..bus.partitions()).map(reader).collect()
}

async fn follow<F: TopicFold>(
    fold: Arc<F>,
    bus: Arc<dyn EventBus>,
    partition: Partition,
    outage: Arc<Outage>,
) {
    let (mut failures, mut next) = (0, None);
    loop {
        let before = next;
        let Err(error) = read(fold.as_ref(), bus.as_ref(), partition, &mut next).await else { return };
        failures = if next > before { 0 } else { failures };
        let delay: Duration = RETRY.delay(failures, rand::random());
        failures = failures.saturating_add(1);
        outage.failed(partition, &error);
        tokio::time::sleep(delay).await;
    }
}

/// Returns `Ok` if the fold ends the reader.
async fn read<F: TopicFold>(
    fold: &F,
    bus: &dyn EventBus,
    partition: Partition,
    next: &mut Option<Offset>,
) -> Result<(), PortError> {
    let bounds = bus.bounds(F::TOPIC, partition).await?;
    let from = fold.start(partition, bounds, *next);
    *next = Some(from);
    fold.progressed(partition, from, from >= bounds.end);
    let mut batches = bus.follow_batches(F::TOPIC, partition, from, READ);
    while let Some(batch) = batches.try_next().await? {
        for record in &batch.records {
            if fold.fold(partition, record).is_break() {
                return Ok(());
            }
        }
        *next = Some(batch.next);
        fold.progressed(partition, batch.next, batch.next >= bounds.end);
    }
    Err(PortError::new(PortErrorKind::Unavailable, "the bus ended the read of a partition"))
}
