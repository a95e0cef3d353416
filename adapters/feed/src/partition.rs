//! One partition of the hub: how far it was read, and for which subscribers.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use logistics_core::port::{EventBus, PortError};
use logistics_core::{Offset, Partition};
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::event::{FeedError, Filter, LoggedFact};
use crate::members::Members;
use crate::options::HubOptions;
use crate::queue::Queue;
use crate::reader;

pub(crate) struct PartitionFeed {
    pub(crate) bus: Arc<dyn EventBus>,
    pub(crate) partition: Partition,
    pub(crate) options: HubOptions,
    /// The hub is closed.
    pub(crate) closed: CancellationToken,
    /// The first subscriber came or the last one went.
    pub(crate) users_changed: Notify,
    state: Mutex<State>,
}

struct State {
    phase: Phase,
    /// Subscriptions that need the partition, whether they have caught up or not.
    users: usize,
    /// When the last of them went.
    unused_since: Instant,
    members: Members,
}

enum Phase {
    Stopped,
    /// A reader looks where it starts. These wait for the position.
    Starting(Vec<oneshot::Sender<Result<Offset, FeedError>>>),
    /// A reader has given the members everything before the offset.
    Live(Offset),
}

/// What became of a subscriber that wants to join the members.
pub(crate) enum Join {
    /// It is a member, or its queue has ended.
    Joined,
    /// The reader is further: the subscriber has to read up to here by itself.
    Behind(Offset),
    /// No reader has a position.
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
            members: Members::default(),
        };
        Self { bus, partition, options, closed, users_changed: Notify::new(), state: Mutex::new(state) }
    }

    /// One more subscription needs the partition, until [`Self::leave`].
    pub(crate) fn enter(&self) {
        self.lock().users += 1;
        self.users_changed.notify_one();
    }

    pub(crate) fn leave(&self, filter: &Filter, queue: &Arc<Queue>) {
        let mut state = self.lock();
        state.members.remove(filter, queue);
        state.users -= 1;
        state.unused_since = Instant::now();
        drop(state);
        self.users_changed.notify_one();
    }

    /// Where the reader is; starts one where there is none. Needs a tokio runtime.
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

    /// Makes a subscriber that has everything before `from` a member, in one step with the reader's position.
    pub(crate) fn join(&self, filter: &Filter, queue: &Arc<Queue>, from: Offset) -> Join {
        let mut state = self.lock();
        match state.phase {
            // A subscription that was dropped has left before its queue is looked at here.
            Phase::Live(_) if queue.has_ended() => Join::Joined,
            Phase::Live(next) if from < next => Join::Behind(next),
            Phase::Live(_) => {
                state.members.add(filter, Arc::clone(queue), from);
                Join::Joined
            }
            Phase::Stopped | Phase::Starting(_) => Join::NotLive,
        }
    }

    /// Where the reader goes on, unless it has no position yet.
    pub(crate) fn reached(&self) -> Option<Offset> {
        match self.lock().phase {
            Phase::Live(next) => Some(next),
            Phase::Stopped | Phase::Starting(_) => None,
        }
    }

    /// Gives facts to the members. `next` is where the reader goes on.
    pub(crate) fn distribute(&self, facts: &[Arc<LoggedFact>], next: Offset) {
        let mut state = self.lock();
        if let Phase::Starting(waiting) = std::mem::replace(&mut state.phase, Phase::Live(next)) {
            for sender in waiting {
                // A subscription that was dropped meanwhile needs no position.
                let _ = sender.send(Ok(next));
            }
        }
        for fact in facts {
            state.members.offer(fact);
        }
    }

    /// Since when no subscription needs the partition.
    pub(crate) fn unused_since(&self) -> Option<Instant> {
        let state = self.lock();
        (state.users == 0).then_some(state.unused_since)
    }

    /// The reader ends where no subscription needs it. False where one does.
    pub(crate) fn stop_unused(&self) -> bool {
        let mut state = self.lock();
        if state.users > 0 {
            return false;
        }
        state.phase = Phase::Stopped;
        true
    }

    /// The reader ends with an error, and with it all subscriptions.
    pub(crate) fn stop(&self, error: &FeedError) {
        let mut state = self.lock();
        state.members.close(error);
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
