//! The hub.

use std::fmt;
use std::sync::Arc;

use futures::future::try_join_all;
use logistics_core::port::EventBus;
use logistics_core::{Partition, partition_of};
use tokio_util::sync::CancellationToken;

use crate::event::{FeedError, Filter, Positions};
use crate::options::HubOptions;
use crate::partition::PartitionFeed;
use crate::queue::Queue;
use crate::subscription::{ReaderGuard, Subscription};

/// Reads each partition of the topic `orders` once for all subscribers of this process, and decodes each fact once.
///
/// Clones share the hub. A reader starts with the first subscription that needs its partition, and ends when no subscription
/// has needed it for [`HubOptions::linger_ms`].
#[derive(Clone)]
pub struct Hub {
    feeds: Arc<[Arc<PartitionFeed>]>,
    pub(crate) options: HubOptions,
    pub(crate) closed: CancellationToken,
}

impl Hub {
    /// A hub on this bus. It makes no call before the first subscription.
    #[must_use]
    pub fn new(bus: Arc<dyn EventBus>, options: HubOptions) -> Self {
        let closed = CancellationToken::new();
        let feed = |partition| PartitionFeed::new(bus.clone(), partition, options, closed.clone());
        let feeds = (0..bus.partitions()).map(|partition| Arc::new(feed(Partition(partition)))).collect();
        Self { feeds, options, closed }
    }

    /// Subscribes to every fact that becomes visible after this call has returned. The first facts may be slightly older.
    ///
    /// A document may lag behind the log. A caller that loads the order's document afterwards drops facts up to the document's
    /// version. If the first fact is not the next version, the caller loads the document again.
    ///
    /// Waits while the log is unavailable or an open transaction hides its last record; the caller limits the wait. Can be
    /// cancelled.
    ///
    /// # Errors
    /// [`FeedError`] if the log cannot be read and the error is not retryable.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub async fn subscribe(&self, filter: Filter) -> Result<Subscription, FeedError> {
        self.subscribe_from(filter, &Positions::new()).await
    }

    /// Subscribes from these positions, without a gap and without a repetition. A partition without a position starts
    /// now, as in [`subscribe`](Hub::subscribe). Positions of partitions that the filter does not need are ignored.
    ///
    /// A partition that starts before its reader's position is read for this subscription alone until it has caught up. That
    /// read waits for a slow subscriber, so the subscriber lags only after it has caught up.
    ///
    /// # Errors
    /// As for [`subscribe`](Hub::subscribe). A position before the log's start is no error here: the subscription ends with
    /// [`FeedEvent::Closed`](crate::FeedEvent::Closed) and `Truncated`.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub async fn subscribe_from(&self, filter: Filter, from: &Positions) -> Result<Subscription, FeedError> {
        if self.closed.is_cancelled() {
            return Err(FeedError::ShutDown);
        }
        let queue = Arc::new(Queue::new(&self.options));
        // First, because readers do not end while a guard exists.
        let guards: Vec<ReaderGuard> =
            self.feeds_of(&filter).iter().map(|feed| ReaderGuard::new(feed, &filter, &queue)).collect();
        let starts = guards.iter().map(|guard| async {
            let partition = guard.feed.partition;
            let start = match from.get(&partition) {
                Some(from) => *from,
                None => guard.feed.position().await?,
            };
            Ok((partition, start))
        });
        let positions = try_join_all(starts).await?.into_iter().collect();
        Ok(Subscription::start(queue, guards, positions))
    }

    /// The number of partitions that have a reader now, for health and tests.
    #[must_use]
    pub fn readers(&self) -> usize {
        self.feeds.iter().filter(|feed| feed.has_reader()).count()
    }

    /// Ends every reader and every subscription. A subscription yields its queued facts, then [`FeedError::ShutDown`]. Later
    /// subscriptions fail with the same error.
    pub fn close(&self) {
        self.closed.cancel();
    }

    fn feeds_of(&self, filter: &Filter) -> &[Arc<PartitionFeed>] {
        match filter {
            Filter::All => &self.feeds,
            Filter::Order(order_id) => {
                let home = partition_of(order_id, self.feeds.len() as u32).0 as usize;
                &self.feeds[home..=home]
            }
        }
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub")
            .field("partitions", &self.feeds.len())
            .field("readers", &self.readers())
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
