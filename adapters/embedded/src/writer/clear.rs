//! Removing what a partition holds, a bounded step at a time.

use std::collections::BTreeMap;
use std::ops::Bound;

use logistics_core::port::{ClearOutcome, Token};
use logistics_core::{OrderId, Partition, partition_of};
use redb::{ReadableTable, Table, TableDefinition, Value, WriteTransaction};

use crate::error::FileError;
use crate::file::schema::{DOCUMENTS, INDEX, LATE, TIMERS, parse_index_key, parse_late_key, parse_timer_key};
use crate::limits::CLEAR_ROWS_MAX;

/// How far the removals that are under way are. Only memory has it: after a restart a removal begins again, and finds less.
#[derive(Debug, Clone, Default)]
pub(super) struct Clearing(BTreeMap<Partition, Progress>);

#[derive(Debug, Clone)]
struct Progress {
    /// The write that the partition is at. At another one, the removal begins again.
    token: Token,
    phase: usize,
    /// The last row of the phase's table that was looked at.
    after: Option<Vec<u8>>,
}

/// Looks at rows of one table, and removes those of the partition.
type Phase = fn(&WriteTransaction, &Sweep, &mut Option<Vec<u8>>, &mut usize) -> Result<bool, FileError>;

/// The lists first: an entry without its document is a damaged file, and a document without an entry is harmless.
const PHASES: [Phase; 4] = [
    |txn, sweep, after, left| {
        sweep.step(txn, INDEX, |key| parse_index_key(key).map(|(_, id)| id), after, left)
    },
    |txn, sweep, after, left| sweep.step(txn, LATE, |key| parse_late_key(key).map(|(_, id)| id), after, left),
    |txn, sweep, after, left| sweep.step(txn, TIMERS, parse_timer_key, after, left),
    |txn, sweep, after, left| sweep.step(txn, DOCUMENTS, |key| std::str::from_utf8(key).ok(), after, left),
];

impl Clearing {
    /// One step of the removal in a partition that is at this write.
    pub(super) fn step(
        &mut self,
        txn: &WriteTransaction,
        partition: Partition,
        partitions: u32,
        token: Token,
    ) -> Result<ClearOutcome, FileError> {
        let begin = || Progress { token, phase: 0, after: None };
        let mut progress =
            self.0.remove(&partition).filter(|progress| progress.token == token).unwrap_or_else(begin);
        let (sweep, mut left) = (Sweep { partition, partitions }, CLEAR_ROWS_MAX);
        while let Some(phase) = PHASES.get(progress.phase) {
            if !phase(txn, &sweep, &mut progress.after, &mut left)? {
                self.0.insert(partition, progress);
                return Ok(ClearOutcome::More);
            }
            (progress.phase, progress.after) = (progress.phase + 1, None);
        }
        Ok(ClearOutcome::Done)
    }
}

/// Which rows go.
struct Sweep {
    partition: Partition,
    partitions: u32,
}

impl Sweep {
    /// Looks at up to `left` rows behind `after`; whether the table has no more.
    fn step<V: Value + 'static>(
        &self,
        txn: &WriteTransaction,
        table: TableDefinition<'_, &'static [u8], V>,
        id_of: impl Fn(&[u8]) -> Option<&str>,
        after: &mut Option<Vec<u8>>,
        left: &mut usize,
    ) -> Result<bool, FileError> {
        let mut table = txn.open_table(table)?;
        let mut going = Vec::new();
        let ended = self.look(&table, id_of, after, left, &mut going)?;
        for key in going {
            table.remove(&key[..])?;
        }
        Ok(ended)
    }

    fn look<V: Value + 'static>(
        &self,
        table: &Table<'_, &'static [u8], V>,
        id_of: impl Fn(&[u8]) -> Option<&str>,
        after: &mut Option<Vec<u8>>,
        left: &mut usize,
        going: &mut Vec<Vec<u8>>,
    ) -> Result<bool, FileError> {
        let begin = after.take();
        let begin = begin.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        for entry in table.range::<&[u8]>((begin, Bound::Unbounded))? {
            let (key, _) = entry?;
            let key = key.value();
            let broken = || FileError::damaged("a row is not of an order");
            let order_id = id_of(key).and_then(|id| OrderId::parse(id).ok()).ok_or_else(broken)?;
            if partition_of(&order_id, self.partitions) == self.partition {
                going.push(key.to_vec());
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
