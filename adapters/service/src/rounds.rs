//! One question at a time about one thing, with one answer for all that wait for it.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Mutex as AsyncMutex;

use crate::error::ServiceError;

type Answer<T> = Result<T, ServiceError>;

/// Questions under way. An answer serves those only that came before its question began: an answer that is older than the
/// request could miss what the client knows already.
pub(crate) struct Rounds<K, T>(Mutex<HashMap<K, Arc<Round<T>>>>);

struct Round<T> {
    /// How many have come.
    came: AtomicU64,
    /// The latest answer, and how many had come when its question began.
    latest: AsyncMutex<Option<(u64, Answer<T>)>>,
}

impl<K: Eq + Hash + Clone, T: Clone> Rounds<K, T> {
    pub(crate) fn new() -> Self {
        Self(Mutex::default())
    }

    /// Things about which there is a question under way.
    #[cfg(test)]
    fn len(&self) -> usize {
        self.lock().len()
    }

    /// Waits for `pause` and asks, unless another does so already. Can be cancelled: then the next in line asks.
    pub(crate) async fn ask(
        &self,
        key: &K,
        pause: impl Future<Output = ()>,
        question: impl Future<Output = Answer<T>>,
    ) -> Answer<T> {
        let place = self.enter(key);
        let mine = place.round.came.fetch_add(1, Ordering::Relaxed) + 1;
        let mut latest = place.round.latest.lock().await;
        if let Some((served, answer)) = &*latest
            && *served >= mine
        {
            return answer.clone();
        }
        pause.await;
        let served = place.round.came.load(Ordering::Relaxed);
        let answer = question.await;
        *latest = Some((served, answer.clone()));
        answer
    }

    fn enter(&self, key: &K) -> Place<'_, K, T> {
        let new = || Arc::new(Round { came: AtomicU64::new(0), latest: AsyncMutex::new(None) });
        let round = self.lock().entry(key.clone()).or_insert_with(new).clone();
        Place { rounds: self, key: key.clone(), round }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, Arc<Round<T>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The last that leaves takes the entry with it.
struct Place<'a, K: Eq + Hash + Clone, T: Clone> {
    rounds: &'a Rounds<K, T>,
    key: K,
    round: Arc<Round<T>>,
}

impl<K: Eq + Hash + Clone, T: Clone> Drop for Place<'_, K, T> {
    fn drop(&mut self) {
        let mut rounds = self.rounds.lock();
        // The map's and this one. Others are made under this lock only.
        if Arc::strong_count(&self.round) == 2 {
            rounds.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::future::{join_all, ready};
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn an_answer_serves_those_that_came_before_its_question_and_no_other() {
        let (rounds, asked) = (Rounds::<u8, u64>::new(), AtomicU64::new(0));
        let (go_on, held) = oneshot::channel();
        let question = |held: Option<oneshot::Receiver<()>>| {
            let asked = &asked;
            async move {
                let number = asked.fetch_add(1, Ordering::Relaxed);
                if let Some(held) = held {
                    _ = held.await;
                }
                Ok(number)
            }
        };
        let first = rounds.ask(&1, ready(()), question(Some(held)));
        let later = join_all((0..9).map(|_| rounds.ask(&1, ready(()), question(None))));
        let other = async {
            assert_eq!(rounds.ask(&2, ready(()), question(None)).await.unwrap(), 1);
            go_on.send(()).unwrap();
        };
        let (first, later, ()) = tokio::join!(first, later, other);
        assert_eq!(first.unwrap(), 0);
        assert!(later.into_iter().all(|answer| answer.unwrap() == 2));
        assert_eq!((asked.load(Ordering::Relaxed), rounds.len()), (3, 0));
    }

    #[tokio::test]
    async fn where_the_one_that_asks_goes_away_the_next_asks() {
        let rounds = Rounds::<u8, u64>::new();
        let lost = rounds.ask(&1, ready(()), std::future::pending());
        let next = rounds.ask(&1, ready(()), ready(Ok(7)));
        let lost = async {
            tokio::select! {
                biased;
                _ = lost => {}
                () = tokio::task::yield_now() => {}
            }
        };
        let ((), next) = tokio::join!(lost, next);
        assert_eq!((next.unwrap(), rounds.len()), (7, 0));
    }
}
