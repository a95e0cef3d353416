//! Measures the store writes of a processor, for their reports. One write is in progress at a time.

use logistics_core::observe::StoreWriteReport;
use logistics_core::port::{PortErrorKind, StoreWrite};
use logistics_core::{Offset, Partition, Timestamp};
use tokio::time::Instant;

/// The write in progress.
pub(crate) struct WriteTimer {
    partition: Partition,
    /// The number of documents and the answered offset.
    written: (usize, Offset),
    began: (Timestamp, Instant),
}

impl WriteTimer {
    /// The write begins `now`.
    pub(crate) fn begin(write: &StoreWrite, now: Timestamp) -> Self {
        let written = (write.documents.len(), write.answered);
        Self { partition: write.partition, written, began: (now, Instant::now()) }
    }

    /// The write has ended.
    pub(crate) fn end(self, outcome: Result<(), PortErrorKind>) -> StoreWriteReport {
        let (began, start) = self.began;
        StoreWriteReport::new(self.partition, self.written, outcome, began, start.elapsed())
    }
}
