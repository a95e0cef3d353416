//! The writer: one thread makes all changes of the file, in cycles.
//!
//! A cycle takes the waiting requests, changes the file in one transaction, syncs it, publishes the changes, and then
//! answers. If a cycle fails, the writer answers all its requests with the error and reopens the file: state in memory
//! is not trusted after a failure.

mod apply;
mod clear;
mod cycle;
mod epochs;
mod log_writer;
pub(crate) mod queue;
pub(crate) mod request;
mod storage;
mod store_writer;

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use redb::{Durability, WriteTransaction};

use crate::error::{EmbeddedError, FileError, guarded};
use crate::file::{DataFile, Opened};
use crate::limits::{CYCLE_BYTES_MAX, FLUSH_MS_MAX, FLUSH_QUIET_MS};
use crate::shared::{Published, Shared};
use crate::state::State;
use crate::writer::queue::Queued;
use crate::writer::request::{Reply, Request};
use apply::Applied;
use clear::Clearing;
use cycle::Cycle;
use epochs::Epochs;
use storage::Storage;

pub(crate) struct Writer {
    shared: Arc<Shared>,
    storage: Storage,
    epochs: Epochs,
    clearing: Clearing,
    /// The time of the first commit that is not synced.
    unsynced_since: Option<Instant>,
}

/// The result of waiting for requests.
enum Received {
    Requests(Vec<Queued>),
    /// No request arrived in time.
    Idle,
    /// All handles are dropped.
    Disconnected,
}

impl Writer {
    pub(crate) fn new(shared: Arc<Shared>, file: DataFile, opened: Opened) -> Self {
        let epochs = Epochs::new(shared.partitions);
        let storage = Storage::new(shared.clone(), file, opened);
        Self { shared, storage, epochs, clearing: Clearing::default(), unsynced_since: None }
    }

    pub(crate) fn place(&self) -> Arc<str> {
        self.shared.place.clone()
    }

    /// Runs cycles until a request to close arrives or all handles are dropped.
    pub(crate) fn run(&mut self, requests: &Receiver<Queued>) {
        let mut close_reply = None;
        while close_reply.is_none() {
            match self.receive(requests) {
                Received::Requests(queued) => close_reply = self.process(queued),
                Received::Idle => self.idle(),
                Received::Disconnected => break,
            }
        }
        let closed = self.finish();
        self.shared.close();
        if let Some(reply) = close_reply {
            let _ = reply.send(closed);
        }
    }

    /// Waits for requests, and takes those that are queued.
    fn receive(&self, requests: &Receiver<Queued>) -> Received {
        let flush_in = |since: Instant| {
            let left = Duration::from_millis(FLUSH_MS_MAX).saturating_sub(since.elapsed());
            // An idle writer syncs sooner, so that the next request does not wait for this sync.
            left.min(Duration::from_millis(FLUSH_QUIET_MS))
        };
        let flush = self.unsynced_since.map(flush_in);
        let first = match self.storage.retry_in().or(flush) {
            Some(wait) => requests.recv_timeout(wait),
            None => requests.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        let first = match first {
            Ok(first) => first,
            Err(RecvTimeoutError::Timeout) => return Received::Idle,
            Err(RecvTimeoutError::Disconnected) => return Received::Disconnected,
        };
        let mut bytes = first.bytes;
        let mut queued = vec![first];
        while bytes < CYCLE_BYTES_MAX {
            let Ok(next) = requests.try_recv() else { break };
            bytes += next.bytes;
            queued.push(next);
        }
        Received::Requests(queued)
    }

    /// Processes requests in one cycle. Returns the reply of a request to close.
    fn process(&mut self, queued: Vec<Queued>) -> Option<Reply<()>> {
        if self.storage.retry_in().is_some_and(|wait| wait.is_zero()) {
            self.retry();
        }
        let (mut cycle, mut close_reply) = (Cycle::default(), None);
        let mut permits = Vec::with_capacity(queued.len());
        for Queued { request, permit, .. } in queued {
            match request {
                Request::Close(reply) => close_reply = Some(reply),
                request => cycle.push(request),
            }
            // Released after the cycle, which uses the requests' memory until then.
            permits.push(permit);
        }
        match self.storage.error() {
            None => self.run_cycle(cycle),
            Some(error) => cycle.fail(&error),
        }
        close_reply
    }

    fn run_cycle(&mut self, mut cycle: Cycle) {
        match self.guarded(|writer| writer.apply_and_commit(&mut cycle)) {
            Ok(Applied { state, blocks, outcomes, written, clearing, steps, cleared, .. }) => {
                self.clearing = clearing;
                self.shared.publish(Published { state, blocks });
                self.shared.outcomes.insert(outcomes);
                cleared.into_iter().for_each(|partition| self.shared.outcomes.remove(partition));
                cycle.complete(written, steps);
            }
            Err(error) => {
                cycle.fail(&error);
                self.fail(&error);
            }
        }
    }

    fn apply_and_commit(&mut self, cycle: &mut Cycle) -> Result<Applied, FileError> {
        loop {
            let txn = self.storage.begin()?;
            let mut applied = Applied::on(State::clone(&self.shared.state()), self.clearing.clone());
            if let Err((index, error)) = apply::writes(&txn, cycle, &mut applied) {
                let FileError::Damaged(reason) = error else { return Err(error) };
                // Only the write to the damaged document fails. The cycle starts again without it.
                txn.abort()?;
                cycle.fail_write(index, EmbeddedError::Damaged { place: self.shared.place.clone(), reason });
                continue;
            }
            if let Err((index, error)) = apply::clears(&txn, cycle, &mut applied) {
                let FileError::Damaged(reason) = error else { return Err(error) };
                txn.abort()?;
                cycle.fail_clear(index, EmbeddedError::Damaged { place: self.shared.place.clone(), reason });
                continue;
            }
            apply::log_requests(&txn, cycle, &mut applied, &mut self.epochs, &self.shared)?;
            let flush =
                self.unsynced_since.is_some_and(|since| since.elapsed().as_millis() >= FLUSH_MS_MAX.into());
            if applied.durable || !applied.written.is_empty() || !applied.steps.is_empty() {
                self.commit(txn, applied.durable || flush)?;
            } else {
                txn.abort()?;
            }
            return Ok(applied);
        }
    }

    fn commit(&mut self, mut txn: WriteTransaction, durable: bool) -> Result<(), FileError> {
        let durability = if durable { Durability::Immediate } else { Durability::None };
        txn.set_durability(durability).map_err(|error| FileError::damaged(error.to_string()))?;
        txn.set_quick_repair(durable && self.storage.is_large());
        txn.commit()?;
        self.unsynced_since =
            if durable { None } else { self.unsynced_since.or_else(|| Some(Instant::now())) };
        Ok(())
    }

    /// Retries a failed disk, or syncs deferred writes.
    fn idle(&mut self) {
        if self.storage.retry_in().is_some() {
            self.retry();
        } else if self.unsynced_since.is_some() {
            self.flush();
        }
    }

    fn flush(&mut self) {
        let flushed = self.guarded(|writer| {
            let txn = writer.storage.begin()?;
            writer.commit(txn, true)
        });
        if let Err(error) = flushed {
            self.fail(&error);
        }
    }

    fn guarded<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, FileError>,
    ) -> Result<T, EmbeddedError> {
        guarded(|| work(self)).map_err(|error| error.at(&self.shared.place))
    }

    /// Reopens the file after a failed write.
    fn fail(&mut self, error: &EmbeddedError) {
        tracing::error!(%error, "write failed; reopening the data file");
        self.unsynced_since = None;
        // Rows whose removal was not synced may exist again.
        self.clearing = Clearing::default();
        self.storage.fail(error.clone());
        self.retry();
    }

    fn retry(&mut self) {
        if let Some(state) = self.storage.retry() {
            // Commits without a sync are lost, and the failed one may have succeeded.
            self.shared.recent_blocks.clear();
            self.shared.publish(Published { state, blocks: Vec::new() });
        }
    }

    /// Syncs the file and closes it.
    fn finish(&mut self) -> Result<(), EmbeddedError> {
        if self.unsynced_since.is_some() {
            self.flush();
        }
        self.storage.close()
    }
}
