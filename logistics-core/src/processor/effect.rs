//! Effects: the calls that the processor needs, and their replies.

use crate::ids::{Offset, OrderId, Timestamp};
use crate::port::{
    Batch, ClearOutcome, CommitOutcome, Loaded, LogExtent, PortErrorKind, ReadLimit, Recovery, StoreWrite,
    Token, Transaction, WriteOutcome,
};

/// The time, twice: what the wall clock says, and what has passed since some fixed moment of this process. Facts and
/// deadlines are of the former; waits are of the latter, so that a clock that steps back stops nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Now {
    /// The wall clock.
    pub wall: Timestamp,
    /// Milliseconds of a clock that never steps.
    pub elapsed_ms: u64,
}

/// This owner's clock and the log's, where they differ by more than permitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Skew {
    /// What this owner's clock says.
    pub ours: Timestamp,
    /// What the other clock says at that moment.
    pub log: Timestamp,
    /// The other clock is the log's; otherwise it is the store's, until the log has said something.
    pub by_log: bool,
}

/// Names one effect, to tell its reply apart from the reply to an earlier effect that was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct CallId(pub u64);

/// What is to be done. Each is one call of a port; the driver makes it, in a task of its own if it likes, and hands the
/// reply of the same name to [`super::Processor::handle`] with the same call. It never repeats a call by itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Effect {
    /// `PartitionLog::acquire`. What this processor had open before is to be given up first.
    Acquire,
    /// `OwnerStore::recover`.
    Recover,
    /// `PartitionLog::extent`.
    ReadEnd,
    /// `PartitionLog::read`; may wait for as long as there is nothing.
    Read {
        /// From where.
        from: Offset,
        /// How much.
        limit: ReadLimit,
    },
    /// `OwnerStore::load`; without ids, for the token alone.
    Load {
        /// Which orders.
        ids: Vec<OrderId>,
    },
    /// `PartitionLog::commit`.
    Commit(Transaction),
    /// `OwnerStore::write`.
    Write(StoreWrite),
    /// `OwnerStore::clear`.
    Clear {
        /// The write that the partition must be at.
        token: Token,
    },
    /// `Membership::owns`.
    AskGroup,
}

/// What came of an effect.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Reply {
    /// Of `Acquire`: a random number for this acquisition, which never comes twice.
    Acquired(Result<u128, PortErrorKind>),
    /// Of `Recover`.
    Recovered(Result<Recovery, PortErrorKind>),
    /// Of `ReadEnd`.
    End(Result<LogExtent, PortErrorKind>),
    /// Of `Read`.
    Read(Result<Batch, PortErrorKind>),
    /// Of `Load`.
    Loaded(Result<Loaded, PortErrorKind>),
    /// Of `Commit`.
    Committed(Result<CommitOutcome, PortErrorKind>),
    /// Of `Write`.
    Written(Result<WriteOutcome, PortErrorKind>),
    /// Of `Clear`.
    Cleared(Result<ClearOutcome, PortErrorKind>),
    /// Of `AskGroup`.
    Owned(Result<bool, PortErrorKind>),
}

/// Where a processor is, for people and for health.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// Waiting before another try, for the reason given.
    Waiting(&'static str),
    /// Asking the group whether the partition is still its own.
    AskingGroup,
    /// Taking the partition over.
    Acquiring,
    /// Reading the store's checkpoint.
    Recovering,
    /// Reading where the log ends.
    ReadingEnd,
    /// Removing what the store holds of another log.
    Clearing,
    /// Bringing the store up to the log.
    Replaying,
    /// Deciding.
    Live,
    /// Giving the partition up.
    Stopping,
    /// It gave the partition up. Nothing more comes from it.
    Dropped,
    /// It stopped for good and kept the partition, because going on would skip or invent something.
    Halted(String),
}

impl Phase {
    /// In a word or two.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Phase::Waiting(_) => "waiting",
            Phase::AskingGroup => "asking the group",
            Phase::Acquiring => "acquiring",
            Phase::Recovering => "recovering",
            Phase::ReadingEnd => "reading the end",
            Phase::Clearing => "clearing the store",
            Phase::Replaying => "replaying",
            Phase::Live => "live",
            Phase::Stopping => "stopping",
            Phase::Dropped => "dropped",
            Phase::Halted(_) => "halted",
        }
    }
}
