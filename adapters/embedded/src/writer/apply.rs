//! Applies the requests of a cycle in one transaction of the file.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use logistics_core::port::{ClearOutcome, CommitOutcome, WriteOutcome};
use logistics_core::{Partition, RequestId, RequestOutcome, Timestamp};
use redb::WriteTransaction;

use super::clear::Clearing;
use super::cycle::{Cycle, Ordered};
use super::epochs::Epochs;
use super::log_writer::LogWriter;
use super::store_writer::StoreWriter;
use crate::error::FileError;
use crate::file::schema::{COUNTS_KEY, STATE, committed_key, encode_offset, position_key};
use crate::log::block::Block;
use crate::shared::Shared;
use crate::state::State;
use crate::writer::request::{Acknowledge, Begin, Commit};

/// The changes of a cycle, published after its commit.
pub(super) struct Applied {
    pub(super) state: State,
    /// By log, in order.
    pub(super) blocks: Vec<(usize, Arc<Block>)>,
    pub(super) outcomes: Vec<(Partition, RequestId, RequestOutcome)>,
    /// The outcome of each write.
    pub(super) written: Vec<WriteOutcome>,
    pub(super) clearing: Clearing,
    /// The outcome of each step of clearing a partition.
    pub(super) steps: Vec<ClearOutcome>,
    /// The partitions that are cleared completely.
    pub(super) cleared: Vec<Partition>,
    /// The cycle contains an operation with a durability guarantee.
    pub(super) durable: bool,
}

impl Applied {
    pub(super) fn on(state: State, clearing: Clearing) -> Self {
        Self {
            state,
            blocks: Vec::new(),
            outcomes: Vec::new(),
            written: Vec::new(),
            clearing,
            steps: Vec::new(),
            cleared: Vec::new(),
            durable: false,
        }
    }
}

/// Applies the store's writes. A write applies if the partition's token is the expected one.
///
/// # Errors
/// The index of the failed write, and its error.
pub(super) fn writes(
    txn: &WriteTransaction,
    cycle: &Cycle,
    applied: &mut Applied,
) -> Result<(), (usize, FileError)> {
    if cycle.writes.is_empty() {
        return Ok(());
    }
    let counts = std::mem::take(&mut applied.state.counts);
    let mut writer = StoreWriter::open(txn, counts).map_err(|error| (0, error))?;
    for (index, (write, _)) in cycle.writes.iter().enumerate() {
        let checkpoint = &mut applied.state.checkpoints[write.partition.0 as usize];
        let token = checkpoint.as_ref().map(|checkpoint| checkpoint.token);
        let outcome = if token == write.expected {
            *checkpoint = Some(writer.write(write).map_err(|error| (index, error))?);
            let outcomes = write.outcomes.iter().cloned();
            applied.outcomes.extend(outcomes.map(|(request, outcome)| (write.partition, request, outcome)));
            WriteOutcome::Applied
        } else if token == Some(write.next) {
            WriteOutcome::Applied
        } else {
            WriteOutcome::Mismatch
        };
        applied.written.push(outcome);
    }
    applied.state.counts = writer.counts;
    Ok(())
}

/// Applies one step of clearing each partition whose token is the expected one.
///
/// # Errors
/// The index of the failed step, and its error.
pub(super) fn clears(
    txn: &WriteTransaction,
    cycle: &Cycle,
    applied: &mut Applied,
) -> Result<(), (usize, FileError)> {
    let partitions = applied.state.partitions();
    for (index, (partition, token, _)) in cycle.clears.iter().enumerate() {
        let checkpoint = applied.state.checkpoints[partition.0 as usize].as_ref();
        let outcome = match checkpoint.filter(|checkpoint| checkpoint.token == *token) {
            Some(_) => {
                let counts = &mut applied.state.counts;
                applied.clearing.step(txn, *partition, partitions, *token, counts)
            }
            None => Ok(ClearOutcome::Mismatch),
        };
        let outcome = outcome.map_err(|error| (index, error))?;
        if outcome == ClearOutcome::Done {
            applied.cleared.push(*partition);
        }
        applied.steps.push(outcome);
    }
    Ok(())
}

/// Applies the requests that concern the log, the appends first, and keeps the counts of the store.
pub(super) fn log_requests(
    txn: &WriteTransaction,
    cycle: &mut Cycle,
    applied: &mut Applied,
    epochs: &mut Epochs,
    shared: &Shared,
) -> Result<(), FileError> {
    let appends = std::mem::take(&mut cycle.appends);
    let ordered = std::mem::take(&mut cycle.ordered);
    applied.durable |= !appends.is_empty();
    let mut log = LogWriter::open(txn, now())?;
    for (append, reply) in appends {
        let offset = log.append(&mut applied.state, &append)?;
        cycle.answer(reply, offset);
    }
    let mut positions = txn.open_table(STATE)?;
    if !applied.written.is_empty() || !applied.steps.is_empty() {
        let row = applied.state.counts.encode(&applied.state.checkpoints);
        positions.insert(COUNTS_KEY, &row[..])?;
    }
    for request in ordered {
        match request {
            Ordered::Acquire(partition, reply) => {
                let epoch = epochs.acquire(partition);
                cycle.answer(reply, epoch);
            }
            Ordered::Commit(commit, reply) => {
                let Commit { partition, member, epoch, blocks, next } = commit;
                let owns = shared.coordinator.owns(member, partition) == Some(true);
                if !owns || !epochs.is_newest(partition, epoch) {
                    cycle.answer(reply, CommitOutcome::Fenced);
                    continue;
                }
                for (index, block) in blocks {
                    log.push(&mut applied.state, index, block)?;
                }
                positions.insert(&committed_key(partition)[..], &encode_offset(next)[..])?;
                applied.durable = true;
                cycle.answer(reply, CommitOutcome::Committed);
            }
            Ordered::Begin(Begin { group, positions: initial }, reply) => {
                let is_new = !applied.state.positions.contains_key(&group);
                if is_new {
                    for (partition, position) in (0..).map(Partition).zip(&initial) {
                        let key = position_key(group.0, &group.1, partition);
                        positions.insert(&key[..], &encode_offset(*position)[..])?;
                    }
                    Arc::make_mut(&mut applied.state.positions).insert(group, initial);
                    applied.durable = true;
                }
                cycle.answer(reply, is_new);
            }
            Ordered::Acknowledge(Acknowledge { group, partition, next }, reply) => {
                let position = applied.state.position_mut(&group, partition);
                *position = next.max(*position);
                let key = position_key(group.0, &group.1, partition);
                positions.insert(&key[..], &encode_offset(*position)[..])?;
                applied.durable = true;
                cycle.answer(reply, ());
            }
        }
    }
    drop(positions);
    applied.blocks = log.finish(&mut applied.state)?;
    Ok(())
}

/// The time of the records of this cycle.
fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
