//! Outcomes that somebody waits for.
//!
//! They stand in memory only: whoever waits for one does so in this process, so after a crash there is nobody left to
//! tell. A client that asks again is answered from the log, by the outcome of its second request.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use logistics_core::limits::OUTCOME_KEPT_MS;
use logistics_core::{Partition, RequestId, RequestOutcome};
use tokio::sync::Notify;

use crate::limits::OUTCOMES_MAX;

type Key = (Partition, RequestId);

/// The outcomes of the last few minutes, and who waits for others.
#[derive(Debug, Default)]
pub(crate) struct Outcomes(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    known: HashMap<Key, RequestOutcome>,
    /// When each known one goes, the next first.
    expiries: VecDeque<(Instant, Key)>,
    waiting: HashMap<Key, Arc<Notify>>,
    closed: bool,
}

impl Outcomes {
    /// Takes outcomes in, and wakes whoever waits for them.
    pub(crate) fn insert(&self, outcomes: impl IntoIterator<Item = (Partition, RequestId, RequestOutcome)>) {
        let now = Instant::now();
        let expiry = now + Duration::from_millis(OUTCOME_KEPT_MS);
        let mut inner = self.lock();
        inner.expire(now);
        for (partition, request, verdict) in outcomes {
            let key = (partition, request);
            if let Some(waiters) = inner.waiting.remove(&key) {
                waiters.notify_waiters();
            }
            // A second write of the same outcome keeps the first one's expiry.
            if inner.known.insert(key.clone(), verdict).is_none() {
                inner.expiries.push_back((expiry, key));
            }
        }
    }

    /// Removes a partition's outcomes.
    pub(crate) fn forget(&self, partition: Partition) {
        let mut inner = self.lock();
        inner.known.retain(|(of, _), _| *of != partition);
        inner.expiries.retain(|(_, (of, _))| *of != partition);
    }

    /// Waits for an outcome; `None` when the engine was closed.
    pub(crate) async fn wait(&self, partition: Partition, request: &RequestId) -> Option<RequestOutcome> {
        let key = (partition, request.clone());
        loop {
            let waiter = {
                let mut inner = self.lock();
                if let Some(verdict) = inner.known.get(&key) {
                    return Some(verdict.clone());
                }
                if inner.closed {
                    return None;
                }
                let notify = inner.waiting.entry(key.clone()).or_default().clone();
                Waiter { outcomes: self, key: &key, notify }
            };
            let mut notified = std::pin::pin!(waiter.notify.notified());
            notified.as_mut().enable();
            // It may have come between the look and the registration.
            let settled = {
                let inner = self.lock();
                inner.closed || inner.known.contains_key(&key)
            };
            if !settled {
                notified.await;
            }
        }
    }

    /// Wakes everybody for good.
    pub(crate) fn close(&self) {
        let mut inner = self.lock();
        inner.closed = true;
        for (_, notify) in inner.waiting.drain() {
            notify.notify_waiters();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn expire(&mut self, now: Instant) {
        while let Some((expiry, _)) = self.expiries.front() {
            if *expiry > now && self.expiries.len() < OUTCOMES_MAX {
                break;
            }
            if let Some((_, key)) = self.expiries.pop_front() {
                self.known.remove(&key);
            }
        }
    }
}

/// Removes the entry of a wait that was given up.
struct Waiter<'a> {
    outcomes: &'a Outcomes,
    key: &'a Key,
    notify: Arc<Notify>,
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        let mut inner = self.outcomes.lock();
        let mine = inner.waiting.get(self.key).is_some_and(|notify| Arc::ptr_eq(notify, &self.notify));
        // Two references are the map's and this one.
        if mine && Arc::strong_count(&self.notify) == 2 {
            inner.waiting.remove(self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use logistics_core::Version;
    use logistics_core::lifecycle::Status;

    use super::*;

    fn request(text: &str) -> RequestId {
        RequestId::parse(text).unwrap()
    }

    fn verdict() -> RequestOutcome {
        RequestOutcome::Happened { version: Version(1), status: Status::Placed }
    }

    #[tokio::test]
    async fn a_waiter_is_woken_and_a_late_one_finds_it_there() {
        let outcomes = Arc::new(Outcomes::default());
        let waiting = tokio::spawn({
            let outcomes = outcomes.clone();
            async move { outcomes.wait(Partition(1), &request("r")).await }
        });
        while outcomes.lock().waiting.is_empty() {
            tokio::task::yield_now().await;
        }
        outcomes.insert([(Partition(0), request("r"), verdict())]);
        assert!(!outcomes.lock().waiting.is_empty(), "another partition's outcome is another one");
        outcomes.insert([(Partition(1), request("r"), verdict())]);
        assert_eq!(waiting.await.unwrap(), Some(verdict()));
        assert_eq!(outcomes.wait(Partition(1), &request("r")).await, Some(verdict()));
        assert!(outcomes.lock().waiting.is_empty());
    }

    #[tokio::test]
    async fn a_wait_that_was_given_up_leaves_nothing_behind() {
        let outcomes = Outcomes::default();
        let wanted = request("r");
        let mut wait = Box::pin(outcomes.wait(Partition(0), &wanted));
        assert!(futures_poll_once(wait.as_mut()).await.is_none());
        assert_eq!(outcomes.lock().waiting.len(), 1);
        drop(wait);
        assert!(outcomes.lock().waiting.is_empty());
    }

    async fn futures_poll_once<F: Future>(mut future: std::pin::Pin<&mut F>) -> Option<F::Output> {
        std::future::poll_fn(|context| {
            std::task::Poll::Ready(match future.as_mut().poll(context) {
                std::task::Poll::Ready(output) => Some(output),
                std::task::Poll::Pending => None,
            })
        })
        .await
    }

    #[test]
    fn outcomes_go_when_their_time_is_over_or_there_are_too_many() {
        let outcomes = Outcomes::default();
        let many = (0..OUTCOMES_MAX + 10).map(|i| (Partition(0), request(&i.to_string()), verdict()));
        outcomes.insert(many);
        outcomes.insert([(Partition(0), request("last"), verdict())]);
        {
            let inner = outcomes.lock();
            assert_eq!((inner.known.len(), inner.expiries.len()), (OUTCOMES_MAX, OUTCOMES_MAX));
            assert!(!inner.known.contains_key(&(Partition(0), request("0"))));
        }
        outcomes.lock().expire(Instant::now() + Duration::from_millis(OUTCOME_KEPT_MS + 1));
        assert!(outcomes.lock().known.is_empty());
    }

    #[tokio::test]
    async fn closing_wakes_everybody() {
        let outcomes = Arc::new(Outcomes::default());
        let waiting = tokio::spawn({
            let outcomes = outcomes.clone();
            async move { outcomes.wait(Partition(0), &request("r")).await }
        });
        while outcomes.lock().waiting.is_empty() {
            tokio::task::yield_now().await;
        }
        outcomes.close();
        assert_eq!(waiting.await.unwrap(), None);
        assert_eq!(outcomes.wait(Partition(0), &request("r")).await, None);
    }
}
