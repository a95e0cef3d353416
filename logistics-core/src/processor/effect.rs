//! Effects: the calls that the processor needs, and their replies.

use crate::ids::{Offset, OrderId, Timestamp};
use crate::port::{
    Batch, ClearOutcome, CommitOutcome, Loaded, LogExtent, PortErrorKind, ReadLimit, Recovery, StoreWrite,
    Token, Transaction, WriteOutcome,
};

/// The wall-clock time and a monotonic time. Facts and deadlines use the wall clock. Waits use the monotonic clock, so a
/// clock that is set back does not block them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Now {
    /// The wall clock.
    pub wall: Timestamp,
    /// Milliseconds of a monotonic clock since a fixed moment of this process.
    pub elapsed_ms: u64,
}

/// This owner's time and the log's, when they differ by more than permitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Skew {
    /// This owner's time.
    pub ours: Timestamp,
    /// The other clock's time at that moment.
    pub log: Timestamp,
    /// The other clock is the log's. Otherwise it is the store's, which is used until the log has supplied a timestamp.
    pub by_log: bool,
}

/// Identifies one effect, which separates its reply from the reply to an earlier effect that was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct CallId(pub u64);

/// A call of a port that the driver makes, possibly in its own task. The driver passes the reply to
/// [`super::Processor::handle`] with the same [`CallId`]. It never retries a call by itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Effect {
    /// `PartitionLog::acquire`. The driver first gives up all open calls of this processor.
    Acquire,
    /// `OwnerStore::recover`.
    Recover,
    /// `PartitionLog::extent`.
    ReadEnd,
    /// `PartitionLog::read`; may wait until there is a record.
    Read {
        /// The first offset.
        from: Offset,
        /// The most that is read.
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

/// The result of an effect.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Reply {
    /// Of `Acquire`: a random number for this acquisition, which never repeats.
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

/// The phase of a processor, for people and for health.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// Waiting before a retry; contains the name of the phase that failed.
    Waiting(&'static str),
    /// Asking the group whether this process still owns the partition.
    AskingGroup,
    /// Acquiring the partition.
    Acquiring,
    /// Reading the store's checkpoint.
    Recovering,
    /// Reading where the log ends.
    ReadingEnd,
    /// Removing another log's documents from the store.
    Clearing,
    /// Bringing the store up to the log.
    Replaying,
    /// Deciding.
    Live,
    /// Giving the partition up.
    Stopping,
    /// The partition is given up. The processor emits no further effects.
    Dropped,
    /// Stopped for good, with the partition kept: continuing would skip or invent records. Contains the reason.
    Halted(String),
}

impl Phase {
    /// The name, in one to three words.
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

    /// The phase as text, in lower case with underscores. It never changes.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Phase::AskingGroup => "asking_group",
            Phase::ReadingEnd => "reading_end",
            Phase::Clearing => "clearing",
            // The other names have one word.
            phase => phase.name(),
        }
    }
}
