//! Calls of the client that never return. librdkafka 2.12 waits for an answer without end, whatever the time limit, when the
//! coordinator of a transaction goes at the wrong moment (`rd_kafka_send_offsets_to_transaction`).

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use crate::limits::{STUCK_CALLS_MAX, STUCK_MS};

/// The longest time that counts between two looks: while the whole process is stopped, nothing can return.
const LOOK_MS_MAX: u64 = 2000;

/// Looks after the threads of one member.
#[derive(Default)]
pub(crate) struct Watchdog {
    all: Mutex<Vec<Weak<Watched>>>,
    looked: Mutex<Option<Instant>>,
}

/// One thread that makes calls with a time limit of their own.
pub(crate) struct Watched {
    name: String,
    /// What the call under way has left.
    left: Mutex<Option<Duration>>,
    stuck: AtomicBool,
}

impl Watchdog {
    pub(crate) fn watch(&self, name: String) -> Arc<Watched> {
        let watched = Arc::new(Watched { name, left: Mutex::default(), stuck: AtomicBool::new(false) });
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|watched| watched.strong_count() > 0);
        all.push(Arc::downgrade(&watched));
        watched
    }

    /// Finds calls that outlived their own limit by far: such a thread never comes back, and whoever needs it takes another.
    /// Ends the process where there are too many, since what they hold is never freed.
    pub(crate) fn look(&self) {
        let now = Instant::now();
        let before = self.looked.lock().unwrap_or_else(PoisonError::into_inner).replace(now).unwrap_or(now);
        let passed = now.saturating_duration_since(before).min(Duration::from_millis(LOOK_MS_MAX));
        let mut stuck = 0;
        for watched in
            self.all.lock().unwrap_or_else(PoisonError::into_inner).iter().filter_map(Weak::upgrade)
        {
            if watched.is_stuck_after(passed) {
                stuck += 1;
            }
        }
        if stuck > STUCK_CALLS_MAX {
            tracing::error!(
                stuck,
                "too many calls of the Kafka client never returned; ending the process, so that another one takes its \
                 partitions over"
            );
            std::process::abort();
        }
    }
}

impl Watched {
    /// Makes calls that are to return within the limit.
    pub(crate) fn within<T>(&self, limit: Duration, calls: impl FnOnce() -> T) -> T {
        *self.left() = Some(limit + Duration::from_millis(STUCK_MS));
        let result = calls();
        *self.left() = None;
        result
    }

    fn left(&self) -> MutexGuard<'_, Option<Duration>> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Its call never returned. Once it is so, it stays so.
    pub(crate) fn is_stuck(&self) -> bool {
        self.stuck.load(Ordering::Acquire)
    }

    /// So much time has passed: whether it was too much.
    fn is_stuck_after(&self, passed: Duration) -> bool {
        let mut left = self.left();
        *left = left.map(|left| left.saturating_sub(passed));
        if left.is_some_and(|left| left.is_zero()) && !self.stuck.swap(true, Ordering::AcqRel) {
            tracing::error!(
                thread = self.name,
                "a call of the Kafka client outlived its own time limit by {STUCK_MS} ms; its partition goes on with another client"
            );
        }
        left.is_some() && self.is_stuck()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_stuck_long_after_its_limit_only() {
        let watched = Watchdog::default().watch("test".to_owned());
        watched.within(Duration::from_millis(10), || {
            assert!(!watched.is_stuck_after(Duration::from_millis(STUCK_MS)));
            assert!(watched.is_stuck_after(Duration::from_millis(11)));
        });
        assert!(!watched.is_stuck_after(Duration::from_millis(STUCK_MS + 1000)), "no call is under way");
        assert!(watched.is_stuck(), "whoever waited has gone on without it");
    }
}
