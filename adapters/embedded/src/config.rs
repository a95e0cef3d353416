//! The engine's configuration.

use std::path::PathBuf;

use crate::error::EmbeddedError;
use crate::limits::{CACHE_BYTES_DEFAULT, PARTITIONS_DEFAULT, PARTITIONS_MAX, TAIL_BYTES_MAX};

/// Where the data is, and the engine's limits of memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The directory of the data file. The engine creates it and its parents if they are missing.
    pub data_dir: PathBuf,
    /// Partitions of every topic, from 1 to [`PARTITIONS_MAX`]. Fixed when the data file is created; a different number is
    /// rejected later. `None`: the count of the data file, or [`PARTITIONS_DEFAULT`] for a new one.
    pub partitions: Option<u32>,
    /// Maximum memory for pages of the data file, in bytes. It fills with use.
    pub cache_bytes: usize,
    /// Maximum memory for recent records of all logs, in bytes. It fills with use.
    pub tail_bytes: usize,
}

impl Config {
    /// The default configuration for a directory.
    #[must_use]
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            partitions: None,
            cache_bytes: CACHE_BYTES_DEFAULT,
            tail_bytes: TAIL_BYTES_MAX,
        }
    }

    pub(crate) fn check(&self) -> Result<(), EmbeddedError> {
        match self.partitions {
            Some(partitions) if !(1..=PARTITIONS_MAX).contains(&partitions) => {
                Err(EmbeddedError::InvalidPartitions(partitions))
            }
            _ => Ok(()),
        }
    }

    /// The partition count of a new data file.
    pub(crate) fn partitions_of_new(&self) -> u32 {
        self.partitions.unwrap_or(PARTITIONS_DEFAULT)
    }
}
