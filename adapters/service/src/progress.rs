//! The store's progress in each partition, as seen by this process, to detect a store that goes back.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use logistics_core::{Offset, Partition};
use tokio::time::Instant;

/// How long a partition counts as being rebuilt after the last sign of it, in milliseconds.
const REBUILDING_MS: u64 = 10_000;

#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    /// The store had answered every input below this offset.
    answered: Offset,
    /// The partition counts as being rebuilt until then.
    rebuilding: Option<Instant>,
    caught_up: CaughtUp,
}

/// Whether the store has answered every input that the log had at this process's first query.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum CaughtUp {
    #[default]
    NotQueried,
    /// The log's end at the first query.
    Behind(Offset),
    Yes,
}

pub(crate) struct Progress(Mutex<Vec<Seen>>);

impl Progress {
    pub(crate) fn new(partitions: u32) -> Self {
        Self(Mutex::new(vec![Seen::default(); usize::try_from(partitions).unwrap_or_default()]))
    }

    /// The store's highest answered offset so far. Read it before the store, whose answer must not be lower.
    pub(crate) fn answered(&self, partition: Partition) -> Offset {
        self.with(partition, |seen| seen.answered)
    }

    /// Records the store's answered offset, after an earlier `before`; the log ends at `end`. False if the store went back.
    pub(crate) fn advance(
        &self,
        partition: Partition,
        answered: Offset,
        before: Offset,
        end: Offset,
    ) -> bool {
        self.with(partition, |seen| {
            // A log never becomes shorter: this is a new log, with a new store.
            if end < before {
                *seen = Seen { answered, rebuilding: None, ..*seen };
                return true;
            }
            if answered < before {
                seen.rebuild();
                return false;
            }
            seen.answered = seen.answered.max(answered);
            seen.rebuilding = None;
            true
        })
    }

    /// Records that the store has no checkpoint of the partition. False if it had one before.
    pub(crate) fn unknown(&self, partition: Partition, before: Offset) -> bool {
        let lost = before > Offset(0);
        if lost {
            self.went_back(partition);
        }
        !lost
    }

    /// Records that the store has lost a document or has an older one.
    pub(crate) fn went_back(&self, partition: Partition) {
        self.with(partition, Seen::rebuild);
    }

    /// Whether any partition is being rebuilt.
    pub(crate) fn is_rebuilding(&self) -> bool {
        let now = Instant::now();
        self.lock().iter().any(|seen| seen.rebuilding.is_some_and(|until| now < until))
    }

    /// The partitions in which the store is not known to have caught up with the log since this process started.
    pub(crate) fn behind(&self) -> Vec<Partition> {
        let seen = self.lock();
        let behind = seen.iter().zip(0..).filter(|(seen, _)| seen.caught_up != CaughtUp::Yes);
        behind.map(|(_, partition)| Partition(partition)).collect()
    }

    /// Compares the store's answered offset with the log's end at the first query. True when the store has reached it. A shorter
    /// log is a new log, so its own `end` counts.
    pub(crate) fn catch_up(&self, partition: Partition, end: Offset, answered: Offset) -> bool {
        self.with(partition, |seen| {
            let first = match seen.caught_up {
                CaughtUp::Behind(first) => first.min(end),
                CaughtUp::NotQueried | CaughtUp::Yes => end,
            };
            seen.caught_up = if answered >= first { CaughtUp::Yes } else { CaughtUp::Behind(first) };
            seen.caught_up == CaughtUp::Yes
        })
    }

    fn with<T: Default>(&self, partition: Partition, change: impl FnOnce(&mut Seen) -> T) -> T {
        let at = usize::try_from(partition.0).unwrap_or(usize::MAX);
        self.lock().get_mut(at).map(change).unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Seen>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    fn rebuild(&mut self) {
        self.rebuilding = Some(Instant::now() + Duration::from_millis(REBUILDING_MS));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_has_caught_up_with_the_first_end_of_the_log_or_with_a_new_log() {
        let progress = Progress::new(2);
        let (p, at) = (Partition(1), Offset);
        assert!(!progress.catch_up(p, at(9), at(4)));
        assert!(!progress.catch_up(p, at(20), at(8)));
        assert_eq!(progress.behind(), [Partition(0), p]);
        assert!(progress.catch_up(p, at(2), at(2)), "the log is new");
        assert_eq!(progress.behind(), [Partition(0)]);
        assert!(progress.catch_up(Partition(0), at(0), at(0)));
        assert!(progress.behind().is_empty());
    }

    #[test]
    fn records_after_the_first_query_do_not_count() {
        let (progress, at) = (Progress::new(1), Offset);
        assert!(!progress.catch_up(Partition(0), at(9), at(4)));
        assert!(progress.catch_up(Partition(0), at(20), at(9)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_sign_of_rebuilding_counts_for_a_while() {
        let progress = Progress::new(2);
        let (p, at) = (Partition(1), Offset);
        assert!(progress.unknown(p, progress.answered(p)) && progress.advance(p, at(5), at(0), at(9)));
        assert!(!progress.is_rebuilding());
        assert!(!progress.advance(p, at(3), progress.answered(p), at(9)));
        assert_eq!((progress.is_rebuilding(), progress.answered(p)), (true, at(5)));
        tokio::time::advance(Duration::from_millis(REBUILDING_MS)).await;
        assert!(!progress.is_rebuilding());
        assert!(!progress.unknown(p, progress.answered(p)) && progress.is_rebuilding());
        assert!(progress.advance(p, at(5), at(5), at(9)) && !progress.is_rebuilding());
        assert!(progress.advance(p, at(2), at(5), at(3)), "another log");
        assert_eq!(progress.answered(p), at(2));
    }
}
