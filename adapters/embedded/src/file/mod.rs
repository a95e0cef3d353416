//! The data file: locking, opening and checking it.

pub(crate) mod checksum;
mod directory;
mod gate;
mod permissions;
pub(crate) mod schema;
mod upgrade;
pub(crate) mod usage;

use std::sync::Arc;

use redb::{Builder, Database, ReadableDatabase};

pub(crate) use directory::DataDir;
pub(crate) use gate::{Disk, Gate};

use crate::error::{EmbeddedError, FileError, guarded};
use crate::file::schema::{
    DOCUMENTS, FORMAT, INDEX, LATE, LOG, META, META_FORMAT, META_PARTITIONS, PARTIES, TIMERS,
};
use crate::limits::CHECKED_WHOLE_BYTES_MAX;
use crate::state::State;

/// The data file, which can be reopened.
#[derive(Debug, Clone)]
pub(crate) struct DataFile {
    pub(crate) disk: Arc<Disk>,
    pub(crate) place: Arc<str>,
    pub(crate) cache_bytes: usize,
}

/// An open data file that is still unchanged.
pub(crate) struct Opened {
    pub(crate) database: Database,
    pub(crate) gate: Gate,
    pub(crate) state: State,
}

impl DataFile {
    /// Opens the file on a given disk, or creates it if the disk is empty.
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

    /// Opens and checks the file. Changes reach the disk when the gate is released.
    pub(crate) fn open(&self) -> Result<Opened, EmbeddedError> {
        let (database, gate) = self.open_database()?;
        let state = guarded(|| {
            State::check_format(&database.begin_read()?)?;
            upgrade::upgrade(&database)?;
            State::load(&database.begin_read()?)
        });
        Ok(Opened { database, gate, state: state.map_err(|error| error.at(&self.place))? })
    }

    /// Creates the tables in an empty file. They reach the disk when the gate is released.
    pub(crate) fn create(&self, partitions: u32) -> Result<Opened, EmbeddedError> {
        let (database, gate) = self.open_database()?;
        let state = guarded(|| {
            create_tables(&database, partitions)?;
            State::load(&database.begin_read()?)
        });
        Ok(Opened { database, gate, state: state.map_err(|error| error.at(&self.place))? })
    }

    fn open_database(&self) -> Result<(Database, Gate), EmbeddedError> {
        let gate =
            Gate::held(self.disk.clone()).map_err(|error| EmbeddedError::from_io(&self.place, &error))?;
        let length = self.disk.len().map_err(|error| EmbeddedError::from_io(&self.place, &error))?;
        let database = guarded(|| {
            let mut builder = Builder::new();
            builder.set_cache_size(self.cache_bytes);
            builder.set_check_integrity_on_open(length > 0 && length <= CHECKED_WHOLE_BYTES_MAX);
            Ok(builder.create_with_backend(gate.clone())?)
        });
        Ok((database.map_err(|error| error.at(&self.place))?, gate))
    }

    pub(crate) fn damaged(&self, reason: String) -> EmbeddedError {
        EmbeddedError::Damaged { place: self.place.clone(), reason }
    }
}

fn create_tables(database: &Database, partitions: u32) -> Result<(), FileError> {
    let txn = database.begin_write()?;
    {
        let mut meta = txn.open_table(META)?;
        meta.insert(META_FORMAT, FORMAT)?;
        meta.insert(META_PARTITIONS, partitions)?;
        txn.open_table(LOG)?;
        txn.open_table(DOCUMENTS)?;
        txn.open_table(INDEX)?;
        txn.open_table(LATE)?;
        txn.open_table(PARTIES)?;
        txn.open_table(TIMERS)?;
    }
    upgrade::add_identity(&txn)?;
    txn.commit()?;
    Ok(())
}
