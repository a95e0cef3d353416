//! Errors of the engine.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;

use logistics_core::Partition;
use logistics_core::limits::RECORD_BYTES_MAX;
use logistics_core::port::{PortError, PortErrorKind, Topic};

use crate::file::schema::FORMAT;
use crate::limits::{GROUP_BYTES_MAX, PARTITIONS_MAX};

/// An error of the engine. Its text says what failed and what to do.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum EmbeddedError {
    /// The partition count of the configuration is out of range.
    #[error("{0} partitions are configured; the engine supports 1 to {PARTITIONS_MAX}")]
    InvalidPartitions(u32),
    /// The data directory cannot be created, read or written.
    #[error("cannot use the data directory {}: {reason}", .path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// The system's error.
        reason: String,
    },
    /// Another engine has the data directory open.
    #[error(
        "the data directory {} is in use by another process: stop that one first, or choose another directory",
        .0.display()
    )]
    InUse(PathBuf),
    /// The data file has another partition count than the configuration.
    #[error(
        "{place} has {found} partitions and {asked} are configured: configure {found}, or choose another directory \
         (the number is fixed when the data file is created)"
    )]
    Partitions {
        /// The data file.
        place: Arc<str>,
        /// The count of the file.
        found: u32,
        /// The configured count.
        asked: u32,
    },
    /// This build does not support the data file's format.
    #[error(
        "{place} has format {found} and this build reads format {known}: use the version that wrote the file"
    )]
    Format {
        /// The data file.
        place: Arc<str>,
        /// Its format.
        found: u32,
        /// The format of this build.
        known: u32,
    },
    /// The data file is damaged, or another program wrote it.
    #[error(
        "{place} is damaged, or is no data file of this system: {reason}; it was left unchanged: restore a backup, or \
         choose another directory"
    )]
    Damaged {
        /// The data file.
        place: Arc<str>,
        /// What was found.
        reason: String,
    },
    /// The disk is full.
    #[error("the disk of {place} is full: free some space, and the engine continues without a restart")]
    Full {
        /// The data file.
        place: Arc<str>,
    },
    /// A read or write failed, and a retry may succeed.
    #[error("{place} cannot be read or written at the moment: {reason}")]
    Unavailable {
        /// The data file.
        place: Arc<str>,
        /// The system's error.
        reason: String,
    },
    /// A sync failed, so the file's cached pages may differ from the disk.
    #[error("the disk did not confirm a write to {place}: check the disk, then restart the process")]
    Unsynced {
        /// The data file.
        place: Arc<str>,
    },
    /// A record exceeds the log's limit.
    #[error("the record has {0} bytes; the limit is {RECORD_BYTES_MAX}")]
    TooLarge(usize),
    /// A record for a topic that only the owners of its partitions write.
    #[error("records of {} are written by the owners of its partitions only", .0.name())]
    NotPublished(Topic),
    /// A group's name is too long.
    #[error("the group's name has {0} bytes; the limit is {GROUP_BYTES_MAX}")]
    GroupName(usize),
    /// There is no such partition.
    #[error("there is no partition {asked}: they are numbered from 0 to {last}")]
    NoPartition {
        /// The requested partition.
        asked: Partition,
        /// The last partition.
        last: u32,
    },
    /// The caller's subscription no longer has this partition.
    #[error("partition {0} is assigned to another member of the group of readers")]
    NotReader(Partition),
    /// The caller left the group.
    #[error("this member left the group")]
    Left,
    /// There is no data in the directory.
    #[error("there is no data file in {}: run `serve` with this directory once, or choose another directory", .0.display())]
    Missing(PathBuf),
    /// The engine was closed.
    #[error("the engine was closed")]
    Closed,
}

/// Why a read or a write of the file failed.
#[derive(Debug)]
pub(crate) enum FileError {
    /// redb failed.
    File(redb::Error),
    /// The file has another format.
    Format(u32),
    /// The content is invalid.
    Damaged(String),
}

/// Turns a panic into an error. redb panics on some damage that its checks do not cover.
pub(crate) fn guarded<T>(work: impl FnOnce() -> Result<T, FileError>) -> Result<T, FileError> {
    let worked = catch_unwind(AssertUnwindSafe(work));
    worked.unwrap_or_else(|_| Err(FileError::damaged("its structure is broken")))
}

impl<E: Into<redb::Error>> From<E> for FileError {
    fn from(error: E) -> Self {
        FileError::File(error.into())
    }
}

impl FileError {
    pub(crate) fn damaged(what: impl Into<String>) -> Self {
        FileError::Damaged(what.into())
    }

    pub(crate) fn at(self, place: &Arc<str>) -> EmbeddedError {
        match self {
            FileError::File(error) => EmbeddedError::from_redb(place, error),
            FileError::Format(found) => EmbeddedError::Format { place: place.clone(), found, known: FORMAT },
            FileError::Damaged(reason) => EmbeddedError::Damaged { place: place.clone(), reason },
        }
    }
}

impl EmbeddedError {
    /// The kind of the port error, by which the caller decides on a retry.
    #[must_use]
    pub fn kind(&self) -> PortErrorKind {
        match self {
            EmbeddedError::InvalidPartitions(_)
            | EmbeddedError::GroupName(_)
            | EmbeddedError::NotPublished(_)
            | EmbeddedError::NoPartition { .. }
            | EmbeddedError::Missing(_)
            | EmbeddedError::Directory { .. }
            | EmbeddedError::InUse(_)
            | EmbeddedError::Partitions { .. }
            | EmbeddedError::Format { .. } => PortErrorKind::Refused,
            EmbeddedError::Damaged { .. } => PortErrorKind::Corrupt,
            EmbeddedError::Full { .. } => PortErrorKind::StorageFull,
            EmbeddedError::Unavailable { .. } | EmbeddedError::Unsynced { .. } => PortErrorKind::Unavailable,
            EmbeddedError::TooLarge(_) => PortErrorKind::TooLarge,
            EmbeddedError::NotReader(_) | EmbeddedError::Left | EmbeddedError::Closed => {
                PortErrorKind::Closed
            }
        }
    }

    /// The error for a failure of redb.
    pub(crate) fn from_redb(place: &Arc<str>, error: redb::Error) -> Self {
        let place = place.clone();
        match error {
            redb::Error::Io(error) => Self::from_io(&place, &error),
            redb::Error::PreviousIo | redb::Error::DatabaseClosed | redb::Error::Backend(_) => {
                Self::Unavailable { place, reason: error.to_string() }
            }
            // Every other error means that the content is invalid.
            other => Self::Damaged { place, reason: other.to_string() },
        }
    }

    pub(crate) fn from_io(place: &Arc<str>, error: &io::Error) -> Self {
        let place = place.clone();
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                Self::Full { place }
            }
            io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => {
                Self::Damaged { place, reason: error.to_string() }
            }
            _ => Self::Unavailable { place, reason: error.to_string() },
        }
    }
}

impl From<EmbeddedError> for PortError {
    fn from(error: EmbeddedError) -> Self {
        // The text is complete. With the error as source, a printed chain would repeat it.
        PortError::new(error.kind(), error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_printed_chain_has_each_cause_once() {
        let place: Arc<str> = Arc::from("the data file");
        let cause = || io::Error::other("the cable is loose");
        let directory = EmbeddedError::Directory { path: "data".into(), reason: cause().to_string() };
        let damaged = EmbeddedError::Damaged { place: place.clone(), reason: cause().to_string() };
        let failed = EmbeddedError::from_redb(&place, redb::Error::Io(cause()));
        for error in [directory, damaged, failed, EmbeddedError::from_io(&place, &cause())] {
            let text = error.to_string();
            let error = PortError::from(error);
            let first: Option<&dyn std::error::Error> = Some(&error);
            let chain: Vec<String> =
                std::iter::successors(first, |error| error.source()).map(ToString::to_string).collect();
            let chain = chain.join(": ");
            assert_eq!(chain.matches("the cable is loose").count(), 1, "{chain}");
            assert_eq!(chain.matches(&text).count(), 1, "{chain}");
        }
    }

    #[test]
    fn a_full_disk_and_a_broken_one_are_different_errors() {
        let place: Arc<str> = Arc::from("the data file");
        let kind = |kind: io::ErrorKind| {
            EmbeddedError::from_redb(&place, redb::Error::Io(io::Error::from(kind))).kind()
        };
        assert_eq!(kind(io::ErrorKind::StorageFull), PortErrorKind::StorageFull);
        assert_eq!(kind(io::ErrorKind::QuotaExceeded), PortErrorKind::StorageFull);
        assert_eq!(kind(io::ErrorKind::PermissionDenied), PortErrorKind::Unavailable);
        assert_eq!(kind(io::ErrorKind::InvalidData), PortErrorKind::Corrupt);
        assert_eq!(
            EmbeddedError::from_redb(&place, redb::Error::PreviousIo).kind(),
            PortErrorKind::Unavailable
        );
    }
}
