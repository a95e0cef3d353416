//! Clearing a partition of the store in bounded steps.

use std::collections::BTreeMap;
use std::ops::Bound;

use logistics_core::port::{ClearOutcome, Token};
use logistics_core::{OrderId, Partition, partition_of};
use redb::{ReadableTable, Table, TableDefinition, Value, WriteTransaction};

use crate::error::FileError;
use crate::file::schema::{
    DOCUMENTS, INDEX, LATE, PARTIES, TIMERS, parse_index_key, parse_late_key, parse_party_key,
    parse_timer_key,
};
use crate::limits::CLEAR_ROWS_MAX;
use crate::store::counts::Counts;

/// The progress of each clearing. It is in memory only: after a restart, a clearing starts again and finds fewer rows.
#[derive(Debug, Clone, Default)]
pub(super) struct Clearing(BTreeMap<Partition, Progress>);

#[derive(Debug, Clone)]
struct Progress {
    /// The partition's token. With another token, the clearing starts again.
    token: Token,
    phase: usize,
    /// The last row that was read in the phase's table.
    after: Option<Vec<u8>>,
}

/// Reads rows of one table, and removes those of the partition.
type Phase =
    fn(&WriteTransaction, &mut Sweep<'_>, &mut Option<Vec<u8>>, &mut usize) -> Result<bool, FileError>;

/// The lists come first: an entry without its document is damage, and a document without an entry is harmless.
const PHASES: [Phase; 5] = [
    |txn, sweep, after, left| {
        let (ended, removed) =
            sweep.step(txn, INDEX, |key| parse_index_key(key).map(|(_, id)| id), after, left)?;
        removed.iter().for_each(|key| sweep.counts.remove(key));
        Ok(ended)
    },
    |txn, sweep, after, left| {
        let (ended, _) = sweep.step(txn, LATE, |key| parse_late_key(key).map(|(_, id)| id), after, left)?;
        Ok(ended)
    },
    |txn, sweep, after, left| {
        let (ended, _) =
            sweep.step(txn, PARTIES, |key| parse_party_key(key).map(|(_, id)| id), after, left)?;
        Ok(ended)
    },
    |txn, sweep, after, left| Ok(sweep.step(txn, TIMERS, parse_timer_key, after, left)?.0),
    |txn, sweep, after, left| {
        Ok(sweep.step(txn, DOCUMENTS, |key| std::str::from_utf8(key).ok(), after, left)?.0)
    },
];

impl Clearing {
    /// One step of clearing a partition with this token.
    pub(super) fn step(
        &mut self,
        txn: &WriteTransaction,
        partition: Partition,
        partitions: u32,
        token: Token,
        counts: &mut Counts,
    ) -> Result<ClearOutcome, FileError> {
        let begin = || Progress { token, phase: 0, after: None };
        let mut progress =
            self.0.remove(&partition).filter(|progress| progress.token == token).unwrap_or_else(begin);
        let (mut sweep, mut left) = (Sweep { partition, partitions, counts }, CLEAR_ROWS_MAX);
        while let Some(phase) = PHASES.get(progress.phase) {
            if !phase(txn, &mut sweep, &mut progress.after, &mut left)? {
                self.0.insert(partition, progress);
                return Ok(ClearOutcome::More);
            }
            (progress.phase, progress.after) = (progress.phase + 1, None);
        }
        Ok(ClearOutcome::Done)
    }
}

/// Removes the rows of one partition.
struct Sweep<'a> {
    partition: Partition,
    partitions: u32,
    /// The entries of the index.
    counts: &'a mut Counts,
}

impl Sweep<'_> {
    /// Reads up to `left` rows behind `after`, and removes those of the partition. Returns whether the table ended, and the keys of
    /// the removed rows.
    fn step<V: Value + 'static>(
        &self,
        txn: &WriteTransaction,
        table: TableDefinition<'_, &'static [u8], V>,
        id_of: impl Fn(&[u8]) -> Option<&str>,
        after: &mut Option<Vec<u8>>,
        left: &mut usize,
    ) -> Result<(bool, Vec<Vec<u8>>), FileError> {
        let mut table = txn.open_table(table)?;
        let mut keys = Vec::new();
        let ended = self.collect(&table, id_of, after, left, &mut keys)?;
        for key in &keys {
            table.remove(&key[..])?;
        }
        Ok((ended, keys))
    }

    fn collect<V: Value + 'static>(
        &self,
        table: &Table<'_, &'static [u8], V>,
        id_of: impl Fn(&[u8]) -> Option<&str>,
        after: &mut Option<Vec<u8>>,
        left: &mut usize,
        keys: &mut Vec<Vec<u8>>,
    ) -> Result<bool, FileError> {
        let begin = after.take();
        let begin = begin.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        for entry in table.range::<&[u8]>((begin, Bound::Unbounded))? {
            let (key, _) = entry?;
            let key = key.value();
            let broken = || FileError::damaged("a row has no valid order id");
            let order_id = id_of(key).and_then(|id| OrderId::parse(id).ok()).ok_or_else(broken)?;
            if partition_of(&order_id, self.partitions) == self.partition {
                keys.push(key.to_vec());
            }
            *left -= 1;
            if *left == 0 {
                *after = Some(key.to_vec());
                return Ok(false);
            }
        }
        Ok(true)
    }
}
