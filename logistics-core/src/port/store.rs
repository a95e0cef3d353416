//! The order store: data derived from the log. A lost store is rebuilt from the log.

use std::collections::BTreeSet;
use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use serde::Deserialize;

use super::error::PortError;
use super::list::{ListQuery, Page, PartyRole, StatusSummary};
use crate::ids::{Offset, OrderId, Partition, PartyId, RequestId, Timestamp};
use crate::lifecycle::Status;
use crate::order::Order;
use crate::outcome::RequestOutcome;

/// Names one write of one acquisition. It never repeats, so an old state that returns differs from the current one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token {
    /// The acquisition: random.
    pub acquisition: u128,
    /// The number of the write within the acquisition, from 1.
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
///
/// Exhaustive: adding a field is a breaking change ([why](crate::port#exhaustive-types)).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StoreCheckpoint {
    /// The documents contain every fact before this offset.
    pub offset: Offset,
    /// Every input before this offset is answered.
    pub answered: Offset,
    /// The latest write of the partition.
    pub token: Token,
    /// The log and the records from which the checkpoint was made. The processor writes it, and the store keeps it
    /// unchanged. `None` for a checkpoint of a release that wrote none.
    pub basis: Option<Bytes>,
}

/// The state from which a new owner of a partition starts.
///
/// Exhaustive: adding a field is a breaking change ([why](crate::port#exhaustive-types)).
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Recovery {
    /// How far the store is; `None` if it has no checkpoint of the partition.
    pub checkpoint: Option<StoreCheckpoint>,
    /// The live timers.
    pub timers: Vec<(OrderId, Timestamp)>,
    /// The time of the store's own clock, if it runs on another machine.
    pub now: Option<Timestamp>,
}

/// Documents, and the latest write of the partition at the same instant.
///
/// Exhaustive: adding a field is a breaking change ([why](crate::port#exhaustive-types)).
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Loaded {
    /// The token; `None` if the store has no checkpoint of the partition.
    pub token: Option<Token>,
    /// One for each requested id, in that order; `None` if there is no document.
    pub documents: Vec<Option<Bytes>>,
    /// Orders that are in the index but whose document is lost: among the requested ones, and those that a reader has
    /// found since the last load. The processor rebuilds them from the log.
    pub missing: BTreeSet<OrderId>,
}

/// The parties of an order. Its customer and its merchant never change; its courier may change.
///
/// Exhaustive: adding a field is a breaking change ([why](crate::port#exhaustive-types)).
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct OrderParties {
    /// The customer.
    pub customer: Option<PartyId>,
    /// The merchant.
    pub merchant: Option<PartyId>,
    /// The courier.
    pub courier: Option<PartyId>,
}

impl OrderParties {
    /// The parties of the order with this document. Nothing else of it is read.
    ///
    /// # Errors
    /// If the document is no JSON object, or a party's id is invalid.
    pub fn from_document(json: &[u8]) -> Result<Self, serde_json::Error> {
        #[derive(Deserialize)]
        struct Read {
            #[serde(default)]
            customer_id: Option<PartyId>,
            #[serde(default)]
            merchant_id: Option<PartyId>,
            #[serde(default)]
            courier_id: Option<PartyId>,
        }
        let Read { customer_id, merchant_id, courier_id } = serde_json::from_slice(json)?;
        Ok(Self { customer: customer_id, merchant: merchant_id, courier: courier_id })
    }

    /// The party in this role.
    #[must_use]
    pub fn id(&self, role: PartyRole) -> Option<&PartyId> {
        match role {
            PartyRole::Customer => self.customer.as_ref(),
            PartyRole::Merchant => self.merchant.as_ref(),
            PartyRole::Courier => self.courier.as_ref(),
        }
    }

    /// The parties with their roles.
    pub fn iter(&self) -> impl Iterator<Item = (PartyRole, &PartyId)> {
        PartyRole::ALL.into_iter().filter_map(|role| Some((role, self.id(role)?)))
    }
}

impl From<&Order> for OrderParties {
    fn from(order: &Order) -> Self {
        Self {
            customer: order.customer_id.clone(),
            merchant: order.merchant_id.clone(),
            courier: order.courier_id.clone(),
        }
    }
}

/// The position of an order in the lists of a store, as far as it changes.
///
/// Exhaustive: adding a field is a breaking change ([why](crate::port#exhaustive-types)).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IndexEntry {
    /// The status in whose list it is.
    pub status: Status,
    /// The time of its latest change.
    pub changed_at: Timestamp,
    /// The courier in whose list it is.
    pub courier: Option<PartyId>,
}

impl From<&Order> for IndexEntry {
    fn from(order: &Order) -> Self {
        Self { status: order.status, changed_at: order.updated_at, courier: order.courier_id.clone() }
    }
}

/// One document to write, with the data derived from it.
///
/// Exhaustive: adding a field is a breaking change ([why](crate::port#exhaustive-types)).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DocumentWrite {
    /// The order.
    pub order_id: OrderId,
    /// Its document.
    pub json: Bytes,
    /// Its status: part of its new index entry.
    pub status: Status,
    /// The time of its latest change: the position of its new index entry.
    pub changed_at: Timestamp,
    /// Its parties: the store adds the order to the list of each.
    pub parties: OrderParties,
    /// Its current index entry in the store, to remove.
    pub previous: Option<IndexEntry>,
    /// The order was rebuilt from the log: the store removes every index entry of the order. An entry in the list of a former
    /// courier may stay, because the store may not know that courier; no page shows it.
    pub rebuilt: bool,
    /// The order is late in its status and belongs to the list of late orders.
    pub late: bool,
    /// When its timer is due; `None` removes the timer.
    pub due: Option<Timestamp>,
}

/// One atomic write of one partition.
///
/// Exhaustive: adding a field is a breaking change ([why](crate::port#exhaustive-types)).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StoreWrite {
    /// The partition.
    pub partition: Partition,
    /// The token that the partition must have; `None` for the first write.
    pub expected: Option<Token>,
    /// The partition's token afterwards.
    pub next: Token,
    /// The checkpoint's offset afterwards.
    pub offset: Offset,
    /// The checkpoint's answered offset afterwards.
    pub answered: Offset,
    /// The checkpoint's basis afterwards. A store keeps it unchanged.
    pub basis: Bytes,
    /// The documents, each order at most once.
    pub documents: Vec<DocumentWrite>,
    /// Outcomes that a client awaits. The store keeps them for [`crate::limits::OUTCOME_KEPT_MS`].
    pub outcomes: Vec<(RequestId, RequestOutcome)>,
}

/// The outcome of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[must_use]
pub enum WriteOutcome {
    /// The write is stored, by this call or by an earlier one.
    Applied,
    /// The partition has another token; nothing changed.
    Mismatch,
}

/// The result of a document lookup.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum DocumentLookup {
    /// Its document.
    Found(Bytes),
    /// The store has the partition, without this order.
    Absent {
        /// Every input before this offset was answered at the time of the lookup. Compared with the log's end, it shows
        /// whether the order may still appear.
        answered: Offset,
    },
    /// The order is in the index but its document is lost. The next [`OwnerStore::load`] of the partition reports this to
    /// the owner, which rebuilds the document.
    Missing,
    /// The store has no checkpoint of the partition (yet), so the order may exist.
    Unknown,
}

/// The progress of removing a partition's contents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[must_use]
pub enum ClearOutcome {
    /// All contents are removed; the checkpoint is kept.
    Done,
    /// Some contents remain: clear again.
    More,
    /// The partition has another token; nothing changed.
    Mismatch,
}

/// The owner's side of the store: documents, timers and checkpoints.
///
/// To be correct, a [`StoreWrite`] is applied atomically, and only if the partition has the token that it expects.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait OwnerStore: Send + Sync {
    /// The state from which a new owner of the partition starts, all of the same instant.
    ///
    /// # Errors
    /// [`PortError`] when the store cannot be reached; `Corrupt` when its contents cannot be decoded.
    async fn recover(&self, partition: Partition) -> Result<Recovery, PortError>;

    /// The documents of these orders of the partition, and the token of the same instant. Without ids, only the token.
    ///
    /// # Errors
    /// [`PortError`] when the store cannot be reached.
    async fn load(&self, partition: Partition, ids: &[OrderId]) -> Result<Loaded, PortError>;

    /// Compares and writes: if the partition's token is `expected`, applies the write; if it is `next` already, returns
    /// `Applied`; otherwise changes nothing.
    ///
    /// # Errors
    /// [`PortError`]; unknown outcome: the write may have been applied, or may still be.
    async fn write(&self, write: StoreWrite) -> Result<WriteOutcome, PortError>;

    /// If the partition's token is `token`, removes documents, index entries and timers of the partition, as many as one
    /// bounded step can. The checkpoint is unchanged. Outcomes may stay until they expire.
    ///
    /// # Errors
    /// [`PortError`]; some of the contents may have been removed nevertheless.
    async fn clear(&self, partition: Partition, token: Token) -> Result<ClearOutcome, PortError>;
}

/// The readers' side of the store: documents, lists and outcomes.
///
/// To be correct, a reader sees each [`StoreWrite`] whole or not at all.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait OrderReader: Send + Sync {
    /// The document of one order.
    ///
    /// # Errors
    /// [`PortError`] when the store cannot be reached.
    async fn document(&self, order_id: &OrderId) -> Result<DocumentLookup, PortError>;

    /// How far the store is in the partition; `None` if it has no checkpoint.
    ///
    /// # Errors
    /// [`PortError`] when the store cannot be reached; `Corrupt` when its contents cannot be decoded.
    async fn checkpoint(&self, partition: Partition) -> Result<Option<StoreCheckpoint>, PortError>;

    /// A page of the list.
    ///
    /// # Errors
    /// [`PortError`] when the store cannot be reached.
    async fn list(&self, query: &ListQuery) -> Result<Page, PortError>;

    /// The orders of each status in all partitions, in the order of [`STATUSES`](crate::lifecycle::STATUSES).
    ///
    /// To be correct, the cost does not grow with the number of orders, because monitors call it every few seconds. Partitions may
    /// be summarised at different moments.
    ///
    /// # Errors
    /// [`PortError`] when the store cannot be reached; `Corrupt` when its contents cannot be decoded.
    async fn summary(&self) -> Result<Vec<StatusSummary>, PortError>;

    /// Waits for the outcome of an awaited request about this order. The document of that outcome is stored by then. Can
    /// be cancelled.
    ///
    /// # Errors
    /// [`PortError`] when the store cannot be reached.
    async fn outcome(&self, order_id: &OrderId, request: &RequestId) -> Result<RequestOutcome, PortError>;
}

/// Both sides of a store. Implemented for every type that has both.
pub trait OrderStore: OwnerStore + OrderReader {}

impl<S: OwnerStore + OrderReader + ?Sized> OrderStore for S {}
