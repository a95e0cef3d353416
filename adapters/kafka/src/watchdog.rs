//! Detection of client calls that never return. librdkafka 2.12 can wait without end, whatever the time limit, when the coordinator
//! of a transaction is lost (`rd_kafka_send_offsets_to_transaction`).

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use crate::limits::{STUCK_CALLS_MAX, STUCK_MS};

/// The longest time that counts between two checks: while the whole process is stopped, no call can return.
const CHECK_INTERVAL_MS_MAX: u64 = 2000;

/// Checks the threads of one member.
#[derive(Default)]
pub(crate) struct Watchdog {
    all: Mutex<Vec<Weak<Watched>>>,
    checked: Mutex<Option<Instant>>,
}

/// One thread whose calls have a time limit.
pub(crate) struct Watched {
    name: String,
    /// The remaining time of the running call.
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

    /// Marks threads whose call exceeded its limit by [`STUCK_MS`]. Such a thread is abandoned, and its caller starts another one.
    /// Ends the process if there are too many, because their memory is never freed.
    pub(crate) fn check(&self) {
        let now = Instant::now();
        let before = self.checked.lock().unwrap_or_else(PoisonError::into_inner).replace(now).unwrap_or(now);
        let passed = now.saturating_duration_since(before).min(Duration::from_millis(CHECK_INTERVAL_MS_MAX));
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
                "too many calls of the Kafka client did not return; ending the process, so that another one takes over its \
                 partitions"
            );
            std::process::abort();
        }
    }
}

impl Watched {
    /// Runs calls that must return within the limit.
    pub(crate) fn within<T>(&self, limit: Duration, calls: impl FnOnce() -> T) -> T {
        *self.left() = Some(limit + Duration::from_millis(STUCK_MS));
        let result = calls();
        *self.left() = None;
        result
    }

    fn left(&self) -> MutexGuard<'_, Option<Duration>> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A call did not return in time. Never becomes false again.
    pub(crate) fn is_stuck(&self) -> bool {
        self.stuck.load(Ordering::Acquire)
    }

    /// Deducts the time that has passed; true if the running call is stuck.
    fn is_stuck_after(&self, passed: Duration) -> bool {
        let mut left = self.left();
        *left = left.map(|left| left.saturating_sub(passed));
        if left.is_some_and(|left| left.is_zero()) && !self.stuck.swap(true, Ordering::AcqRel) {
            tracing::error!(
                thread = self.name,
                "a call of the Kafka client exceeded its time limit by {STUCK_MS} ms; its partition continues with another client"
            );
        }
        left.is_some() && self.is_stuck()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_stuck_only_long_after_its_limit() {
        let watched = Watchdog::default().watch("test".to_owned());
        watched.within(Duration::from_millis(10), || {
            assert!(!watched.is_stuck_after(Duration::from_millis(STUCK_MS)));
            assert!(watched.is_stuck_after(Duration::from_millis(11)));
        });
        assert!(!watched.is_stuck_after(Duration::from_millis(STUCK_MS + 1000)), "no call is under way");
        assert!(watched.is_stuck(), "another thread has replaced it");
    }
}
