//! The engine's configuration.

use std::path::PathBuf;

use crate::error::EmbeddedError;
use crate::limits::{CACHE_BYTES_DEFAULT, PARTITIONS_DEFAULT, PARTITIONS_MAX, TAIL_BYTES_MAX};

/// How the engine works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The directory of the data file; made if it is missing, with its parents.
    pub data_dir: PathBuf,
    /// Partitions of every topic, from 1 to [`PARTITIONS_MAX`]. Fixed when the data file is made: another number is refused
    /// from then on. `None`: as many as the data file has; where one is made, [`PARTITIONS_DEFAULT`].
    pub partitions: Option<u32>,
    /// Memory for pages of the data file at most, in bytes. It fills with use and is not set aside.
    pub cache_bytes: usize,
    /// Memory for recent records at most, in bytes, over all partitions. It fills with use and is not set aside.
    pub tail_bytes: usize,
}

impl Config {
    /// The defaults, for this directory.
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

    /// The partitions of a data file that is made.
    pub(crate) fn partitions_of_new(&self) -> u32 {
        self.partitions.unwrap_or(PARTITIONS_DEFAULT)
    }
}
