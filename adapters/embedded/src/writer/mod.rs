//! The writer: one thread that does everything that changes the file, a cycle at a time.
//!
//! A cycle takes whatever waits, changes the file by one transaction, brings it to the disk with one sync, shows it to
//! readers, and only then answers. Where it fails, everybody in it is told so, and the file is opened anew: what a failed
//! cycle left in memory is not trusted.

mod apply;
mod clear;
mod epochs;
mod log_writer;
pub(crate) mod queue;
pub(crate) mod request;
mod storage;
mod store_writer;
mod work;

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
use epochs::Epochs;
use storage::Storage;
use work::Work;

pub(crate) struct Writer {
    shared: Arc<Shared>,
    storage: Storage,
    epochs: Epochs,
    clearing: Clearing,
    /// Since when something is committed that is not on the disk.
    unflushed: Option<Instant>,
}

/// What came next.
enum Turn {
    Work(Vec<Queued>),
    /// Nothing, for as long as there was time.
    Quiet,
    /// Nobody is left who could ask.
    Over,
}

impl Writer {
    pub(crate) fn new(shared: Arc<Shared>, file: DataFile, opened: Opened) -> Self {
        let epochs = Epochs::new(shared.partitions);
        let storage = Storage::new(shared.clone(), file, opened);
        Self { shared, storage, epochs, clearing: Clearing::default(), unflushed: None }
    }

    pub(crate) fn place(&self) -> Arc<str> {
        self.shared.place.clone()
    }

    /// Works until it is asked to end, or nobody is left who could ask.
    pub(crate) fn run(&mut self, requests: &Receiver<Queued>) {
        let mut asked = None;
        while asked.is_none() {
            match self.turn(requests) {
                Turn::Work(queued) => asked = self.work(queued),
                Turn::Quiet => self.rest(),
                Turn::Over => break,
            }
        }
        let closed = self.finish();
        self.shared.close();
        if let Some(reply) = asked {
            let _ = reply.send(closed);
        }
    }

    /// Waits for requests, and takes what is there.
    fn turn(&self, requests: &Receiver<Queued>) -> Turn {
        let flush_in = |since: Instant| {
            let left = Duration::from_millis(FLUSH_MS_MAX).saturating_sub(since.elapsed());
            // With nothing to do, sooner: whoever comes next has less to wait for.
            left.min(Duration::from_millis(FLUSH_QUIET_MS))
        };
        let flush = self.unflushed.map(flush_in);
        let first = match self.storage.retry_in().or(flush) {
            Some(wait) => requests.recv_timeout(wait),
            None => requests.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        let first = match first {
            Ok(first) => first,
            Err(RecvTimeoutError::Timeout) => return Turn::Quiet,
            Err(RecvTimeoutError::Disconnected) => return Turn::Over,
        };
        let mut bytes = first.bytes;
        let mut queued = vec![first];
        while bytes < CYCLE_BYTES_MAX {
            let Ok(next) = requests.try_recv() else { break };
            bytes += next.bytes;
            queued.push(next);
        }
        Turn::Work(queued)
    }

    /// Carries requests out, and hands back the reply to who asked for the end, if somebody did.
    fn work(&mut self, queued: Vec<Queued>) -> Option<Reply<()>> {
        if self.storage.retry_in().is_some_and(|wait| wait.is_zero()) {
            self.retry();
        }
        let (mut work, mut asked, mut room) = (Work::default(), None, Vec::with_capacity(queued.len()));
        for Queued { request, room: taken, .. } in queued {
            match request {
                Request::Close(reply) => asked = Some(reply),
                request => work.take(request),
            }
            // Free again when everything is done, which holds the memory as long.
            room.push(taken);
        }
        match self.storage.trouble() {
            None => self.cycle(work),
            Some(error) => work.fail(&error),
        }
        asked
    }

    fn cycle(&mut self, mut work: Work) {
        match self.guarded(|writer| writer.apply_and_commit(&mut work)) {
            Ok(Applied { state, blocks, outcomes, written, clearing, cleared, forgotten, .. }) => {
                self.clearing = clearing;
                self.shared.publish(Published { state, blocks });
                self.shared.outcomes.insert(outcomes);
                forgotten.into_iter().for_each(|partition| self.shared.outcomes.forget(partition));
                work.done(written, cleared);
            }
            Err(error) => {
                work.fail(&error);
                self.fail(&error);
            }
        }
    }

    fn apply_and_commit(&mut self, work: &mut Work) -> Result<Applied, FileError> {
        loop {
            let txn = self.storage.begin()?;
            let mut applied = Applied::on(State::clone(&self.shared.state()), self.clearing.clone());
            if let Err((index, error)) = apply::writes(&txn, work, &mut applied) {
                let FileError::Damaged(reason) = error else { return Err(error) };
                // Only whoever wrote to the damaged document is concerned; the others begin again without.
                txn.abort()?;
                work.fail_write(index, EmbeddedError::Damaged { place: self.shared.place.clone(), reason });
                continue;
            }
            if let Err((index, error)) = apply::clears(&txn, work, &mut applied) {
                let FileError::Damaged(reason) = error else { return Err(error) };
                txn.abort()?;
                work.fail_clear(index, EmbeddedError::Damaged { place: self.shared.place.clone(), reason });
                continue;
            }
            apply::log_requests(&txn, work, &mut applied, &mut self.epochs, &self.shared)?;
            let flush =
                self.unflushed.is_some_and(|since| since.elapsed().as_millis() >= FLUSH_MS_MAX.into());
            if applied.durable || !applied.written.is_empty() || !applied.cleared.is_empty() {
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
        self.unflushed = if durable { None } else { self.unflushed.or_else(|| Some(Instant::now())) };
        Ok(())
    }

    /// There is nothing to do: time for what was put off.
    fn rest(&mut self) {
        if self.storage.retry_in().is_some() {
            self.retry();
        } else if self.unflushed.is_some() {
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

    /// Opens the file anew after a failure.
    fn fail(&mut self, error: &EmbeddedError) {
        tracing::error!(%error, "a write failed; opening the data file anew");
        self.unflushed = None;
        // What was removed and not on the disk is there again.
        self.clearing = Clearing::default();
        self.storage.fail(error.clone());
        self.retry();
    }

    fn retry(&mut self) {
        if let Some(state) = self.storage.retry() {
            // What was committed and not on the disk is gone; what failed may be there.
            self.shared.recent_blocks.clear();
            self.shared.publish(Published { state, blocks: Vec::new() });
        }
    }

    /// Brings everything to the disk and closes the file.
    fn finish(&mut self) -> Result<(), EmbeddedError> {
        if self.unflushed.is_some() {
            self.flush();
        }
        self.storage.close()
    }
}
