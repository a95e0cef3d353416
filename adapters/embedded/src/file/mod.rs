//! The data file: finding, locking, opening and checking it.

mod directory;
mod gate;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use redb::{Builder, Database, ReadableDatabase};

pub(crate) use directory::DataDir;
pub(crate) use gate::{Disk, Gate};

use crate::error::EmbeddedError;
use crate::limits::CHECKED_WHOLE_BYTES_MAX;
use crate::schema::{DOCUMENTS, FORMAT, INDEX, LOG, META, META_FORMAT, META_PARTITIONS, STATE, TIMERS};
use crate::state::{LoadError, State};

/// The data file, and how to open it again.
#[derive(Debug, Clone)]
pub(crate) struct DataFile {
    pub(crate) disk: Arc<Disk>,
    pub(crate) place: Arc<str>,
    pub(crate) cache_bytes: usize,
}

/// An opening of the data file that has not changed it yet.
pub(crate) struct Opened {
    pub(crate) database: Database,
    pub(crate) gate: Gate,
    pub(crate) state: State,
}

impl DataFile {
    /// The file on any disk, opened, or made where the disk is empty.
    #[cfg(feature = "testkit")]
    pub(crate) fn on(
        disk: impl redb::StorageBackend,
        config: &crate::config::Config,
    ) -> Result<(Self, Opened), EmbeddedError> {
        let file = Self {
            disk: Disk::new(disk),
            place: Arc::from("the data file"),
            cache_bytes: config.cache_bytes,
        };
        let is_empty = file.disk.len().map_err(|error| EmbeddedError::from_io(&file.place, &error))? == 0;
        let opened = if is_empty { file.create(config.partitions_of_new())? } else { file.open()? };
        Ok((file, opened))
    }

    /// Opens the file and checks it, without changing it.
    pub(crate) fn open(&self) -> Result<Opened, EmbeddedError> {
        let (database, gate) = self.open_database()?;
        let state = self.guarded(|| {
            let txn = database.begin_read().map_err(LoadError::from)?;
            State::load(&txn)
        });
        match state? {
            Ok(state) => Ok(Opened { database, gate, state }),
            Err(LoadError::File(error)) => Err(EmbeddedError::from_redb(&self.place, error)),
            Err(LoadError::Damaged(reason)) => Err(self.damaged(reason)),
            Err(LoadError::Format(found)) => {
                Err(EmbeddedError::Format { place: self.place.clone(), found, known: FORMAT })
            }
        }
    }

    /// Lays the tables out in an empty file. Nothing of it is on the disk until the gate is released.
    pub(crate) fn create(&self, partitions: u32) -> Result<Opened, EmbeddedError> {
        let (database, gate) = self.open_database()?;
        lay_out(&database, partitions).map_err(|error| EmbeddedError::from_redb(&self.place, error))?;
        Ok(Opened { database, gate, state: State::new(partitions) })
    }

    fn open_database(&self) -> Result<(Database, Gate), EmbeddedError> {
        let gate =
            Gate::held(self.disk.clone()).map_err(|error| EmbeddedError::from_io(&self.place, &error))?;
        let length = self.disk.len().map_err(|error| EmbeddedError::from_io(&self.place, &error))?;
        let database = self.guarded(|| {
            Builder::new()
                .set_cache_size(self.cache_bytes)
                .set_check_integrity_on_open(length > 0 && length <= CHECKED_WHOLE_BYTES_MAX)
                .create_with_backend(gate.clone())
        })?;
        let database = database.map_err(|error| EmbeddedError::from_redb(&self.place, error.into()))?;
        Ok((database, gate))
    }

    /// redb panics on some damage that its checks do not cover.
    fn guarded<T>(&self, work: impl FnOnce() -> T) -> Result<T, EmbeddedError> {
        catch_unwind(AssertUnwindSafe(work)).map_err(|_| self.damaged("its structure is broken".to_owned()))
    }

    pub(crate) fn damaged(&self, reason: String) -> EmbeddedError {
        EmbeddedError::Damaged { place: self.place.clone(), reason }
    }
}

fn lay_out(database: &Database, partitions: u32) -> Result<(), redb::Error> {
    let txn = database.begin_write()?;
    {
        let mut meta = txn.open_table(META)?;
        meta.insert(META_FORMAT, FORMAT)?;
        meta.insert(META_PARTITIONS, partitions)?;
        txn.open_table(LOG)?;
        txn.open_table(STATE)?;
        txn.open_table(DOCUMENTS)?;
        txn.open_table(INDEX)?;
        txn.open_table(TIMERS)?;
    }
    txn.commit()?;
    Ok(())
}
