//! What the writer and the ports share: the open file, and the state as of the last commit.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use logistics_core::port::{Bounds, Topic};
use logistics_core::{Offset, Partition};
use redb::{Database, ReadTransaction, ReadableDatabase};
use tokio::sync::watch;

use crate::error::{EmbeddedError, FileError, guarded};
use crate::file::schema::topic_code;
use crate::group::coordinator::Coordinator;
use crate::group::reader_groups::ReaderGroups;
use crate::log::block::Block;
use crate::log::recent_blocks::RecentBlocks;
use crate::state::{State, all_logs, log_index};
use crate::store::outcomes::Outcomes;

/// The engine's status, for health.
#[derive(Debug, Clone)]
pub(crate) enum EngineStatus {
    /// It reads and writes.
    Ready,
    /// Writes fail; the engine retries.
    Retrying(EmbeddedError),
    /// Writes fail until the process restarts.
    Stopped(EmbeddedError),
}

/// The end of a log, for readers that wait for more records.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct End {
    pub(crate) next: u64,
    /// The engine is closed: no more records follow.
    closed: bool,
}

#[derive(Debug)]
pub(crate) struct Shared {
    /// The data file, for messages.
    pub(crate) place: Arc<str>,
    pub(crate) partitions: u32,
    pub(crate) recent_blocks: RecentBlocks,
    pub(crate) outcomes: Outcomes,
    pub(crate) coordinator: Coordinator,
    pub(crate) reader_groups: ReaderGroups,
    status: Mutex<EngineStatus>,
    /// Replaced when the file is reopened. The error says why the file is not open.
    database: RwLock<Result<Arc<Database>, EmbeddedError>>,
    state: RwLock<Arc<State>>,
    /// By [`log_index`].
    ends: Vec<watch::Sender<End>>,
    /// By topic: counts the changes that wake readers of several partitions.
    pulses: [watch::Sender<u64>; Topic::ALL.len()],
}

/// What a cycle changed.
#[derive(Debug)]
pub(crate) struct Published {
    pub(crate) state: State,
    /// By [`log_index`], in order.
    pub(crate) blocks: Vec<(usize, Arc<Block>)>,
}

impl Shared {
    pub(crate) fn new(place: Arc<str>, state: State, tail_bytes: usize) -> Self {
        let partitions = state.partitions();
        let ends: Vec<_> =
            state.logs.iter().map(|end| watch::Sender::new(End { next: end.next, closed: false })).collect();
        Self {
            place,
            partitions,
            recent_blocks: RecentBlocks::new(ends.len(), tail_bytes),
            outcomes: Outcomes::default(),
            coordinator: Coordinator::new(partitions),
            reader_groups: ReaderGroups::new(partitions),
            status: Mutex::new(EngineStatus::Ready),
            database: RwLock::new(Err(EmbeddedError::Closed)),
            state: RwLock::new(Arc::new(state)),
            ends,
            pulses: std::array::from_fn(|_| watch::Sender::new(0)),
        }
    }

    /// A snapshot of the file.
    pub(crate) fn begin_read(&self) -> Result<ReadTransaction, EmbeddedError> {
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner).clone()?;
        database.begin_read().map_err(|error| FileError::from(error).at(&self.place))
    }

    /// Reads a snapshot of the file on the caller's thread.
    pub(crate) fn read<T>(
        &self,
        read: impl FnOnce(&ReadTransaction) -> Result<T, FileError>,
    ) -> Result<T, EmbeddedError> {
        let txn = self.begin_read()?;
        guarded(|| read(&txn)).map_err(|error| error.at(&self.place))
    }

    /// Reads a snapshot of the file on a thread for blocking work.
    pub(crate) async fn read_blocking<T: Send + 'static>(
        self: &Arc<Self>,
        read: impl FnOnce(&ReadTransaction) -> Result<T, FileError> + Send + 'static,
    ) -> Result<T, EmbeddedError> {
        let shared = self.clone();
        let reading = tokio::task::spawn_blocking(move || shared.read(read));
        // Fails only when the runtime shuts down.
        reading.await.unwrap_or(Err(EmbeddedError::Closed))
    }

    pub(crate) fn replace_database(&self, database: Result<Arc<Database>, EmbeddedError>) {
        *self.database.write().unwrap_or_else(PoisonError::into_inner) = database;
    }

    /// The state as of the last commit.
    pub(crate) fn state(&self) -> Arc<State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Makes a committed cycle visible, and wakes the readers of the logs that it changed.
    pub(crate) fn publish(&self, published: Published) {
        let Published { state, blocks } = published;
        let mut topics = [false; Topic::ALL.len()];
        for (log, block) in blocks {
            self.recent_blocks.push(log, block);
        }
        let ends: Vec<u64> = state.logs.iter().map(|end| end.next).collect();
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(state);
        for (((topic, _), next), sender) in all_logs(self.partitions).zip(ends).zip(&self.ends) {
            let changed = sender.send_if_modified(|end| {
                let changed = end.next != next;
                end.next = next;
                changed
            });
            topics[usize::from(topic_code(topic))] |= changed;
        }
        for (pulse, _) in self.pulses.iter().zip(topics).filter(|(_, changed)| *changed) {
            pulse.send_modify(|count| *count += 1);
        }
    }

    /// Wakes the readers of several partitions of a topic.
    pub(crate) fn wake_readers(&self, topic: Topic) {
        self.pulses[usize::from(topic_code(topic))].send_modify(|count| *count += 1);
    }

    pub(crate) fn pulse(&self, topic: Topic) -> watch::Receiver<u64> {
        self.pulses[usize::from(topic_code(topic))].subscribe()
    }

    /// Wakes every waiting caller with `Closed`.
    pub(crate) fn close(&self) {
        for sender in &self.ends {
            sender.send_modify(|end| end.closed = true);
        }
        for topic in Topic::ALL {
            self.wake_readers(topic);
        }
        self.coordinator.close();
        self.outcomes.close();
    }

    /// The index of a log in lists of all logs.
    pub(crate) fn log(&self, topic: Topic, partition: Partition) -> Result<usize, EmbeddedError> {
        self.check(partition).map(|()| log_index(self.partitions, topic, partition))
    }

    pub(crate) fn check(&self, partition: Partition) -> Result<(), EmbeddedError> {
        let last = self.partitions - 1;
        if partition.0 <= last { Ok(()) } else { Err(EmbeddedError::NoPartition { asked: partition, last }) }
    }

    pub(crate) fn bounds(&self, topic: Topic, partition: Partition) -> Result<Bounds, EmbeddedError> {
        let end = *self.ends[self.log(topic, partition)?].borrow();
        Ok(Bounds { start: Offset(0), end: Offset(end.next) })
    }

    /// Waits until a log has a record at `from`, and returns the log's end.
    ///
    /// # Errors
    /// `Closed`.
    pub(crate) async fn wait_for(&self, log: usize, from: u64) -> Result<u64, EmbeddedError> {
        let mut end = self.ends[log].subscribe();
        let end = end.wait_for(|end| end.closed || end.next > from).await.map(|end| *end);
        match end {
            Ok(End { closed: false, next }) => Ok(next),
            _ => Err(EmbeddedError::Closed),
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.ends.first().is_none_or(|end| end.borrow().closed)
    }

    pub(crate) fn status(&self) -> EngineStatus {
        self.lock_status().clone()
    }

    pub(crate) fn set_status(&self, status: EngineStatus) {
        *self.lock_status() = status;
    }

    fn lock_status(&self) -> MutexGuard<'_, EngineStatus> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
