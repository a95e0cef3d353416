//! Appending to the logs: collects records into blocks, and stores the blocks.

use std::collections::BTreeMap;
use std::sync::Arc;

use logistics_core::{Offset, Timestamp};
use redb::{Table, WriteTransaction};

use crate::error::FileError;
use crate::file::schema::{LOG, LogKey, log_key};
use crate::log::block::{Block, BlockBuilder, PreparedBlock};
use crate::state::{State, log_at};
use crate::writer::request::Append;

pub(super) struct LogWriter<'txn> {
    log: Table<'txn, &'static LogKey, &'static [u8]>,
    now: Timestamp,
    /// Records that are not in a block yet, by the index of the log.
    open: BTreeMap<usize, BlockBuilder>,
    blocks: Vec<(usize, Arc<Block>)>,
}

impl<'txn> LogWriter<'txn> {
    pub(super) fn open(txn: &'txn WriteTransaction, now: Timestamp) -> Result<Self, FileError> {
        Ok(Self { log: txn.open_table(LOG)?, now, open: BTreeMap::new(), blocks: Vec::new() })
    }

    /// Appends one record.
    pub(super) fn append(&mut self, state: &mut State, append: &Append) -> Result<Offset, FileError> {
        let builder = self.open.entry(append.log).or_default();
        let offset = Offset(state.logs[append.log].next + u64::from(builder.count()));
        builder.push(Some(&append.key), &append.payload);
        if builder.is_full() {
            let block = builder.finish();
            self.store(state, append.log, block)?;
        }
        Ok(offset)
    }

    /// Appends a block behind the records that were appended before.
    pub(super) fn push(
        &mut self,
        state: &mut State,
        log: usize,
        block: PreparedBlock,
    ) -> Result<(), FileError> {
        if let Some(mut builder) = self.open.remove(&log) {
            self.store(state, log, builder.finish())?;
        }
        self.store(state, log, block)
    }

    /// Stores the remaining records, and returns all blocks.
    pub(super) fn finish(mut self, state: &mut State) -> Result<Vec<(usize, Arc<Block>)>, FileError> {
        for (log, mut builder) in std::mem::take(&mut self.open) {
            self.store(state, log, builder.finish())?;
        }
        Ok(self.blocks)
    }

    fn store(&mut self, state: &mut State, log: usize, block: PreparedBlock) -> Result<(), FileError> {
        if block.count() == 0 {
            return Ok(());
        }
        let (topic, partition) = log_at(state.partitions(), log);
        let end = &mut state.logs[log];
        // The clock may step back; the log's time must not.
        let at = self.now.max(end.at);
        let key = log_key(topic, partition, end.next);
        let (stored, block) = block.seal(&key, end.next, at);
        self.log.insert(&key, &stored[..])?;
        (end.next, end.at) = (block.end(), at);
        self.blocks.push((log, Arc::new(block)));
        Ok(())
    }
}
