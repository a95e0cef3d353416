//! One call at a time per key; all its waiters share the result.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Mutex as AsyncMutex;

use crate::error::ServiceError;

type CallResult<T> = Result<T, ServiceError>;

/// Calls in flight. A result serves only waiters that arrived before its call began: an older result could miss what the caller
/// has written before.
pub(crate) struct SingleFlight<K, T>(Mutex<HashMap<K, Arc<Flight<T>>>>);

struct Flight<T> {
    /// The number of waiters so far.
    arrived: AtomicU64,
    /// The latest result, and the number of waiters when its call began.
    latest: AsyncMutex<Option<(u64, CallResult<T>)>>,
}

impl<K: Eq + Hash + Clone, T: Clone> SingleFlight<K, T> {
    pub(crate) fn new() -> Self {
        Self(Mutex::default())
    }

    /// The number of keys with a call in flight.
    #[cfg(test)]
    fn len(&self) -> usize {
        self.lock().len()
    }

    /// Waits for `pause` and makes the call, unless another caller makes it already. If this future is dropped, the next waiter
    /// makes its own call.
    pub(crate) async fn run(
        &self,
        key: &K,
        pause: impl Future<Output = ()>,
        call: impl Future<Output = CallResult<T>>,
    ) -> CallResult<T> {
        let waiter = self.enter(key);
        let mine = waiter.flight.arrived.fetch_add(1, Ordering::Relaxed) + 1;
        let mut latest = waiter.flight.latest.lock().await;
        if let Some((served, result)) = &*latest
            && *served >= mine
        {
            return result.clone();
        }
        pause.await;
        let served = waiter.flight.arrived.load(Ordering::Relaxed);
        let result = call.await;
        *latest = Some((served, result.clone()));
        result
    }

    fn enter(&self, key: &K) -> Waiter<'_, K, T> {
        let new = || Arc::new(Flight { arrived: AtomicU64::new(0), latest: AsyncMutex::new(None) });
        let flight = self.lock().entry(key.clone()).or_insert_with(new).clone();
        Waiter { flights: self, key: key.clone(), flight }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, Arc<Flight<T>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The last waiter that leaves removes the entry.
struct Waiter<'a, K: Eq + Hash + Clone, T: Clone> {
    flights: &'a SingleFlight<K, T>,
    key: K,
    flight: Arc<Flight<T>>,
}

impl<K: Eq + Hash + Clone, T: Clone> Drop for Waiter<'_, K, T> {
    fn drop(&mut self) {
        let mut flights = self.flights.lock();
        // The map and this waiter hold one each. New ones are created under this lock only.
        if Arc::strong_count(&self.flight) == 2 {
            flights.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::future::{join_all, ready};
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn a_result_serves_only_waiters_that_arrived_before_its_call() {
        let (flights, calls) = (SingleFlight::<u8, u64>::new(), AtomicU64::new(0));
        let (go_on, held) = oneshot::channel();
        let call = |held: Option<oneshot::Receiver<()>>| {
            let calls = &calls;
            async move {
                let number = calls.fetch_add(1, Ordering::Relaxed);
                if let Some(held) = held {
                    _ = held.await;
                }
                Ok(number)
            }
        };
        let first = flights.run(&1, ready(()), call(Some(held)));
        let later = join_all((0..9).map(|_| flights.run(&1, ready(()), call(None))));
        let other = async {
            assert_eq!(flights.run(&2, ready(()), call(None)).await.unwrap(), 1);
            go_on.send(()).unwrap();
        };
        let (first, later, ()) = tokio::join!(first, later, other);
        assert_eq!(first.unwrap(), 0);
        assert!(later.into_iter().all(|result| result.unwrap() == 2));
        assert_eq!((calls.load(Ordering::Relaxed), flights.len()), (3, 0));
    }

    #[tokio::test]
    async fn if_the_caller_is_cancelled_the_next_waiter_calls() {
        let flights = SingleFlight::<u8, u64>::new();
        let lost = flights.run(&1, ready(()), std::future::pending());
        let next = flights.run(&1, ready(()), ready(Ok(7)));
        let lost = async {
            tokio::select! {
                biased;
                _ = lost => {}
                () = tokio::task::yield_now() => {}
            }
        };
        let ((), next) = tokio::join!(lost, next);
        assert_eq!((next.unwrap(), flights.len()), (7, 0));
    }
}
