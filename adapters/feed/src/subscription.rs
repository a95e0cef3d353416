//! What one subscriber holds.

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

/// The facts that pass a filter, as a stream. The events of one partition come in the log's order; those of different
/// partitions have no order.
///
/// The stream ends behind [`FeedEvent::Lagged`] or [`FeedEvent::Closed`]. Dropping it ends the subscription.
#[must_use = "a subscription that is dropped ends"]
pub struct Subscription {
    queue: Arc<Queue>,
    positions: Positions,
    ended: bool,
    /// Those that have not caught up yet. Dropping the set aborts them.
    _catching_up: JoinSet<()>,
    _places: Vec<Place>,
}

/// Keeps the reader of one partition for a subscription.
pub(crate) struct Place {
    pub(crate) feed: Arc<PartitionFeed>,
    filter: Filter,
    queue: Arc<Queue>,
}

impl Place {
    pub(crate) fn take(feed: &Arc<PartitionFeed>, filter: &Filter, queue: &Arc<Queue>) -> Self {
        feed.enter();
        Self { feed: Arc::clone(feed), filter: filter.clone(), queue: Arc::clone(queue) }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.feed.leave(&self.filter, &self.queue);
    }
}

impl Subscription {
    pub(crate) fn start(queue: Arc<Queue>, places: Vec<Place>, positions: Positions) -> Self {
        let mut catching_up = JoinSet::new();
        for place in &places {
            let from = positions.get(&place.feed.partition).copied().unwrap_or_default();
            if !matches!(place.feed.join(&place.filter, &queue, from), Join::Joined) {
                let (feed, filter) = (Arc::clone(&place.feed), place.filter.clone());
                catching_up.spawn(CatchUp { feed, filter, queue: Arc::clone(&queue), from }.run());
            }
        }
        Self { queue, positions, ended: false, _catching_up: catching_up, _places: places }
    }

    /// Where to go on behind the facts that this stream has yielded: a later [`Hub::subscribe_from`] yields the next ones.
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
            // Everything that was queued was yielded, and nothing was queued since: the positions have no gap.
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
    /// Before the places are given up: a partition that is being joined right now then refuses the queue.
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
