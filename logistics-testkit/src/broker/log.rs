//! One partition of one topic.

use std::collections::BTreeMap;

use bytes::Bytes;

use logistics_core::port::{Batch, Bounds, Header, LogRecord, ReadLimit};
use logistics_core::{Offset, Partition, Timestamp};

/// The position lies before the log's start: the records there are deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[error("the log starts at offset {start}, behind the requested position")]
pub struct Truncated {
    /// Where the log starts.
    pub start: Offset,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Stored {
    pub(super) key: Option<Bytes>,
    pub(super) payload: Bytes,
    pub(super) headers: Vec<Header>,
    pub(super) at: Timestamp,
}

/// Records, and the invisible entries that take offsets.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Log {
    start: u64,
    /// From `start` on. `None` takes an offset and is invisible: a marker, or a record of an aborted transaction.
    entries: Vec<Option<Stored>>,
    /// The offsets of the records of open transactions, by the transactional id's partition.
    open: BTreeMap<Partition, Vec<u64>>,
}

impl Log {
    pub(super) fn bounds(&self) -> Bounds {
        Bounds { start: Offset(self.start), end: Offset(self.end()) }
    }

    /// The last stable offset: readers see nothing at or behind the first record of an open transaction.
    pub(super) fn stable(&self) -> u64 {
        self.open.values().flat_map(|offsets| offsets.first()).min().copied().unwrap_or_else(|| self.end())
    }

    pub(super) fn append(&mut self, record: Stored) -> Offset {
        let offset = self.end();
        self.entries.push(Some(record));
        Offset(offset)
    }

    pub(super) fn write(&mut self, record: Stored, transactional_id: Partition) {
        let offset = self.append(record);
        self.open.entry(transactional_id).or_default().push(offset.0);
    }

    /// Writes the marker that commits or aborts the open records of the transactional id.
    pub(super) fn mark(&mut self, transactional_id: Partition, committed: bool) {
        let offsets = self.open.remove(&transactional_id).unwrap_or_default();
        if !committed {
            for offset in offsets {
                let index = self.index(offset);
                self.entries[index] = None;
            }
        }
        self.entries.push(None);
    }

    /// The visible records from `from` on; `None` at the last stable offset.
    pub(super) fn read(&self, from: Offset, limit: ReadLimit) -> Result<Option<Batch>, Truncated> {
        if from.0 < self.start {
            return Err(Truncated { start: Offset(self.start) });
        }
        let stable = self.stable();
        if from.0 >= stable {
            return Ok(None);
        }
        let (mut records, mut bytes, mut next) = (Vec::new(), 0_usize, from.0);
        for (offset, entry) in (from.0..stable).zip(&self.entries[self.index(from.0)..]) {
            if let Some(stored) = entry {
                bytes = bytes.saturating_add(stored.payload.len());
                let full = records.len() >= limit.records || bytes > limit.bytes;
                if full && !records.is_empty() {
                    break;
                }
                let Stored { key, payload, headers, at } = stored.clone();
                records.push(LogRecord { offset: Offset(offset), key, payload, headers, at });
            }
            next = offset + 1;
        }
        Ok(Some(Batch { records, next: Offset(next) }))
    }

    /// Deletes the stable records before `start`.
    pub(super) fn truncate(&mut self, start: Offset) {
        let start = start.0.clamp(self.start, self.stable());
        self.entries.drain(..self.index(start));
        self.start = start;
    }

    pub(super) fn first_at(&self, time: Timestamp) -> Offset {
        let found =
            self.entries.iter().position(|entry| entry.as_ref().is_some_and(|stored| stored.at >= time));
        Offset(found.map_or(self.end(), |index| self.start + index as u64))
    }

    fn end(&self) -> u64 {
        self.start + self.entries.len() as u64
    }

    fn index(&self, offset: u64) -> usize {
        usize::try_from(offset - self.start).unwrap_or(usize::MAX)
    }
}
