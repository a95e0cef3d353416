//! The number of orders of each status. redb counts a range only by reading it, so the file keeps the numbers in one row:
//! `mark u64 | (status u8, number u64)*`, little-endian.
//!
//! An earlier release ignores the row and changes the index without it. This shows when the file is opened next: each of its writes
//! changes the token of a checkpoint, and with it the mark, and a step of clearing a partition only removes entries from the index,
//! which then has another length.

use std::collections::BTreeMap;

use logistics_core::lifecycle::Status;
use logistics_core::port::StoreCheckpoint;
use redb::ReadableTable;

use crate::error::FileError;
use crate::file::checksum::checksum;
use crate::store::document::status_code;

const MARK_BYTES: usize = 8;
const ENTRY_BYTES: usize = 9;

/// The number of index entries of each status, by its number in the file. A newer release may have written others than this build knows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Counts(BTreeMap<u8, u64>);

impl Counts {
    /// Counts the entries of the index, which reads all of it.
    pub(crate) fn read(index: &impl ReadableTable<&'static [u8], ()>) -> Result<Self, FileError> {
        let mut counts = Self::default();
        for entry in index.iter()? {
            counts.add(entry?.0.value());
        }
        Ok(counts)
    }

    /// Adds the entry with this key of the index.
    pub(crate) fn add(&mut self, key: &[u8]) {
        if let Some(code) = key.first() {
            *self.0.entry(*code).or_default() += 1;
        }
    }

    /// Removes the entry with this key of the index.
    pub(crate) fn remove(&mut self, key: &[u8]) {
        if let Some(count) = key.first().and_then(|code| self.0.get_mut(code)) {
            *count = count.saturating_sub(1);
        }
    }

    /// The number of entries of a status.
    pub(crate) fn of(&self, status: Status) -> u64 {
        self.0.get(&status_code(status)).copied().unwrap_or_default()
    }

    /// The number of entries of all statuses.
    pub(crate) fn total(&self) -> u64 {
        self.0.values().sum()
    }

    /// The row of a file with these checkpoints.
    pub(crate) fn encode(&self, checkpoints: &[Option<StoreCheckpoint>]) -> Vec<u8> {
        let mut row = Vec::with_capacity(MARK_BYTES + ENTRY_BYTES * self.0.len());
        row.extend_from_slice(&mark(checkpoints).to_le_bytes());
        for (code, count) in &self.0 {
            row.push(*code);
            row.extend_from_slice(&count.to_le_bytes());
        }
        row
    }

    /// The counts of a row. `None` if it is damaged.
    pub(crate) fn decode(row: &[u8]) -> Option<Self> {
        let (entries, rest) = row.get(MARK_BYTES..)?.as_chunks::<ENTRY_BYTES>();
        let entry = |[code, count @ ..]: &[u8; ENTRY_BYTES]| (*code, u64::from_le_bytes(*count));
        rest.is_empty().then(|| Self(entries.iter().map(entry).collect()))
    }
}

/// Whether the row was written with these checkpoints.
pub(crate) fn is_marked(row: &[u8], checkpoints: &[Option<StoreCheckpoint>]) -> bool {
    row.get(..MARK_BYTES) == Some(&mark(checkpoints).to_le_bytes())
}

/// A checksum of the tokens of all partitions. A token never repeats.
fn mark(checkpoints: &[Option<StoreCheckpoint>]) -> u64 {
    checkpoints.iter().fold(0, |mark, checkpoint| {
        let token = checkpoint.as_ref().map(|checkpoint| checkpoint.token);
        let mut bytes = [0; 24];
        if let Some(token) = token {
            bytes[..16].copy_from_slice(&token.acquisition.to_le_bytes());
            bytes[16..].copy_from_slice(&token.sequence.to_le_bytes());
        }
        checksum(mark, &bytes)
    })
}

#[cfg(test)]
mod tests {
    use logistics_core::Offset;
    use logistics_core::port::Token;

    use super::*;

    fn checkpoint(acquisition: u128, sequence: u64) -> Option<StoreCheckpoint> {
        let token = Token { acquisition, sequence };
        Some(StoreCheckpoint { offset: Offset(1), answered: Offset(1), token, basis: None })
    }

    #[test]
    fn a_row_has_the_counts_also_of_unknown_statuses() {
        let mut counts = Counts::default();
        for key in [[1, 0], [1, 1], [6, 0], [200, 0]] {
            counts.add(&key);
        }
        counts.remove(&[1, 1]);
        let row = counts.encode(&[checkpoint(1, 1)]);
        assert_eq!(Counts::decode(&row), Some(counts.clone()));
        assert_eq!((counts.of(Status::Placed), counts.of(Status::Delivered), counts.total()), (1, 1, 3));
        assert_eq!((Counts::decode(&row[1..]), Counts::decode(&[])), (None, None));
    }

    #[test]
    fn each_token_changes_the_mark() {
        let checkpoints = [checkpoint(1, 1), None, checkpoint(2, 9)];
        let row = Counts::default().encode(&checkpoints);
        assert!(is_marked(&row, &checkpoints));
        let others = [
            [checkpoint(1, 2), None, checkpoint(2, 9)],
            [checkpoint(3, 1), None, checkpoint(2, 9)],
            [checkpoint(1, 1), checkpoint(2, 9), None],
            [None, checkpoint(1, 1), checkpoint(2, 9)],
            [checkpoint(2, 9), None, checkpoint(1, 1)],
        ];
        assert!(others.iter().all(|others| !is_marked(&row, others)));
        assert!(!is_marked(&[], &checkpoints));
    }
}
