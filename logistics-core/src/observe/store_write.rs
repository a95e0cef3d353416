//! Writes of a processor to the store.

use std::time::Duration;

use crate::ids::{Offset, Partition, Timestamp};
use crate::port::PortErrorKind;

/// A store write of a processor that ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct StoreWriteReport {
    /// The partition.
    pub partition: Partition,
    /// The number of documents.
    pub documents: usize,
    /// Every input before this offset is answered in what was written.
    pub answered: Offset,
    /// `Ok`, also if the store is at a write of another owner, or the kind of the error.
    pub outcome: Result<(), PortErrorKind>,
    /// When the write began.
    pub began: Timestamp,
    /// From the write to its result.
    pub elapsed: Duration,
}

impl StoreWriteReport {
    /// A report of a write of documents up to an answered offset.
    #[must_use]
    pub fn new(
        partition: Partition,
        (documents, answered): (usize, Offset),
        outcome: Result<(), PortErrorKind>,
        began: Timestamp,
        elapsed: Duration,
    ) -> Self {
        Self { partition, documents, answered, outcome, began, elapsed }
    }
}
