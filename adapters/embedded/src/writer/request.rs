//! What the writer is asked to do.

use bytes::Bytes;
use logistics_core::port::{ClearOutcome, CommitOutcome, StoreWrite, Token, WriteOutcome};
use logistics_core::{Offset, Partition};
use tokio::sync::oneshot;

use crate::error::EmbeddedError;
use crate::group::coordinator::MemberId;
use crate::limits::REQUEST_BYTES_MIN;
use crate::log::block::PreparedBlock;
use crate::state::GroupKey;

/// Where an answer goes. Nobody may be waiting for it any more.
pub(crate) type Reply<T> = oneshot::Sender<Result<T, EmbeddedError>>;

/// The right to commit to a partition, until somebody acquires it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Epoch(pub(crate) u64);

/// One thing to do. All answers come once the cycle that did it is over.
#[derive(Debug)]
pub(crate) enum Request {
    Append(Append, Reply<Offset>),
    Acquire(Partition, Reply<Epoch>),
    Commit(Commit, Reply<CommitOutcome>),
    Begin(Begin, Reply<bool>),
    Acknowledge(Acknowledge, Reply<()>),
    Write(Box<StoreWrite>, Reply<WriteOutcome>),
    Clear(Partition, Token, Reply<ClearOutcome>),
    Close(Reply<()>),
}

/// A record for the end of a log.
#[derive(Debug)]
pub(crate) struct Append {
    /// By [`crate::state::log_index`].
    pub(crate) log: usize,
    pub(crate) key: Bytes,
    pub(crate) payload: Bytes,
}

/// A transaction of a partition's worker.
#[derive(Debug)]
pub(crate) struct Commit {
    pub(crate) partition: Partition,
    pub(crate) member: MemberId,
    pub(crate) epoch: Epoch,
    /// Blocks for the ends of logs, in order.
    pub(crate) blocks: Vec<(usize, PreparedBlock)>,
    pub(crate) next: Offset,
}

/// The positions of a group that has none yet, by partition. Answered with false, and without an effect, where it has some.
#[derive(Debug)]
pub(crate) struct Begin {
    pub(crate) group: GroupKey,
    pub(crate) positions: Vec<Offset>,
}

/// A group's position.
#[derive(Debug)]
pub(crate) struct Acknowledge {
    pub(crate) group: GroupKey,
    pub(crate) partition: Partition,
    pub(crate) next: Offset,
}

impl Request {
    /// What it counts as in the queue.
    pub(crate) fn bytes(&self) -> usize {
        let held = match self {
            Request::Append(append, _) => append.key.len() + append.payload.len(),
            Request::Commit(commit, _) => commit.blocks.iter().map(|(_, block)| block.bytes()).sum(),
            Request::Write(write, _) => write.documents.iter().map(|document| document.json.len()).sum(),
            Request::Begin(begin, _) => begin.positions.len() * size_of::<Offset>(),
            Request::Acquire(..) | Request::Acknowledge(..) | Request::Clear(..) | Request::Close(_) => 0,
        };
        held.max(REQUEST_BYTES_MIN)
    }
}
