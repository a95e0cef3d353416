//! The writer's access to the file, and its recovery from a failing disk.

use std::sync::Arc;
use std::time::{Duration, Instant};

use redb::{Database, WriteTransaction};

use crate::error::{EmbeddedError, FileError};
use crate::file::{DataFile, Gate, Opened};
use crate::limits::{READERS_LEAVE_MS_MAX, REPAIR_BY_READING_BYTES_MAX, RETRY_MS_MIN, ROOM_BYTES_MIN};
use crate::shared::{EngineStatus, Shared};
use crate::state::State;

pub(super) struct Storage {
    shared: Arc<Shared>,
    file: DataFile,
    mode: Mode,
    /// The time of the last retry.
    retried_at: Instant,
}

enum Mode {
    Writable(Arc<Database>, Gate),
    /// The gate holds back redb's writes.
    ReadOnly(Arc<Database>, Gate, EmbeddedError),
    /// The file cannot be opened at the moment.
    Unusable(EmbeddedError),
    /// Only a restart of the process helps.
    Stopped(EmbeddedError),
}

impl Storage {
    /// Uses a file that was just opened. It is writable if the disk accepts the held writes.
    pub(super) fn new(shared: Arc<Shared>, file: DataFile, opened: Opened) -> Self {
        let database = Arc::new(opened.database);
        shared.replace_database(Ok(database.clone()));
        let mode = match opened.gate.release() {
            Ok(()) => Mode::Writable(database, opened.gate),
            Err(error) => {
                let error = EmbeddedError::from_io(&file.place, &error);
                Mode::ReadOnly(database, opened.gate, error)
            }
        };
        let storage = Self { shared, file, mode, retried_at: Instant::now() };
        storage.publish_status();
        storage
    }

    /// The error with which writes fail at the moment.
    pub(super) fn error(&self) -> Option<EmbeddedError> {
        match &self.mode {
            Mode::Writable(..) => None,
            Mode::ReadOnly(_, _, error) | Mode::Unusable(error) | Mode::Stopped(error) => Some(error.clone()),
        }
    }

    /// The time until the next retry, if one is needed.
    pub(super) fn retry_in(&self) -> Option<Duration> {
        match self.mode {
            Mode::Writable(..) | Mode::Stopped(_) => None,
            _ => Some(Duration::from_millis(RETRY_MS_MIN).saturating_sub(self.retried_at.elapsed())),
        }
    }

    pub(super) fn begin(&self) -> Result<WriteTransaction, FileError> {
        match &self.mode {
            Mode::Writable(database, _) => Ok(database.begin_write()?),
            _ => Err(FileError::File(redb::Error::DatabaseClosed)),
        }
    }

    /// Whether the file is too large to be repaired by reading it.
    pub(super) fn is_large(&self) -> bool {
        self.file.disk.len().is_ok_and(|bytes| bytes > REPAIR_BY_READING_BYTES_MAX)
    }

    /// Drops the open file after a failed write.
    pub(super) fn fail(&mut self, error: EmbeddedError) {
        if let Mode::Writable(_, gate) | Mode::ReadOnly(_, gate, _) = &self.mode {
            gate.kill();
        }
        if self.file.disk.is_unsynced() {
            // The system's view of the file may differ from the disk, so reads fail as well.
            let error = EmbeddedError::Unsynced { place: self.file.place.clone() };
            self.shared.replace_database(Err(error.clone()));
            self.mode = Mode::Stopped(error);
        } else {
            self.mode = Mode::Unusable(error);
        }
        self.publish_status();
    }

    /// Retries the disk. Returns the state of the file if it was reopened.
    pub(super) fn retry(&mut self) -> Option<State> {
        self.retried_at = Instant::now();
        let reopened = match &self.mode {
            Mode::Unusable(error) => self.reopen(error.clone()),
            _ => None,
        };
        self.try_release();
        self.publish_status();
        reopened
    }

    fn reopen(&mut self, cause: EmbeddedError) -> Option<State> {
        match self.file.open() {
            Ok(Opened { database, gate, state }) => {
                let database = Arc::new(database);
                self.shared.replace_database(Ok(database.clone()));
                self.mode = Mode::ReadOnly(database, gate, cause);
                Some(state)
            }
            Err(error) => {
                self.mode = Mode::Unusable(error);
                None
            }
        }
    }

    fn try_release(&mut self) {
        let Mode::ReadOnly(database, gate, error) = &self.mode else { return };
        let space = match error {
            EmbeddedError::Full { .. } => self.file.disk.check_free_space(ROOM_BYTES_MIN),
            _ => Ok(()),
        };
        self.mode = match space.and_then(|()| gate.release()) {
            Ok(()) => Mode::Writable(database.clone(), gate.clone()),
            Err(_) if self.file.disk.is_unsynced() => return self.fail(error.clone()),
            Err(failed) => {
                let error = EmbeddedError::from_io(&self.file.place, &failed);
                Mode::ReadOnly(database.clone(), gate.clone(), error)
            }
        };
    }

    /// Closes the file, and waits a limited time for running reads.
    pub(super) fn close(&mut self) -> Result<(), EmbeddedError> {
        self.shared.replace_database(Err(EmbeddedError::Closed));
        let place = self.file.place.clone();
        let mode = std::mem::replace(&mut self.mode, Mode::Stopped(EmbeddedError::Closed));
        let closed = match mode {
            Mode::Writable(database, _) => match into_sole(database) {
                Some(database) => database.close().map_err(|error| FileError::from(error).at(&place)),
                None => Ok(()),
            },
            Mode::ReadOnly(_, gate, _) => {
                gate.kill();
                Ok(())
            }
            Mode::Unusable(_) | Mode::Stopped(_) => Ok(()),
        };
        let disk_closed = self.file.disk.close().map_err(|error| EmbeddedError::from_io(&place, &error));
        closed.and(disk_closed)
    }

    fn publish_status(&self) {
        self.shared.set_status(match &self.mode {
            Mode::Writable(..) => EngineStatus::Ready,
            Mode::ReadOnly(_, _, error) | Mode::Unusable(error) => EngineStatus::Retrying(error.clone()),
            Mode::Stopped(error) => EngineStatus::Stopped(error.clone()),
        });
    }
}

/// Waits for the last reference to the database. `None` if reads still run after the limit.
fn into_sole(mut database: Arc<Database>) -> Option<Database> {
    let until = Instant::now() + Duration::from_millis(READERS_LEAVE_MS_MAX);
    loop {
        match Arc::try_unwrap(database) {
            Ok(database) => return Some(database),
            Err(_) if Instant::now() >= until => return None,
            Err(shared) => database = shared,
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}
