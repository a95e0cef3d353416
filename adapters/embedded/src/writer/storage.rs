//! The file as the writer has it: open, waiting for the disk to take writes again, or given up.

use std::sync::Arc;
use std::time::{Duration, Instant};

use redb::{Database, WriteTransaction};

use crate::error::{EmbeddedError, FileError};
use crate::file::{DataFile, Gate, Opened};
use crate::limits::{READERS_LEAVE_MS_MAX, REPAIR_BY_READING_BYTES_MAX, RETRY_MS_MIN, ROOM_BYTES_MIN};
use crate::shared::{Shared, Standing};
use crate::state::State;

pub(super) struct Storage {
    shared: Arc<Shared>,
    file: DataFile,
    mode: Mode,
    /// When the disk was tried last.
    tried: Instant,
}

enum Mode {
    Working(Arc<Database>, Gate),
    /// It can be read; what redb wrote to it so far is held back.
    Held(Arc<Database>, Gate, EmbeddedError),
    /// It cannot even be opened.
    Shut(EmbeddedError),
    /// Nothing will mend it but a new process.
    Over(EmbeddedError),
}

impl Storage {
    /// A file that was just opened: it takes writes if the disk does.
    pub(super) fn new(shared: Arc<Shared>, file: DataFile, opened: Opened) -> Self {
        let database = Arc::new(opened.database);
        shared.replace_database(Ok(database.clone()));
        let mode = match opened.gate.release() {
            Ok(()) => Mode::Working(database, opened.gate),
            Err(error) => {
                let error = EmbeddedError::from_io(&file.place, &error);
                Mode::Held(database, opened.gate, error)
            }
        };
        let storage = Self { shared, file, mode, tried: Instant::now() };
        storage.show();
        storage
    }

    /// Why nothing can be written, if nothing can.
    pub(super) fn trouble(&self) -> Option<EmbeddedError> {
        match &self.mode {
            Mode::Working(..) => None,
            Mode::Held(_, _, error) | Mode::Shut(error) | Mode::Over(error) => Some(error.clone()),
        }
    }

    /// When the disk is to be tried again, if it is.
    pub(super) fn retry_in(&self) -> Option<Duration> {
        match self.mode {
            Mode::Working(..) | Mode::Over(_) => None,
            _ => Some(Duration::from_millis(RETRY_MS_MIN).saturating_sub(self.tried.elapsed())),
        }
    }

    pub(super) fn begin(&self) -> Result<WriteTransaction, FileError> {
        match &self.mode {
            Mode::Working(database, _) => Ok(database.begin_write()?),
            _ => Err(FileError::File(redb::Error::DatabaseClosed)),
        }
    }

    /// Too large to be read whole after a crash.
    pub(super) fn is_large(&self) -> bool {
        self.file.disk.len().is_ok_and(|bytes| bytes > REPAIR_BY_READING_BYTES_MAX)
    }

    /// After a failed write: lets go of the file, and of what is in memory of it.
    pub(super) fn fail(&mut self, error: EmbeddedError) {
        if let Mode::Working(_, gate) | Mode::Held(_, gate, _) = &self.mode {
            gate.kill();
        }
        if self.file.disk.is_unsynced() {
            // What the system shows of the file need not be what is on the disk, so nothing may be read from it either.
            let error = EmbeddedError::Unsynced { place: self.file.place.clone() };
            self.shared.replace_database(Err(error.clone()));
            self.mode = Mode::Over(error);
        } else {
            self.mode = Mode::Shut(error);
        }
        self.show();
    }

    /// Tries the disk. Where the file had to be opened anew, answers what it holds.
    pub(super) fn retry(&mut self) -> Option<State> {
        self.tried = Instant::now();
        let reopened = match &self.mode {
            Mode::Shut(error) => self.reopen(error.clone()),
            _ => None,
        };
        self.try_release();
        self.show();
        reopened
    }

    fn reopen(&mut self, why: EmbeddedError) -> Option<State> {
        match self.file.open() {
            Ok(Opened { database, gate, state }) => {
                let database = Arc::new(database);
                self.shared.replace_database(Ok(database.clone()));
                self.mode = Mode::Held(database, gate, why);
                Some(state)
            }
            Err(error) => {
                self.mode = Mode::Shut(error);
                None
            }
        }
    }

    fn try_release(&mut self) {
        let Mode::Held(database, gate, error) = &self.mode else { return };
        let room = match error {
            EmbeddedError::Full { .. } => self.file.disk.try_room(ROOM_BYTES_MIN),
            _ => Ok(()),
        };
        self.mode = match room.and_then(|()| gate.release()) {
            Ok(()) => Mode::Working(database.clone(), gate.clone()),
            Err(_) if self.file.disk.is_unsynced() => return self.fail(error.clone()),
            Err(failed) => {
                let error = EmbeddedError::from_io(&self.file.place, &failed);
                Mode::Held(database.clone(), gate.clone(), error)
            }
        };
    }

    /// Closes the file. Reads that are under way get a moment to end.
    pub(super) fn close(&mut self) -> Result<(), EmbeddedError> {
        self.shared.replace_database(Err(EmbeddedError::Closed));
        let place = self.file.place.clone();
        let mode = std::mem::replace(&mut self.mode, Mode::Over(EmbeddedError::Closed));
        let closed = match mode {
            Mode::Working(database, _) => match sole(database) {
                Some(database) => database.close().map_err(|error| FileError::from(error).at(&place)),
                None => Ok(()),
            },
            Mode::Held(_, gate, _) => {
                gate.kill();
                Ok(())
            }
            Mode::Shut(_) | Mode::Over(_) => Ok(()),
        };
        let freed = self.file.disk.close().map_err(|error| EmbeddedError::from_io(&place, &error));
        closed.and(freed)
    }

    fn show(&self) {
        self.shared.stand(match &self.mode {
            Mode::Working(..) => Standing::Working,
            Mode::Held(_, _, error) | Mode::Shut(error) => Standing::Waiting(error.clone()),
            Mode::Over(error) => Standing::Over(error.clone()),
        });
    }
}

/// The database, once nobody else holds it.
fn sole(mut database: Arc<Database>) -> Option<Database> {
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
