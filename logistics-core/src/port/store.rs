//! The order store: what can be derived from the log. Losing it loses nothing.

use std::collections::BTreeSet;
use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;

use super::error::PortError;
use crate::ids::{Offset, OrderId, Partition, RequestId, Timestamp};
use crate::lifecycle::Status;
use crate::outcome::RequestOutcome;

/// Names one write of one acquisition. It never repeats, so an old state that returns differs from the current one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token {
    /// The acquisition: random.
    pub acquisition: u128,
    /// The write among those of the acquisition, from 1.
    pub sequence: u64,
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}-{}", self.acquisition, self.sequence)
    }
}

impl std::str::FromStr for Token {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (acquisition, sequence) = text.split_once('-').unwrap_or((text, ""));
        Ok(Self { acquisition: u128::from_str_radix(acquisition, 16)?, sequence: sequence.parse()? })
    }
}

/// How far the store is in one partition.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StoreCheckpoint {
    /// Every fact before it is in the documents.
    pub offset: Offset,
    /// Every input before it is answered.
    pub answered: Offset,
    /// The write that the partition is at.
    pub token: Token,
    /// Which log it was made from and up to which of its records: text of the processor, as it was written. `None` for
    /// a checkpoint of a release that wrote none.
    pub basis: Option<Bytes>,
}

/// What a new owner of a partition starts from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Recovery {
    /// How far the store is; `None` where it knows nothing of the partition.
    pub checkpoint: Option<StoreCheckpoint>,
    /// The live timers.
    pub timers: Vec<(OrderId, Timestamp)>,
    /// What the store's own clock says, where it runs on another machine.
    pub now: Option<Timestamp>,
}

/// Documents, and the write that the partition was at in the same instant.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Loaded {
    /// The token; `None` where the store knows nothing of the partition.
    pub token: Option<Token>,
    /// One for each id that was asked for, in that order; `None` where there is none.
    pub documents: Vec<Option<Bytes>>,
    /// Orders that the store knows by its index and whose document it has lost: those that were asked for, and those that
    /// a reader has found since the last load. The processor rebuilds them from the log.
    pub missing: BTreeSet<OrderId>,
}

/// One document to write, with what is derived from it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DocumentWrite {
    /// The order.
    pub order_id: OrderId,
    /// Its document.
    pub json: Bytes,
    /// Its status: the index entry that it gets.
    pub status: Status,
    /// The time of its latest change: the index entry's position.
    pub changed_at: Timestamp,
    /// The index entry that the store holds for it, which goes.
    pub previous: Option<(Status, Timestamp)>,
    /// The order was rebuilt from the log: the store may hold any index entry for it, and all of them go.
    pub rebuilt: bool,
    /// It is late in its status: it is in the list of late orders.
    pub late: bool,
    /// When its timer is due; `None` removes the timer.
    pub due: Option<Timestamp>,
}

/// One atomic write of one partition.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StoreWrite {
    /// The partition.
    pub partition: Partition,
    /// The write that the partition must be at.
    pub expected: Option<Token>,
    /// The write that it is at afterwards.
    pub next: Token,
    /// The checkpoint's offset afterwards.
    pub offset: Offset,
    /// The checkpoint's answered offset afterwards.
    pub answered: Offset,
    /// The checkpoint's basis afterwards. A store keeps it as it is.
    pub basis: Bytes,
    /// The documents, each order at most once.
    pub documents: Vec<DocumentWrite>,
    /// Outcomes that a client awaits. The store keeps them for [`crate::limits::OUTCOME_KEPT_MS`].
    pub outcomes: Vec<(RequestId, RequestOutcome)>,
}

/// What became of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[must_use]
pub enum WriteOutcome {
    /// It is written, by this call or by an earlier one.
    Applied,
    /// The partition was at another write; nothing changed.
    Mismatch,
}

/// What the store knows of one order.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum DocumentLookup {
    /// Its document.
    Found(Bytes),
    /// The store knows the partition, and the order is not in it.
    Absent {
        /// How far the store was when it did not have the order: every input before it is answered. Who knows where the
        /// log ends knows from this whether the order may still come.
        answered: Offset,
    },
    /// The store knows the order by its index and has lost its document. It has noted that, and the next
    /// [`OwnerStore::load`] of the partition reports it to the owner, which rebuilds the document.
    Missing,
    /// The store knows nothing of the partition (yet), so it cannot tell.
    Unknown,
}

/// How far the removal of a partition's contents is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[must_use]
pub enum ClearOutcome {
    /// All contents are gone; the checkpoint is there.
    Done,
    /// Some are left: clear again.
    More,
    /// The partition was at another write; nothing changed.
    Mismatch,
}

/// Where a page of the list begins: behind this order.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Cursor {
    /// The status that was being listed.
    pub status: Status,
    /// The time of the last order's latest change.
    pub changed_at: Timestamp,
    /// The last order.
    pub order_id: OrderId,
}

/// A text that no page of the list gave out.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
#[error("the cursor is not one that a page of the list gave out")]
pub struct InvalidCursor;

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.status, self.changed_at.as_millis(), self.order_id)
    }
}

impl std::str::FromStr for Cursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.splitn(3, '.');
        let mut part = || parts.next().ok_or(InvalidCursor);
        let status = Status::from_name(part()?).ok_or(InvalidCursor)?;
        let changed_at = Timestamp::from_millis(part()?.parse().map_err(|_| InvalidCursor)?);
        let order_id = OrderId::parse(part()?).map_err(|_| InvalidCursor)?;
        Ok(Self { status, changed_at, order_id })
    }
}

/// Which orders to list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct ListQuery {
    /// Only those in this status; `None`: of every status, one status after the other in the order of
    /// [`crate::lifecycle::STATUSES`].
    pub status: Option<Status>,
    /// Only those that are late in their status: the one that has been late for the longest first, of every status
    /// together unless `status` names one.
    pub late: bool,
    /// Where the page begins; `None`: at the first order.
    pub after: Option<Cursor>,
    /// Orders at most, from 1 to [`crate::limits::PAGE_ORDERS_MAX`].
    pub limit: usize,
}

/// A page of the list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Page {
    /// The documents: within a status the latest change first, and of two changes at the same millisecond the greater id.
    pub documents: Vec<Bytes>,
    /// Where the next page begins; `None` when this is the last.
    pub next: Option<Cursor>,
}

/// What the owner of a partition needs of the store of documents, timers and checkpoints.
///
/// To be correct: what a [`StoreWrite`] says appears at once or not at all, and only on top of the token that it expects.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait OwnerStore: Send + Sync {
    /// What a new owner of the partition starts from, all of the same instant.
    ///
    /// # Errors
    /// [`PortError`] when the store cannot be reached; `Corrupt` when what it holds cannot be read.
    async fn recover(&self, partition: Partition) -> Result<Recovery, PortError>;

    /// The documents of these orders of the partition, and the token of the same instant. Without ids: the token alone.
    ///
    /// # Errors
    /// [`PortError`] when the store cannot be reached.
    async fn load(&self, partition: Partition, ids: &[OrderId]) -> Result<Loaded, PortError>;

    /// Compares and writes: if the partition is at `expected`, writes all of it; if it is at `next` already, answers
    /// `Applied`; otherwise changes nothing.
    ///
    /// # Errors
    /// [`PortError`]; it may have been written all the same, and may yet be.
    async fn write(&self, write: StoreWrite) -> Result<WriteOutcome, PortError>;

    /// Removes documents, index entries and timers of the partition, as many as one bounded step can, if the partition is at
    /// `token`. The checkpoint stays as it is. Outcomes may stay until they expire.
    ///
    /// # Errors
    /// [`PortError`]; some of it may have been removed all the same.
    async fn clear(&self, partition: Partition, token: Token) -> Result<ClearOutcome, PortError>;
}

/// What readers need of the store: documents, lists and outcomes.
///
/// To be correct: a reader sees each [`StoreWrite`] whole or not at all.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait OrderReader: Send + Sync {
    /// The document of one order.
    ///
    /// # Errors
    /// [`PortError`] when the store cannot be reached.
    async fn document(&self, order_id: &OrderId) -> Result<DocumentLookup, PortError>;

    /// How far the store is in the partition; `None` where it knows nothing of it.
    ///
    /// # Errors
    /// [`PortError`] when the store cannot be reached; `Corrupt` when what it holds cannot be read.
    async fn checkpoint(&self, partition: Partition) -> Result<Option<StoreCheckpoint>, PortError>;

    /// A page of the list.
    ///
    /// # Errors
    /// [`PortError`] when the store cannot be reached.
    async fn list(&self, query: &ListQuery) -> Result<Page, PortError>;

    /// Waits for the outcome of an awaited request about this order; once it is there, so is the document that it speaks
    /// of. Can be cancelled.
    ///
    /// # Errors
    /// [`PortError`] when the store cannot be reached.
    async fn outcome(&self, order_id: &OrderId, request: &RequestId) -> Result<RequestOutcome, PortError>;
}

/// Both faces of a store. Every type that has both has this one.
pub trait OrderStore: OwnerStore + OrderReader {}

impl<S: OwnerStore + OrderReader + ?Sized> OrderStore for S {}
