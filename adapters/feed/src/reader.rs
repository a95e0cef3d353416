//! The reader of a partition, and the retries of all reads.

use std::convert::Infallible;
use std::sync::Arc;

use futures::stream::TryStreamExt;
use logistics_core::Offset;
use logistics_core::port::{Batch, PortError, PortErrorKind, Tail, Topic, batches};
use tokio::time::{sleep, sleep_until, timeout};

use crate::decoded;
use crate::event::FeedError;
use crate::options::READ;
use crate::partition::PartitionFeed;

/// Reads for the partition's subscribers until no subscription has needed it for the linger, or until it cannot continue.
pub(crate) async fn run(feed: Arc<PartitionFeed>) {
    loop {
        let error = tokio::select! {
            biased;
            () = feed.closed.cancelled() => Some(FeedError::ShutDown),
            error = read(&feed) => Some(error),
            () = unused(&feed) => None,
        };
        // The tail is closed here, so there are never two. If a new subscription needs the partition, the loop opens another
        // tail at the same position.
        match error {
            Some(error) => return feed.stop(&error),
            None if feed.stop_unused() => return,
            None => {}
        }
    }
}

/// Ends when no subscription has needed the partition for the linger.
async fn unused(feed: &PartitionFeed) {
    loop {
        let changed = feed.users_changed.notified();
        match feed.unused_since() {
            None => changed.await,
            Some(since) => tokio::select! {
                () = sleep_until(since + feed.options.linger()) => return,
                () = changed => {}
            },
        }
    }
}

async fn read(feed: &PartitionFeed) -> FeedError {
    let mut retries = Retries::new(feed);
    loop {
        let Err(error) = read_on(feed, &mut retries).await;
        if let Err(error) = retries.failed(error).await {
            return error;
        }
    }
}

/// Opens the partition and reads from the position of the last attempt, if there was one.
async fn read_on(feed: &PartitionFeed, retries: &mut Retries<'_>) -> Result<Infallible, FeedError> {
    let opened = timeout(feed.options.open_max(), open(feed)).await.unwrap_or_else(|_| Err(late(feed)));
    let mut batches = batches(opened.map_err(|error| feed.log_error(error))?, READ);
    loop {
        let batch = batches.try_next().await.map_err(|error| feed.log_error(error))?;
        let Some(batch) = batch else {
            let text = "the bus ended the read of a partition";
            return Err(feed.log_error(PortError::new(PortErrorKind::Unavailable, text)));
        };
        retries.succeeded();
        distribute(feed, &batch)?;
    }
}

/// The first reader starts at the last record before the end, not at the end. An open transaction may hide records before the
/// end. They are committed after the subscription began, so they belong to it. The read of the last record waits until no
/// record is hidden.
async fn open(feed: &PartitionFeed) -> Result<Box<dyn Tail>, PortError> {
    let from = match feed.reached() {
        Some(reached) => reached,
        None => {
            let bounds = feed.bus.bounds(Topic::Orders, feed.partition).await?;
            if bounds.start >= bounds.end {
                feed.distribute(&[], bounds.end);
            }
            bounds.start.max(Offset(bounds.end.0.saturating_sub(1)))
        }
    };
    feed.bus.tail(Topic::Orders, feed.partition, from).await
}

fn distribute(feed: &PartitionFeed, batch: &Batch) -> Result<(), FeedError> {
    let mut facts = Vec::new();
    for record in &batch.records {
        match decoded::fact(record, feed.partition) {
            Ok(fact) => facts.extend(fact),
            Err(error) => {
                feed.distribute(&facts, record.offset);
                return Err(error);
            }
        }
    }
    feed.distribute(&facts, batch.next);
    Ok(())
}

fn late(feed: &PartitionFeed) -> PortError {
    let text = format!("the bus did not open the partition within {} ms", feed.options.open_ms_max);
    PortError::new(PortErrorKind::Unavailable, text)
}

/// Counts failed reads of a partition, and waits before the next attempt.
pub(crate) struct Retries<'a> {
    feed: &'a PartitionFeed,
    failures: u32,
}

impl<'a> Retries<'a> {
    pub(crate) fn new(feed: &'a PartitionFeed) -> Self {
        Self { feed, failures: 0 }
    }

    pub(crate) fn succeeded(&mut self) {
        self.failures = 0;
    }

    /// Waits until the next attempt.
    ///
    /// # Errors
    /// The same error, if it is not retryable.
    pub(crate) async fn failed(&mut self, error: FeedError) -> Result<(), FeedError> {
        match &error {
            FeedError::Log { partition, error } if error.kind().is_retryable() => {
                let delay = self.feed.options.retry_delay(self.failures);
                self.failures = self.failures.saturating_add(1);
                let (partition, retry_in_ms) = (partition.0, delay.as_millis());
                tracing::warn!(partition, %error, retry_in_ms, "failed to read the orders; retrying");
                sleep(delay).await;
                Ok(())
            }
            _ => Err(error),
        }
    }
}
