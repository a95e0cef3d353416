//! The queue of one subscriber.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::sync::Notify;

use crate::event::{FeedError, LoggedFact};
use crate::options::HubOptions;

/// Why a queue ended.
#[derive(Debug, Clone)]
pub(crate) enum End {
    Lagged,
    Closed(FeedError),
}

/// The next item of a queue.
pub(crate) enum Taken {
    Fact(Arc<LoggedFact>),
    /// All queued facts are taken.
    End(End),
}

/// A bounded queue with one subscriber and a writer for each partition.
#[derive(Debug)]
pub(crate) struct Queue {
    state: Mutex<State>,
    /// The subscriber took a fact, or the queue ended.
    taken: Notify,
    facts_max: usize,
    bytes_max: usize,
}

#[derive(Debug, Default)]
struct State {
    facts: VecDeque<Arc<LoggedFact>>,
    bytes: usize,
    end: Option<End>,
    subscriber: Option<Waker>,
}

impl Queue {
    pub(crate) fn new(options: &HubOptions) -> Self {
        Self {
            state: Mutex::default(),
            taken: Notify::new(),
            facts_max: options.queue_facts_max.max(2),
            bytes_max: options.queue_bytes_max,
        }
    }

    /// Queues a fact without a wait. A full queue ends, because its subscriber has fallen behind. Returns false if the queue
    /// has ended.
    pub(crate) fn offer(&self, fact: &Arc<LoggedFact>) -> bool {
        let mut state = self.lock();
        if state.end.is_some() {
            return false;
        }
        if state.has_room(fact, self.facts_max, self.bytes_max) {
            state.push(fact);
        } else {
            state.end = Some(End::Lagged);
        }
        let (open, subscriber) = (state.end.is_none(), state.subscriber.take());
        drop(state);
        if !open {
            self.taken.notify_waiters();
        }
        subscriber.into_iter().for_each(Waker::wake);
        open
    }

    /// Queues a fact once half of the queue is free. The other half is for the facts of other partitions, which do not wait.
    /// Returns false if the queue has ended.
    pub(crate) async fn push(&self, fact: &Arc<LoggedFact>) -> bool {
        loop {
            // Registered before the check, so that no wake-up is missed.
            let taken = self.taken.notified();
            if let Some(open) = self.try_push(fact) {
                return open;
            }
            taken.await;
        }
    }

    /// `None` if the fact has to wait.
    fn try_push(&self, fact: &Arc<LoggedFact>) -> Option<bool> {
        let mut state = self.lock();
        if state.end.is_some() {
            return Some(false);
        }
        if !state.has_room(fact, self.facts_max / 2, self.bytes_max / 2) {
            return None;
        }
        state.push(fact);
        let subscriber = state.subscriber.take();
        drop(state);
        subscriber.into_iter().for_each(Waker::wake);
        Some(true)
    }

    /// Ends the queue behind its queued facts.
    pub(crate) fn end(&self, end: End) {
        let mut state = self.lock();
        state.end.get_or_insert(end);
        let subscriber = state.subscriber.take();
        drop(state);
        self.taken.notify_waiters();
        subscriber.into_iter().for_each(Waker::wake);
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.lock().end.is_some()
    }

    pub(crate) fn poll(&self, context: &Context<'_>) -> Poll<Taken> {
        let mut state = self.lock();
        if let Some(fact) = state.facts.pop_front() {
            state.bytes -= fact.bytes;
            drop(state);
            self.taken.notify_waiters();
            return Poll::Ready(Taken::Fact(fact));
        }
        if let Some(end) = &state.end {
            return Poll::Ready(Taken::End(end.clone()));
        }
        state.subscriber = Some(context.waker().clone());
        Poll::Pending
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No step panics between two changes that belong together.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn has_room(&self, fact: &LoggedFact, facts_max: usize, bytes_max: usize) -> bool {
        self.facts.is_empty()
            || self.facts.len() < facts_max && self.bytes.saturating_add(fact.bytes) <= bytes_max
    }

    fn push(&mut self, fact: &Arc<LoggedFact>) {
        self.bytes += fact.bytes;
        self.facts.push_back(Arc::clone(fact));
    }
}
