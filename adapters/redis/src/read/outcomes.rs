//! Waiting for outcomes. One task polls all awaited outcomes, so that a wait uses no connection and can be cancelled at any time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use deadpool_redis::redis;
use logistics_core::{OrderId, Partition, RequestId, RequestOutcome};
use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, sleep_until};

use crate::error::RedisStoreError;
use crate::keys::Keys;
use crate::limits::{OUTCOME_POLL_MAX, OUTCOME_POLL_MIN, OUTCOMES_PER_COMMAND_MAX};
use crate::server::connection::Connections;

type Answer = Result<RequestOutcome, RedisStoreError>;

/// The awaited outcomes.
pub(crate) struct Outcomes {
    connections: Arc<Connections>,
    keys: Keys,
    state: Mutex<State>,
    /// Signals a new waiter.
    arrived: Notify,
}

#[derive(Default)]
struct State {
    waiters: HashMap<String, Waiters>,
    /// The task is running.
    watched: bool,
}

/// The waiters for one outcome.
struct Waiters {
    partition: Partition,
    /// When the latest waiter was added.
    since: Instant,
    /// When to poll again.
    due: Instant,
    senders: Vec<oneshot::Sender<Answer>>,
}

impl Outcomes {
    pub(crate) fn new(connections: Arc<Connections>, keys: Keys) -> Self {
        Self { connections, keys, state: Mutex::default(), arrived: Notify::new() }
    }

    /// Waits until the outcome is stored.
    pub(crate) async fn wait(
        self: &Arc<Self>,
        partition: Partition,
        order_id: &OrderId,
        request: &RequestId,
    ) -> Answer {
        let key = self.keys.outcome(partition, request);
        tracing::trace!(%order_id, %request, "waiting for an outcome");
        loop {
            let (sender, receiver) = oneshot::channel();
            self.register(key.clone(), partition, sender);
            // Fails if the runtime of the task has ended; the retry starts a task on this runtime.
            if let Ok(answer) = receiver.await {
                return answer;
            }
        }
    }

    fn register(self: &Arc<Self>, key: String, partition: Partition, sender: oneshot::Sender<Answer>) {
        let now = Instant::now();
        let mut state = self.state();
        let waiters = state.waiters.entry(key).or_insert_with(|| Waiters {
            partition,
            since: now,
            due: now,
            senders: Vec::new(),
        });
        (waiters.since, waiters.due) = (now, now);
        waiters.senders.push(sender);
        if !std::mem::replace(&mut state.watched, true) {
            let watch = Watch { outcomes: self.clone(), ended: false };
            tokio::spawn(async move { watch.run().await });
        }
        drop(state);
        self.arrived.notify_one();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The keys to poll now, in chunks for one command; or the time of the next poll. `None` if there are no waiters: the task ends.
    fn due(&self) -> Option<Result<Vec<Vec<String>>, Instant>> {
        let mut state = self.state();
        state.waiters.retain(|_, waiters| {
            waiters.senders.retain(|sender| !sender.is_closed());
            !waiters.senders.is_empty()
        });
        let Some(next) = state.waiters.values().map(|waiters| waiters.due).min() else {
            state.watched = false;
            return None;
        };
        let now = Instant::now();
        if next > now {
            return Some(Err(next));
        }
        let mut groups: HashMap<Option<Partition>, Vec<String>> = HashMap::new();
        // Includes keys that are nearly due.
        let soon = now + OUTCOME_POLL_MIN / 2;
        for (key, waiters) in state.waiters.iter_mut().filter(|(_, waiters)| waiters.due <= soon) {
            waiters.due = now + interval(now - waiters.since);
            // In a cluster, one command accesses one partition.
            let group = matches!(self.keys, Keys::Tagged(_)).then_some(waiters.partition);
            groups.entry(group).or_default().push(key.clone());
        }
        let chunks = groups.values().flat_map(|keys| keys.chunks(OUTCOMES_PER_COMMAND_MAX));
        Some(Ok(chunks.map(<[String]>::to_vec).collect()))
    }

    async fn look(&self, keys: &[String]) -> Result<Vec<Option<Vec<u8>>>, RedisStoreError> {
        let mut conn = self.connections.conn().await?;
        conn.query(redis::cmd("MGET").arg(keys)).await
    }

    fn answer(&self, key: &str, answer: &Answer) {
        let waiters = self.state().waiters.remove(key);
        for sender in waiters.into_iter().flat_map(|waiters| waiters.senders) {
            // The waiter may be cancelled.
            _ = sender.send(answer.clone());
        }
    }

    fn read(&self, key: &str, json: &[u8]) -> Answer {
        serde_json::from_slice(json)
            .map_err(|error| RedisStoreError::damaged(self.connections.place(), format!("{key}: {error}")))
    }
}

/// The polling task. However it ends, its waiters are woken.
struct Watch {
    outcomes: Arc<Outcomes>,
    /// The task ended because there were no waiters; the next waiter starts another one.
    ended: bool,
}

impl Watch {
    async fn run(mut self) {
        let outcomes = self.outcomes.clone();
        while let Some(due) = outcomes.due() {
            let chunks = match due {
                Ok(chunks) => chunks,
                Err(next) => {
                    tokio::select! {
                        () = sleep_until(next) => {}
                        () = outcomes.arrived.notified() => {}
                    }
                    continue;
                }
            };
            for keys in chunks {
                match outcomes.look(&keys).await {
                    Ok(found) => {
                        for (key, json) in keys.iter().zip(found) {
                            if let Some(json) = json {
                                outcomes.answer(key, &outcomes.read(key, &json));
                            }
                        }
                    }
                    // The store does not retry: the waiter decides.
                    Err(error) => keys.iter().for_each(|key| outcomes.answer(key, &Err(error.clone()))),
                }
            }
        }
        self.ended = true;
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if !self.ended {
            let mut state = self.outcomes.state();
            state.watched = false;
            state.waiters.clear();
        }
    }
}

/// The interval until the next poll of an outcome that has been awaited for this long.
fn interval(awaited: Duration) -> Duration {
    (awaited / 4).clamp(OUTCOME_POLL_MIN, OUTCOME_POLL_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_grows_with_the_time_of_waiting() {
        let millis = Duration::from_millis;
        assert_eq!(interval(millis(0)), millis(2));
        assert_eq!(interval(millis(40)), millis(10));
        assert_eq!(interval(millis(60_000)), millis(20));
    }
}
