//! Calls of the client that never return.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use crate::limits::STUCK_MS;

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
}

impl Watchdog {
    pub(crate) fn watch(&self, name: String) -> Arc<Watched> {
        let watched = Arc::new(Watched { name, left: Mutex::default() });
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|watched| watched.strong_count() > 0);
        all.push(Arc::downgrade(&watched));
        watched
    }

    /// Ends the process where a call outlived its own limit by far: such a thread never comes back, and its partition would
    /// stand still for ever. Another process takes over from the log.
    pub(crate) fn look(&self) {
        let now = Instant::now();
        let before = self.looked.lock().unwrap_or_else(PoisonError::into_inner).replace(now).unwrap_or(now);
        let passed = now.saturating_duration_since(before).min(Duration::from_millis(LOOK_MS_MAX));
        for watched in
            self.all.lock().unwrap_or_else(PoisonError::into_inner).iter().filter_map(Weak::upgrade)
        {
            if watched.is_stuck_after(passed) {
                tracing::error!(
                    thread = watched.name,
                    "a call of the Kafka client outlived its own time limit by {STUCK_MS} ms; ending the process, so that \
                     another one takes its partitions over"
                );
                std::process::abort();
            }
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

    /// So much time has passed: whether it was too much.
    fn is_stuck_after(&self, passed: Duration) -> bool {
        let mut left = self.left();
        *left = left.map(|left| left.saturating_sub(passed));
        left.is_some_and(|left| left.is_zero())
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
    }
}
