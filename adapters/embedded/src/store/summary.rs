//! The number of orders of each status, and the oldest of each.

use logistics_core::port::StatusSummary;
use redb::ReadTransaction;

use crate::error::FileError;
use crate::file::schema::{COUNTS_KEY, INDEX, STATE, index_range, parse_index_key};
use crate::store::counts::Counts;

/// The orders of each status, of one instant.
pub(super) fn summary(txn: &ReadTransaction) -> Result<Vec<StatusSummary>, FileError> {
    let row = txn.open_table(STATE)?.get(COUNTS_KEY)?;
    let counts = match row {
        Some(row) => Counts::decode(row.value())
            .ok_or_else(|| FileError::damaged("the number of orders of each status cannot be decoded"))?,
        // No order was written yet.
        None => Counts::default(),
    };
    let (index, mut summaries) = (txn.open_table(INDEX)?, StatusSummary::none());
    for summary in &mut summaries {
        let (start, end) = index_range(summary.status);
        let oldest = match index.range(&start[..]..&end[..])?.next() {
            Some(entry) => {
                let broken = || FileError::damaged("an entry of the index cannot be decoded");
                Some(parse_index_key(entry?.0.value()).ok_or_else(broken)?.0)
            }
            None => None,
        };
        summary.add(counts.of(summary.status), oldest);
    }
    Ok(summaries)
}
