//! `State` caches file metadata in memory: the end of every log, the checkpoints, and the positions of groups.

use std::collections::BTreeMap;
use std::sync::Arc;

use logistics_core::port::{LogIdentity, StoreCheckpoint, Topic};
use logistics_core::{Offset, Partition, Timestamp};
use redb::ReadTransaction;

use crate::error::FileError;
use crate::file::schema::{
    COUNTS_KEY, FORMAT, IDENTITY_KEY, LOG, LogKey, META, META_FORMAT, META_PARTITIONS, POSITION_KIND, STATE,
    WEBHOOK_POSITION_KIND, checkpoint_key, committed_key, decode_checkpoint, decode_identity, decode_offset,
    log_key, log_key_first, parse_position_key, topic_code,
};
use crate::log::block::Block;
use crate::store::counts::Counts;

/// A group of readers of one topic.
pub(crate) type GroupKey = (Topic, Arc<str>);

/// The end of one log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct LogEnd {
    /// The offset behind the last record.
    pub(crate) next: u64,
    /// The time of the last record.
    pub(crate) at: Timestamp,
}

/// The state as of one write cycle. The next cycle works on a clone, which is published after the commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct State {
    partitions: u32,
    /// Distinguishes the logs of this file from those of another file.
    pub(crate) identity: LogIdentity,
    /// By [`log_index`].
    pub(crate) logs: Vec<LogEnd>,
    /// By partition.
    pub(crate) checkpoints: Vec<Option<StoreCheckpoint>>,
    /// The entries of the index.
    pub(crate) counts: Counts,
    /// By partition, for each group.
    pub(crate) positions: Arc<BTreeMap<GroupKey, Vec<Offset>>>,
}

/// The index of a log in lists of all logs.
pub(crate) fn log_index(partitions: u32, topic: Topic, partition: Partition) -> usize {
    usize::from(topic_code(topic)) * partitions as usize + partition.0 as usize
}

/// The topic and the partition of the log at an index.
pub(crate) fn log_at(partitions: u32, index: usize) -> (Topic, Partition) {
    let (topic, partition) = (index / partitions as usize, index % partitions as usize);
    (Topic::ALL[topic], Partition(u32::try_from(partition).unwrap_or_default()))
}

/// The topic and the partition of each log, in the order of [`log_index`].
pub(crate) fn all_logs(partitions: u32) -> impl Iterator<Item = (Topic, Partition)> {
    Topic::ALL.into_iter().flat_map(move |topic| (0..partitions).map(move |p| (topic, Partition(p))))
}

impl State {
    /// The state of an empty file.
    fn new(partitions: u32, identity: LogIdentity) -> Self {
        let count = partitions as usize;
        Self {
            partitions,
            identity,
            logs: vec![LogEnd::default(); count * Topic::ALL.len()],
            checkpoints: vec![None; count],
            counts: Counts::default(),
            positions: Arc::default(),
        }
    }

    pub(crate) fn partitions(&self) -> u32 {
        self.partitions
    }

    /// The positions of a group. Those of a new group are 0.
    pub(crate) fn positions_of(&self, group: &GroupKey) -> Vec<Offset> {
        self.positions.get(group).cloned().unwrap_or_else(|| vec![Offset(0); self.partitions as usize])
    }

    /// The position of a group in a partition.
    pub(crate) fn position_mut(&mut self, group: &GroupKey, partition: Partition) -> &mut Offset {
        let new = || vec![Offset(0); self.partitions as usize];
        let positions = Arc::make_mut(&mut self.positions).entry(group.clone()).or_insert_with(new);
        &mut positions[partition.0 as usize]
    }

    /// Checks that the file has the format of this build.
    pub(crate) fn check_format(txn: &ReadTransaction) -> Result<(), FileError> {
        match number(txn, META_FORMAT)? {
            FORMAT => Ok(()),
            format => Err(FileError::Format(format)),
        }
    }

    /// Reads the state from a file of this format.
    pub(crate) fn load(txn: &ReadTransaction) -> Result<Self, FileError> {
        let identity = txn.open_table(STATE)?.get(IDENTITY_KEY)?;
        let identity = identity.and_then(|value| decode_identity(value.value()));
        let identity = identity.ok_or_else(|| FileError::damaged("the identity is missing"))?;
        let mut state = Self::new(number(txn, META_PARTITIONS)?, identity);
        state.load_ends(txn)?;
        state.load_positions(txn)?;
        state.load_counts(txn)?;
        Ok(state)
    }

    fn load_ends(&mut self, txn: &ReadTransaction) -> Result<(), FileError> {
        let log = txn.open_table(LOG)?;
        for (index, (topic, partition)) in all_logs(self.partitions).enumerate() {
            let (start, end) = (log_key(topic, partition, 0), log_key(topic, partition, u64::MAX));
            let Some(last) = log.range::<&LogKey>(&start..=&end)?.next_back() else { continue };
            let (key, value) = last?;
            let block = Block::decode(key.value(), log_key_first(key.value()), value.value())
                .map_err(|problem| FileError::Damaged(problem.to_owned()))?;
            self.logs[index] = LogEnd { next: block.end(), at: block.at() };
        }
        Ok(())
    }

    /// The counts are those of the index: they are checked when the file is opened.
    fn load_counts(&mut self, txn: &ReadTransaction) -> Result<(), FileError> {
        if let Some(row) = txn.open_table(STATE)?.get(COUNTS_KEY)? {
            let broken = || FileError::damaged("the number of orders of each status cannot be decoded");
            self.counts = Counts::decode(row.value()).ok_or_else(broken)?;
        }
        Ok(())
    }

    /// The checkpoint of each partition.
    pub(crate) fn checkpoints_of(txn: &ReadTransaction) -> Result<Vec<Option<StoreCheckpoint>>, FileError> {
        let broken = || FileError::damaged("a position cannot be decoded");
        let table = txn.open_table(STATE)?;
        let partitions = (0..number(txn, META_PARTITIONS)?).map(Partition);
        let checkpoint = |partition| match table.get(&checkpoint_key(partition)[..])? {
            Some(value) => decode_checkpoint(value.value()).ok_or_else(broken).map(Some),
            None => Ok(None),
        };
        partitions.map(checkpoint).collect()
    }

    fn load_positions(&mut self, txn: &ReadTransaction) -> Result<(), FileError> {
        let broken = || FileError::damaged("a position cannot be decoded");
        let table = txn.open_table(STATE)?;
        self.checkpoints = Self::checkpoints_of(txn)?;
        for partition in (0..self.partitions).map(Partition) {
            if let Some(value) = table.get(&committed_key(partition)[..])? {
                // No decision depends on it, so it is only checked.
                decode_offset(value.value()).ok_or_else(broken)?;
            }
        }
        let mut positions = BTreeMap::new();
        for entry in table.range(&[POSITION_KIND][..]..&[WEBHOOK_POSITION_KIND + 1][..])? {
            let (key, value) = entry?;
            let (topic, group, partition) = parse_position_key(key.value()).ok_or_else(broken)?;
            let offsets = positions
                .entry((topic, Arc::<str>::from(group)))
                .or_insert_with(|| vec![Offset(0); self.partitions as usize]);
            *offsets.get_mut(partition.0 as usize).ok_or_else(broken)? =
                decode_offset(value.value()).ok_or_else(broken)?;
        }
        self.positions = Arc::new(positions);
        Ok(())
    }
}

fn number(txn: &ReadTransaction, name: &str) -> Result<u32, FileError> {
    let value = txn.open_table(META)?.get(name)?;
    Ok(value.ok_or_else(|| FileError::damaged(format!("the number `{name}` is missing")))?.value())
}
