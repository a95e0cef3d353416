//! Outcomes that callers wait for.
//!
//! They are in memory only. All waiters are in this process, so a crash ends them as well. A client that retries gets
//! the outcome of its retry.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use logistics_core::limits::OUTCOME_KEPT_MS;
use logistics_core::{Partition, RequestId, RequestOutcome};
use tokio::sync::Notify;

use crate::limits::OUTCOMES_MAX;

type Key = (Partition, RequestId);

/// The outcomes of the last few minutes, and the waiters for others.
#[derive(Debug, Default)]
pub(crate) struct Outcomes(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    known: HashMap<Key, RequestOutcome>,
    /// When each known outcome expires, the next first.
    expiries: VecDeque<(Instant, Key)>,
    waiting: HashMap<Key, Arc<Notify>>,
    closed: bool,
}

impl Outcomes {
    /// Adds outcomes, and wakes their waiters.
    pub(crate) fn insert(&self, outcomes: impl IntoIterator<Item = (Partition, RequestId, RequestOutcome)>) {
        let now = Instant::now();
        let expiry = now + Duration::from_millis(OUTCOME_KEPT_MS);
        let mut inner = self.lock();
        inner.expire(now);
        for (partition, request, outcome) in outcomes {
            let key = (partition, request);
            if let Some(waiters) = inner.waiting.remove(&key) {
                waiters.notify_waiters();
            }
            // A repeated write of an outcome does not extend its expiry.
            if inner.known.insert(key.clone(), outcome).is_none() {
                inner.expiries.push_back((expiry, key));
            }
        }
    }

    /// Removes a partition's outcomes.
    pub(crate) fn remove(&self, partition: Partition) {
        let mut inner = self.lock();
        inner.known.retain(|(of, _), _| *of != partition);
        inner.expiries.retain(|(_, (of, _))| *of != partition);
    }

    /// Waits for an outcome. `None` if the engine is closed.
    pub(crate) async fn wait(&self, partition: Partition, request: &RequestId) -> Option<RequestOutcome> {
        let key = (partition, request.clone());
        loop {
            let waiter = {
                let mut inner = self.lock();
                if let Some(outcome) = inner.known.get(&key) {
                    return Some(outcome.clone());
                }
                if inner.closed {
                    return None;
                }
                let notify = inner.waiting.entry(key.clone()).or_default().clone();
                Waiter { outcomes: self, key: &key, notify }
            };
            let mut notified = std::pin::pin!(waiter.notify.notified());
            notified.as_mut().enable();
            // The outcome may have arrived between the lookup and the registration.
            let settled = {
                let inner = self.lock();
                inner.closed || inner.known.contains_key(&key)
            };
            if !settled {
                notified.await;
            }
        }
    }

    /// Wakes all waiters with `None`.
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

/// Removes the entry of a cancelled wait.
struct Waiter<'a> {
    outcomes: &'a Outcomes,
    key: &'a Key,
    notify: Arc<Notify>,
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        let mut inner = self.outcomes.lock();
        let mine = inner.waiting.get(self.key).is_some_and(|notify| Arc::ptr_eq(notify, &self.notify));
        // The map and this waiter have one reference each. A third one is another waiter's.
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

    fn outcome() -> RequestOutcome {
        RequestOutcome::Happened { version: Version(1), status: Status::Placed }
    }

    #[tokio::test]
    async fn an_outcome_wakes_its_waiter_and_a_later_caller_finds_it() {
        let outcomes = Arc::new(Outcomes::default());
        let waiting = tokio::spawn({
            let outcomes = outcomes.clone();
            async move { outcomes.wait(Partition(1), &request("r")).await }
        });
        while outcomes.lock().waiting.is_empty() {
            tokio::task::yield_now().await;
        }
        outcomes.insert([(Partition(0), request("r"), outcome())]);
        assert!(!outcomes.lock().waiting.is_empty(), "woken by an outcome of another partition");
        outcomes.insert([(Partition(1), request("r"), outcome())]);
        assert_eq!(waiting.await.unwrap(), Some(outcome()));
        assert_eq!(outcomes.wait(Partition(1), &request("r")).await, Some(outcome()));
        assert!(outcomes.lock().waiting.is_empty());
    }

    #[tokio::test]
    async fn a_cancelled_wait_removes_its_entry() {
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
    fn outcomes_expire_by_time_and_by_number() {
        let outcomes = Outcomes::default();
        let many = (0..OUTCOMES_MAX + 10).map(|i| (Partition(0), request(&i.to_string()), outcome()));
        outcomes.insert(many);
        outcomes.insert([(Partition(0), request("last"), outcome())]);
        {
            let inner = outcomes.lock();
            assert_eq!((inner.known.len(), inner.expiries.len()), (OUTCOMES_MAX, OUTCOMES_MAX));
            assert!(!inner.known.contains_key(&(Partition(0), request("0"))));
        }
        outcomes.lock().expire(Instant::now() + Duration::from_millis(OUTCOME_KEPT_MS + 1));
        assert!(outcomes.lock().known.is_empty());
    }

    #[tokio::test]
    async fn closing_wakes_all_waiters() {
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
