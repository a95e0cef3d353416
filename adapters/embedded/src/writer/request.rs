//! The requests to the writer.

use bytes::Bytes;
use logistics_core::port::{ClearOutcome, CommitOutcome, StoreWrite, Token, WriteOutcome};
use logistics_core::{Offset, Partition};
use tokio::sync::oneshot;

use crate::error::EmbeddedError;
use crate::group::coordinator::MemberId;
use crate::limits::REQUEST_BYTES_MIN;
use crate::log::block::PreparedBlock;
use crate::state::GroupKey;

/// The channel of an answer. Its caller may have been cancelled.
pub(crate) type Reply<T> = oneshot::Sender<Result<T, EmbeddedError>>;

/// The right to commit to a partition, until the next acquisition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Epoch(pub(crate) u64);

/// A request. The writer answers after the request's cycle.
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

/// Appends a record to a log.
#[derive(Debug)]
pub(crate) struct Append {
    /// By [`crate::state::log_index`].
    pub(crate) log: usize,
    pub(crate) key: Bytes,
    pub(crate) payload: Bytes,
}

/// Commits a transaction of a partition's owner.
#[derive(Debug)]
pub(crate) struct Commit {
    pub(crate) partition: Partition,
    pub(crate) member: MemberId,
    pub(crate) epoch: Epoch,
    /// Blocks to append, each with the index of its log.
    pub(crate) blocks: Vec<(usize, PreparedBlock)>,
    pub(crate) next: Offset,
}

/// Stores the positions of a new group, by partition. The answer is false, and nothing changes, if the group has positions.
#[derive(Debug)]
pub(crate) struct Begin {
    pub(crate) group: GroupKey,
    pub(crate) positions: Vec<Offset>,
}

/// Stores a group's position in a partition.
#[derive(Debug)]
pub(crate) struct Acknowledge {
    pub(crate) group: GroupKey,
    pub(crate) partition: Partition,
    pub(crate) next: Offset,
}

impl Request {
    /// The size at which it is counted in the queue.
    pub(crate) fn bytes(&self) -> usize {
        let bytes = match self {
            Request::Append(append, _) => append.key.len() + append.payload.len(),
            Request::Commit(commit, _) => commit.blocks.iter().map(|(_, block)| block.bytes()).sum(),
            Request::Write(write, _) => write.documents.iter().map(|document| document.json.len()).sum(),
            Request::Begin(begin, _) => begin.positions.len() * size_of::<Offset>(),
            Request::Acquire(..) | Request::Acknowledge(..) | Request::Clear(..) | Request::Close(_) => 0,
        };
        bytes.max(REQUEST_BYTES_MIN)
    }
}
