//! One partition of the hub: its reader's position and its subscribers.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use logistics_core::port::{EventBus, PortError};
use logistics_core::{Offset, Partition};
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::event::{FeedError, Filter, LoggedFact};
use crate::options::HubOptions;
use crate::queue::Queue;
use crate::reader;
use crate::subscribers::Subscribers;

pub(crate) struct PartitionFeed {
    pub(crate) bus: Arc<dyn EventBus>,
    pub(crate) partition: Partition,
    pub(crate) options: HubOptions,
    /// The hub is closed.
    pub(crate) closed: CancellationToken,
    /// The number of subscriptions that need the partition has changed.
    pub(crate) users_changed: Notify,
    state: Mutex<State>,
}

struct State {
    phase: Phase,
    /// The number of subscriptions that need the partition, caught up or not.
    users: usize,
    /// When the last of them ended.
    unused_since: Instant,
    subscribers: Subscribers,
}

enum Phase {
    Stopped,
    /// A reader is finding its start. These wait for the position.
    Starting(Vec<oneshot::Sender<Result<Offset, FeedError>>>),
    /// A reader has queued all facts before the offset.
    Live(Offset),
}

/// The result of attaching a subscriber to the partition's reader.
pub(crate) enum Join {
    /// It is attached, or its queue has ended.
    Joined,
    /// The reader is at this offset: the subscriber first needs the facts before it.
    Behind(Offset),
    /// There is no reader with a position.
    NotLive,
}

impl PartitionFeed {
    pub(crate) fn new(
        bus: Arc<dyn EventBus>,
        partition: Partition,
        options: HubOptions,
        closed: CancellationToken,
    ) -> Self {
        let state = State {
            phase: Phase::Stopped,
            users: 0,
            unused_since: Instant::now(),
            subscribers: Subscribers::default(),
        };
        Self { bus, partition, options, closed, users_changed: Notify::new(), state: Mutex::new(state) }
    }

    /// Counts a subscription that needs the partition, until [`Self::leave`].
    pub(crate) fn enter(&self) {
        self.lock().users += 1;
        self.users_changed.notify_one();
    }

    pub(crate) fn leave(&self, filter: &Filter, queue: &Arc<Queue>) {
        let mut state = self.lock();
        state.subscribers.remove(filter, queue);
        state.users -= 1;
        state.unused_since = Instant::now();
        drop(state);
        self.users_changed.notify_one();
    }

    /// The reader's position. Starts a reader if there is none. Needs a tokio runtime.
    pub(crate) async fn position(self: &Arc<Self>) -> Result<Offset, FeedError> {
        let (sender, receiver) = oneshot::channel();
        {
            let mut state = self.lock();
            match &mut state.phase {
                Phase::Live(next) => return Ok(*next),
                Phase::Starting(waiting) => waiting.push(sender),
                Phase::Stopped => {
                    state.phase = Phase::Starting(vec![sender]);
                    tokio::spawn(reader::run(Arc::clone(self)));
                }
            }
        }
        receiver.await.unwrap_or(Err(FeedError::ShutDown))
    }

    /// Attaches a subscriber that has all facts before `from`, in one step with the reader's position.
    pub(crate) fn join(&self, filter: &Filter, queue: &Arc<Queue>, from: Offset) -> Join {
        let mut state = self.lock();
        match state.phase {
            // A dropped subscription ends its queue before it leaves, so it is never attached after that.
            Phase::Live(_) if queue.has_ended() => Join::Joined,
            Phase::Live(next) if from < next => Join::Behind(next),
            Phase::Live(_) => {
                state.subscribers.add(filter, Arc::clone(queue), from);
                Join::Joined
            }
            Phase::Stopped | Phase::Starting(_) => Join::NotLive,
        }
    }

    /// The reader's position, if it has one.
    pub(crate) fn reached(&self) -> Option<Offset> {
        match self.lock().phase {
            Phase::Live(next) => Some(next),
            Phase::Stopped | Phase::Starting(_) => None,
        }
    }

    /// Queues facts for the subscribers. `next`: the reader's new position.
    pub(crate) fn distribute(&self, facts: &[Arc<LoggedFact>], next: Offset) {
        let mut state = self.lock();
        if let Phase::Starting(waiting) = std::mem::replace(&mut state.phase, Phase::Live(next)) {
            for sender in waiting {
                // A subscription that was dropped in the meantime needs no position.
                let _ = sender.send(Ok(next));
            }
        }
        for fact in facts {
            state.subscribers.offer(fact);
        }
    }

    /// The time since which no subscription needs the partition.
    pub(crate) fn unused_since(&self) -> Option<Instant> {
        let state = self.lock();
        (state.users == 0).then_some(state.unused_since)
    }

    /// Stops the reader and returns true, unless a subscription needs it.
    pub(crate) fn stop_unused(&self) -> bool {
        let mut state = self.lock();
        if state.users > 0 {
            return false;
        }
        state.phase = Phase::Stopped;
        true
    }

    /// Ends the reader and all subscriptions with an error.
    pub(crate) fn stop(&self, error: &FeedError) {
        let mut state = self.lock();
        state.subscribers.close(error);
        if let Phase::Starting(waiting) = std::mem::replace(&mut state.phase, Phase::Stopped) {
            for sender in waiting {
                let _ = sender.send(Err(error.clone()));
            }
        }
    }

    pub(crate) fn has_reader(&self) -> bool {
        !matches!(self.lock().phase, Phase::Stopped)
    }

    pub(crate) fn log_error(&self, error: PortError) -> FeedError {
        FeedError::Log { partition: self.partition, error }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No step panics between two changes that belong together.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
