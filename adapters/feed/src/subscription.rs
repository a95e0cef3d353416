//! A subscription: the stream of one subscriber.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures::stream::{FusedStream, Stream};
use tokio::task::JoinSet;

use crate::catch_up::CatchUp;
use crate::event::{FeedEvent, Filter, Positions};
use crate::partition::{Join, PartitionFeed};
use crate::queue::{End, Queue, Taken};

/// A stream of the facts that match a filter. The facts of one partition come in the log's order; facts of different
/// partitions have no order.
///
/// The stream ends behind [`FeedEvent::Lagged`] or [`FeedEvent::Closed`]. Dropping it ends the subscription.
#[must_use = "a subscription that is dropped ends"]
pub struct Subscription {
    queue: Arc<Queue>,
    positions: Positions,
    ended: bool,
    /// The partitions that have not caught up yet. Dropping the set aborts their reads.
    _catching_up: JoinSet<()>,
    _guards: Vec<ReaderGuard>,
}

/// Keeps the reader of one partition running for a subscription.
pub(crate) struct ReaderGuard {
    pub(crate) feed: Arc<PartitionFeed>,
    filter: Filter,
    queue: Arc<Queue>,
}

impl ReaderGuard {
    pub(crate) fn new(feed: &Arc<PartitionFeed>, filter: &Filter, queue: &Arc<Queue>) -> Self {
        feed.enter();
        Self { feed: Arc::clone(feed), filter: filter.clone(), queue: Arc::clone(queue) }
    }
}

impl Drop for ReaderGuard {
    fn drop(&mut self) {
        self.feed.leave(&self.filter, &self.queue);
    }
}

impl Subscription {
    pub(crate) fn start(queue: Arc<Queue>, guards: Vec<ReaderGuard>, positions: Positions) -> Self {
        let mut catching_up = JoinSet::new();
        for guard in &guards {
            let from = positions.get(&guard.feed.partition).copied().unwrap_or_default();
            if !matches!(guard.feed.join(&guard.filter, &queue, from), Join::Joined) {
                let (feed, filter) = (Arc::clone(&guard.feed), guard.filter.clone());
                catching_up.spawn(CatchUp { feed, filter, queue: Arc::clone(&queue), from }.run());
            }
        }
        Self { queue, positions, ended: false, _catching_up: catching_up, _guards: guards }
    }

    /// The positions behind the yielded facts. A later [`Hub::subscribe_from`] continues with the next facts.
    ///
    /// [`Hub::subscribe_from`]: crate::Hub::subscribe_from
    #[must_use]
    pub fn positions(&self) -> &Positions {
        &self.positions
    }
}

impl Stream for Subscription {
    type Item = FeedEvent;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<FeedEvent>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let event = match ready!(self.queue.poll(context)) {
            Taken::Fact(fact) => {
                self.positions.insert(fact.partition, fact.offset.next());
                return Poll::Ready(Some(FeedEvent::Fact(fact)));
            }
            // All queued facts were yielded and no fact was queued since, so the positions have no gap.
            Taken::End(End::Lagged) => FeedEvent::Lagged { resume_from: self.positions.clone() },
            Taken::End(End::Closed(error)) => FeedEvent::Closed(error),
        };
        self.ended = true;
        Poll::Ready(Some(event))
    }
}

impl FusedStream for Subscription {
    fn is_terminated(&self) -> bool {
        self.ended
    }
}

impl Drop for Subscription {
    /// Ends the queue before the guards are dropped, so that a partition that is being attached rejects it.
    fn drop(&mut self) {
        self.queue.end(End::Lagged);
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { positions, ended, .. } = self;
        f.debug_struct("Subscription")
            .field("positions", positions)
            .field("ended", ended)
            .finish_non_exhaustive()
    }
}
