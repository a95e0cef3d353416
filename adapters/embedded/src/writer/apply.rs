//! Carrying requests out in one transaction of the file.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use logistics_core::port::{ClearOutcome, CommitOutcome, WriteOutcome};
use logistics_core::{Partition, RequestId, RequestOutcome, Timestamp};
use redb::WriteTransaction;

use super::clear::Clearing;
use super::epochs::Epochs;
use super::log_writer::LogWriter;
use super::store_writer::StoreWriter;
use super::work::{Ordered, Work};
use crate::error::FileError;
use crate::file::schema::{STATE, committed_key, encode_offset, position_key};
use crate::log::block::Block;
use crate::shared::Shared;
use crate::state::State;
use crate::writer::request::{Acknowledge, Begin, Commit};

/// What a cycle did, to be shown once it is committed.
pub(super) struct Applied {
    pub(super) state: State,
    /// By log, in order.
    pub(super) blocks: Vec<(usize, Arc<Block>)>,
    pub(super) outcomes: Vec<(Partition, RequestId, RequestOutcome)>,
    /// What became of each write.
    pub(super) written: Vec<WriteOutcome>,
    pub(super) clearing: Clearing,
    /// What became of each removal.
    pub(super) cleared: Vec<ClearOutcome>,
    /// Partitions whose outcomes go.
    pub(super) forgotten: Vec<Partition>,
    /// Somebody was promised that it is on the disk.
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
            cleared: Vec::new(),
            forgotten: Vec::new(),
            durable: false,
        }
    }
}

/// Carries the store's writes out, each where the partition is at the write that it expects.
///
/// # Errors
/// Which write failed, and why.
pub(super) fn writes(
    txn: &WriteTransaction,
    work: &Work,
    applied: &mut Applied,
) -> Result<(), (usize, FileError)> {
    if work.writes.is_empty() {
        return Ok(());
    }
    let mut writer = StoreWriter::open(txn).map_err(|error| (0, error))?;
    for (index, (write, _)) in work.writes.iter().enumerate() {
        let checkpoint = &mut applied.state.checkpoints[write.partition.0 as usize];
        let token = checkpoint.as_ref().map(|checkpoint| checkpoint.token);
        let outcome = if token == write.expected {
            *checkpoint = Some(writer.write(write).map_err(|error| (index, error))?);
            let outcomes = write.outcomes.iter().cloned();
            applied.outcomes.extend(outcomes.map(|(request, verdict)| (write.partition, request, verdict)));
            WriteOutcome::Applied
        } else if token == Some(write.next) {
            WriteOutcome::Applied
        } else {
            WriteOutcome::Mismatch
        };
        applied.written.push(outcome);
    }
    Ok(())
}

/// Carries a step of each removal out, where the partition is at the write that it expects.
///
/// # Errors
/// Which removal failed, and why.
pub(super) fn clears(
    txn: &WriteTransaction,
    work: &Work,
    applied: &mut Applied,
) -> Result<(), (usize, FileError)> {
    let partitions = applied.state.partitions();
    for (index, (partition, token, _)) in work.clears.iter().enumerate() {
        let checkpoint = applied.state.checkpoints[partition.0 as usize].as_ref();
        let outcome = match checkpoint.filter(|checkpoint| checkpoint.token == *token) {
            Some(_) => applied.clearing.step(txn, *partition, partitions, *token),
            None => Ok(ClearOutcome::Mismatch),
        };
        let outcome = outcome.map_err(|error| (index, error))?;
        if outcome == ClearOutcome::Done {
            applied.forgotten.push(*partition);
        }
        applied.cleared.push(outcome);
    }
    Ok(())
}

/// Carries out what concerns the log, the appends first.
pub(super) fn log_requests(
    txn: &WriteTransaction,
    work: &mut Work,
    applied: &mut Applied,
    epochs: &mut Epochs,
    shared: &Shared,
) -> Result<(), FileError> {
    let appends = std::mem::take(&mut work.appends);
    let ordered = std::mem::take(&mut work.ordered);
    applied.durable |= !appends.is_empty();
    let mut log = LogWriter::open(txn, now())?;
    for (append, reply) in appends {
        let offset = log.append(&mut applied.state, &append)?;
        work.answer(reply, offset);
    }
    let mut positions = txn.open_table(STATE)?;
    for request in ordered {
        match request {
            Ordered::Acquire(partition, reply) => {
                let epoch = epochs.acquire(partition);
                work.answer(reply, epoch);
            }
            Ordered::Commit(commit, reply) => {
                let Commit { partition, member, epoch, blocks, next } = commit;
                let owns = shared.coordinator.owns(member, partition) == Some(true);
                if !owns || !epochs.is_newest(partition, epoch) {
                    work.answer(reply, CommitOutcome::Fenced);
                    continue;
                }
                for (index, block) in blocks {
                    log.push(&mut applied.state, index, block)?;
                }
                positions.insert(&committed_key(partition)[..], &encode_offset(next)[..])?;
                applied.durable = true;
                work.answer(reply, CommitOutcome::Committed);
            }
            Ordered::Begin(Begin { group, positions: begun }, reply) => {
                let is_new = !applied.state.positions.contains_key(&group);
                if is_new {
                    for (partition, position) in (0..).map(Partition).zip(&begun) {
                        let key = position_key(group.0, &group.1, partition);
                        positions.insert(&key[..], &encode_offset(*position)[..])?;
                    }
                    Arc::make_mut(&mut applied.state.positions).insert(group, begun);
                    applied.durable = true;
                }
                work.answer(reply, is_new);
            }
            Ordered::Acknowledge(Acknowledge { group, partition, next }, reply) => {
                let position = applied.state.position_mut(&group, partition);
                *position = next.max(*position);
                let key = position_key(group.0, &group.1, partition);
                positions.insert(&key[..], &encode_offset(*position)[..])?;
                applied.durable = true;
                work.answer(reply, ());
            }
        }
    }
    drop(positions);
    applied.blocks = log.finish(&mut applied.state)?;
    Ok(())
}

/// The time of what is appended now.
fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
