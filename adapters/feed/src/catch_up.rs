//! A subscriber that starts before the position of a partition's reader has its own reader until it has caught up.

use std::sync::Arc;

use futures::stream::TryStreamExt;
use logistics_core::Offset;
use logistics_core::port::{EventBusExt, Topic};

use crate::decoded;
use crate::event::{FeedError, Filter};
use crate::options::READ;
use crate::partition::{Join, PartitionFeed};
use crate::queue::{End, Queue};
use crate::reader::Retries;

/// The catch-up of one subscriber in one partition.
pub(crate) struct CatchUp {
    pub(crate) feed: Arc<PartitionFeed>,
    pub(crate) filter: Filter,
    pub(crate) queue: Arc<Queue>,
    /// All facts before it are queued.
    pub(crate) from: Offset,
}

impl CatchUp {
    /// Reads until the subscriber is attached to the partition's reader or its queue has ended.
    pub(crate) async fn run(mut self) {
        let closed = self.feed.closed.clone();
        let caught_up = tokio::select! {
            biased;
            () = closed.cancelled() => Err(FeedError::ShutDown),
            caught_up = self.catch_up() => caught_up,
        };
        if let Err(error) = caught_up {
            self.queue.end(End::Closed(error));
        }
    }

    /// Each round leaves less to read. The last step attaches at the reader's position, so there is no gap.
    async fn catch_up(&mut self) -> Result<(), FeedError> {
        loop {
            match self.feed.join(&self.filter, &self.queue, self.from) {
                Join::Joined => return Ok(()),
                Join::Behind(end) => self.read_up_to(end).await?,
                Join::NotLive => {
                    self.feed.position().await?;
                }
            }
        }
    }

    async fn read_up_to(&mut self, end: Offset) -> Result<(), FeedError> {
        let feed = Arc::clone(&self.feed);
        let mut retries = Retries::new(&feed);
        loop {
            match self.read(end, &mut retries).await {
                Ok(()) => return Ok(()),
                Err(error) => retries.failed(error).await?,
            }
        }
    }

    async fn read(&mut self, end: Offset, retries: &mut Retries<'_>) -> Result<(), FeedError> {
        let Self { feed, filter, queue, from } = self;
        let mut records = feed.bus.read_range(Topic::Orders, feed.partition, *from..end, READ);
        while let Some(record) = records.try_next().await.map_err(|error| feed.log_error(error))? {
            retries.succeeded();
            if let Some(fact) = decoded::fact(&record, feed.partition)?
                && filter.matches(&fact.fact)
                && !queue.push(&fact).await
            {
                return Ok(());
            }
            *from = record.offset.next();
        }
        *from = end;
        Ok(())
    }
}
