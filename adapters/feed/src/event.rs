//! Filters, positions and events of a subscription.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use logistics_core::port::PortError;
use logistics_core::wire::RecordError;
use logistics_core::{Fact, Offset, OrderId, Partition};

/// Which facts a subscriber gets.
///
/// For the facts of one party (customer, merchant, courier), see [`PartyHub`](crate::PartyHub): a fact does not name the
/// parties of its order.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Filter {
    /// The facts of one order.
    Order(OrderId),
    /// The facts of every order.
    All,
}

impl Filter {
    pub(crate) fn matches(&self, fact: &Fact) -> bool {
        match self {
            Filter::Order(order_id) => fact.order_id == *order_id,
            Filter::All => true,
        }
    }
}

/// The next offset to read in each partition.
pub type Positions = BTreeMap<Partition, Offset>;

/// A fact with its position in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoggedFact {
    /// The partition.
    pub partition: Partition,
    /// The offset in the partition.
    pub offset: Offset,
    /// The fact.
    pub fact: Fact,
    /// The length of the record.
    pub(crate) bytes: usize,
    pub(crate) forms: Forms,
}

/// The number of forms of a fact that its subscribers share.
pub const FORMS: usize = 2;

/// Encodings of a fact. They follow from the fact, so they do not count in comparisons.
#[derive(Debug, Clone, Default)]
pub(crate) struct Forms([OnceLock<Bytes>; FORMS]);

impl PartialEq for Forms {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Forms {}

impl LoggedFact {
    /// An encoding of the fact that is made once and shared by all subscribers. The callers agree on the meaning of a form.
    ///
    /// # Panics
    /// If `form` is not below [`FORMS`].
    pub fn form(&self, form: usize, encode: impl FnOnce(&Fact) -> Bytes) -> Bytes {
        self.forms.0[form].get_or_init(|| encode(&self.fact)).clone()
    }
}

/// What a subscription yields.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum FeedEvent {
    /// The next fact. The facts of one partition come in the order of the log, each once.
    Fact(Arc<LoggedFact>),
    /// The subscriber fell behind: its queue was full. The subscription ends with this event.
    Lagged {
        /// The positions from which [`Hub::subscribe_from`](crate::Hub::subscribe_from) continues without a gap and without a
        /// repetition.
        resume_from: Positions,
    },
    /// The hub cannot continue. The subscription ends with this event.
    Closed(FeedError),
}

/// Why a hub cannot continue. It has retried every retryable error.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum FeedError {
    /// [`Hub::close`](crate::Hub::close) was called.
    #[error("the feed is closed; this process shuts down")]
    ShutDown,
    /// The log cannot be read, and the error is not retryable.
    #[error("cannot read partition {partition} of the orders: {error}")]
    Log {
        /// The partition.
        partition: Partition,
        /// The error of the bus.
        #[source]
        error: PortError,
    },
    /// A newer release wrote a record, which this build cannot read and must not skip.
    #[error("cannot read offset {offset} of partition {partition}; update this program: {error}")]
    Newer {
        /// The partition.
        partition: Partition,
        /// The record's offset.
        offset: Offset,
        /// Why this build cannot read the record.
        #[source]
        error: RecordError,
    },
}
