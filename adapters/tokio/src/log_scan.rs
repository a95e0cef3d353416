//! Finds the first input in a part of a partition.

use logistics_core::port::{EventBus, PortError, ReadLimit, Topic};
use logistics_core::wire::is_surely_from_processor;
use logistics_core::{Offset, Partition, Timestamp};

/// Reads of one scan that return records. Owners answer inputs in batches, so few owners' records follow each other without an input.
const READS_MAX: usize = 8;
/// One read of a scan. In most cases, the first record is an input.
const READ: ReadLimit = ReadLimit { records: 500, bytes: 256 * 1024 };

/// The result of a scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scanned {
    /// There is no input.
    None,
    /// The first input, and when the log accepted it.
    Input { at: Offset, since: Timestamp },
    /// There is no input before `at`. What follows is not older than `since`.
    More { at: Offset, since: Timestamp },
}

/// The first input in `from..end`. A record counts as an input unless it is surely an owner's: any other record needs an
/// outcome, even if it cannot be decoded.
pub(crate) async fn first_input(
    bus: &dyn EventBus,
    partition: Partition,
    from: Offset,
    end: Offset,
) -> Result<Scanned, PortError> {
    let mut tail = bus.tail(Topic::Orders, partition, from).await?;
    let mut reads = 0;
    loop {
        let batch = tail.next(READ).await?;
        let mut records = batch.records.iter().take_while(|record| record.offset < end);
        if let Some(input) = records.find(|record| !is_surely_from_processor(&record.payload)) {
            return Ok(Scanned::Input { at: input.offset, since: input.at });
        }
        if batch.next >= end {
            return Ok(Scanned::None);
        }
        // A batch without records is one of aborted transactions.
        if let Some(last) = batch.records.last() {
            reads += 1;
            if reads == READS_MAX {
                return Ok(Scanned::More { at: batch.next, since: last.at });
            }
        }
    }
}
