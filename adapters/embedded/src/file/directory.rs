//! The data directory: created if it is missing, and locked.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use redb::backends::FileBackend;

use super::{DataFile, Disk, Opened, permissions};
use crate::config::Config;
use crate::error::EmbeddedError;

const DATA_FILE: &str = "logistics.redb";
/// A data file during its creation. A crash may leave it; it contains nothing that was acknowledged.
const NEW_FILE: &str = "logistics.redb.new";
const LOCK_FILE: &str = "lock";

/// A locked data directory. Dropping it releases the lock.
#[derive(Debug)]
pub(crate) struct DataDir {
    path: PathBuf,
    _lock: File,
}

impl DataDir {
    /// Creates the directory if it is missing, and locks it.
    pub(crate) fn lock(path: &Path) -> Result<Self, EmbeddedError> {
        let failed = |error: io::Error| unusable(path, &error);
        permissions::create_directory(path).map_err(failed)?;
        let lock = permissions::private_file()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path.join(LOCK_FILE))
            .map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(EmbeddedError::InUse(path.to_owned())),
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }

    /// Locks a directory that has a data file.
    pub(crate) fn lock_existing(path: &Path) -> Result<Self, EmbeddedError> {
        match path.join(DATA_FILE).try_exists() {
            Ok(true) => Self::lock(path),
            Ok(false) => Err(EmbeddedError::Missing(path.to_owned())),
            Err(error) => Err(unusable(path, &error)),
        }
    }

    /// The path of the data file.
    pub(crate) fn file_path(&self) -> PathBuf {
        self.path.join(DATA_FILE)
    }

    /// Opens the data file, or creates it.
    pub(crate) fn open(&self, config: &Config) -> Result<(DataFile, Opened), EmbeddedError> {
        let path = self.file_path();
        match OpenOptions::new().read(true).write(true).open(&path) {
            Ok(file) => {
                let data = self.data_file(file, config)?;
                // An empty file was truncated: during its creation, a file has another name.
                if data.disk.len().is_ok_and(|length| length == 0) {
                    return Err(data.damaged("the file is empty".to_owned()));
                }
                let opened = data.open()?;
                Ok((data, opened))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.create(&path, config),
            Err(error) => Err(unusable(&self.path, &error)),
        }
    }

    fn create(&self, path: &Path, config: &Config) -> Result<(DataFile, Opened), EmbeddedError> {
        let failed = |error: io::Error| unusable(&self.path, &error);
        let new = self.path.join(NEW_FILE);
        let file = permissions::private_file()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(&new)
            .map_err(failed)?;
        let data = self.data_file(file, config)?;
        let opened = data.create(config.partitions_of_new())?;
        opened.gate.release().map_err(|error| EmbeddedError::from_io(&data.place, &error))?;
        fs::rename(&new, path).map_err(failed)?;
        sync_directory(&self.path).map_err(failed)?;
        Ok((data, opened))
    }

    fn data_file(&self, file: File, config: &Config) -> Result<DataFile, EmbeddedError> {
        let place: Arc<str> = Arc::from(format!("the data file {}", self.file_path().display()));
        let backend =
            FileBackend::new(file).map_err(|error| EmbeddedError::from_redb(&place, error.into()))?;
        Ok(DataFile { disk: Disk::new(backend), place, cache_bytes: config.cache_bytes })
    }
}

fn unusable(path: &Path, error: &io::Error) -> EmbeddedError {
    EmbeddedError::Directory { path: path.to_owned(), reason: error.to_string() }
}

/// A renamed file survives a power loss only after its directory is synced.
fn sync_directory(path: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(path)?.sync_all() } else { Ok(()) }
}
