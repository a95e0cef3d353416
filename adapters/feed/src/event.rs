//! What a subscriber may choose, and what it gets.

use std::collections::BTreeMap;
use std::sync::Arc;

use logistics_core::port::PortError;
use logistics_core::wire::RecordError;
use logistics_core::{Fact, Offset, OrderId, Partition};

/// Which facts a subscriber gets.
///
/// A filter by party (customer, merchant, courier) is not possible here: only the placement of an order names its parties,
/// and the hub has not read the placements before its readers started.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Filter {
    /// Those of one order.
    Order(OrderId),
    /// Those of every order.
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

/// Where to read on in each partition: everything before the offset is done.
pub type Positions = BTreeMap<Partition, Offset>;

/// A fact, and where the log has it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoggedFact {
    /// The partition.
    pub partition: Partition,
    /// The offset in the partition.
    pub offset: Offset,
    /// The fact.
    pub fact: Fact,
    /// The length of its record.
    pub(crate) bytes: usize,
}

/// What a subscription yields.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum FeedEvent {
    /// The next fact. Those of one partition come in the order of the log, each once.
    Fact(Arc<LoggedFact>),
    /// The subscriber fell behind: its queue was full. The subscription ends with this event.
    Lagged {
        /// Where [`Hub::subscribe_from`](crate::Hub::subscribe_from) goes on without a gap and without a repetition.
        resume_from: Positions,
    },
    /// The hub cannot go on. The subscription ends with this event.
    Closed(FeedError),
}

/// Why a hub cannot go on. It retried whatever a retry can help.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum FeedError {
    /// [`Hub::close`](crate::Hub::close) was called.
    #[error("the feed is closed; this process shuts down")]
    ShutDown,
    /// The log cannot be read, and a retry does not help.
    #[error("cannot read partition {partition} of the orders: {error}")]
    Log {
        /// The partition.
        partition: Partition,
        /// What the bus reports.
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
        /// What is new about it.
        #[source]
        error: RecordError,
    },
}
