//! A broker with the hard properties of Kafka, as a pure state machine.

mod group;
mod log;
mod readers;
mod transaction;

#[cfg(test)]
mod tests;

pub use group::Member;
pub use log::Truncated;
pub use readers::Reader;
pub use transaction::{CommitFate, Epoch, Fenced};

use std::collections::BTreeMap;

use bytes::Bytes;

use group::Group;
use log::{Log, Stored};
use logistics_core::port::{Batch, Bounds, Header, LogExtent, LogIdentity, ReadLimit, Topic};
use logistics_core::{Offset, OrderId, Partition, Timestamp, partition_of};
use readers::Readers;
use transaction::Producer;

/// The logs, the transactions and the groups of a Kafka-like broker.
///
/// Every method is one atomic step. An operation of several steps in a real broker has several here too, and a driver can
/// interleave them. The broker has no clock and no random numbers: its driver chooses what happens, as a model checker and
/// a seeded simulation need. Equal states are equal values and hash alike. Only the logs, the epochs and the generation
/// grow.
///
/// It has these properties of Kafka:
/// - transactional records take offsets at once, and the marker that ends a transaction takes one in each partition
///   written; aborted records keep their offsets and are never visible;
/// - the last stable offset stays before the first record of an open transaction, and hides later records of others;
/// - the next initialisation of a transactional id fences it, aborts an open transaction and completes a prepared one;
/// - the group's generation is checked when offsets are sent, and nowhere else;
/// - a commit can be lost on its way there or back, or half way.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Broker {
    partitions: u32,
    identity: LogIdentity,
    now: Timestamp,
    /// Only logs that were written, so that equal brokers are equal values.
    logs: BTreeMap<(Topic, Partition), Log>,
    producers: BTreeMap<Partition, Producer>,
    group: Group,
    readers: BTreeMap<(Topic, String), Readers>,
}

impl Broker {
    /// A broker with empty topics of this many partitions each.
    #[must_use]
    pub fn new(partitions: u32) -> Self {
        Self {
            partitions,
            identity: LogIdentity::new("memory-1"),
            now: Timestamp::default(),
            logs: BTreeMap::new(),
            producers: BTreeMap::new(),
            group: Group::default(),
            readers: BTreeMap::new(),
        }
    }

    /// The number of partitions of every topic.
    #[must_use]
    pub fn partitions(&self) -> u32 {
        self.partitions
    }

    /// Sets the time of later records. Until the first call, it is the epoch.
    pub fn set_time(&mut self, now: Timestamp) {
        self.now = now;
    }

    /// Appends a record outside of any transaction, as every client of Kafka can.
    pub fn append(
        &mut self,
        topic: Topic,
        partition: Partition,
        key: Option<Bytes>,
        payload: Bytes,
    ) -> Offset {
        self.append_with_headers(topic, partition, key, payload, Vec::new())
    }

    /// The same with headers.
    pub fn append_with_headers(
        &mut self,
        topic: Topic,
        partition: Partition,
        key: Option<Bytes>,
        payload: Bytes,
        headers: Vec<Header>,
    ) -> Offset {
        let record = Stored { key, payload, headers, at: self.now };
        self.log_mut(topic, partition).append(record)
    }

    /// Appends an input to the partition of its order, as `EventBus::append` does.
    pub fn append_input(&mut self, order_id: &OrderId, payload: Bytes) -> Offset {
        let partition = partition_of(order_id, self.partitions);
        let key = order_id.to_key();
        self.append(Topic::Orders, partition, Some(key), payload)
    }

    /// The committed records from `from` on; `None` if a reader has to wait. An empty batch moves the reader past invisible
    /// records.
    ///
    /// # Errors
    /// [`Truncated`] when `from` lies before the log's start.
    pub fn read_committed(
        &self,
        topic: Topic,
        partition: Partition,
        from: Offset,
        limit: ReadLimit,
    ) -> Result<Option<Batch>, Truncated> {
        self.log(topic, partition).map_or(Ok(None), |log| log.read(from, limit))
    }

    /// The high watermark: behind the last record, visible or not.
    #[must_use]
    pub fn end(&self, topic: Topic, partition: Partition) -> Offset {
        self.bounds(topic, partition).end
    }

    /// Where the partition of the orders starts and ends, and the identity of the log.
    #[must_use]
    pub fn extent(&self, partition: Partition) -> LogExtent {
        LogExtent { bounds: self.bounds(Topic::Orders, partition), log: self.identity.clone() }
    }

    /// The same topics now belong to a log of this identity, as in a mirror or a restored copy.
    pub fn set_identity(&mut self, identity: LogIdentity) {
        self.identity = identity;
    }

    /// The last stable offset: readers see nothing at or behind it.
    #[must_use]
    pub fn stable_end(&self, topic: Topic, partition: Partition) -> Offset {
        self.log(topic, partition).map_or(Offset(0), |log| Offset(log.stable()))
    }

    /// Where a partition starts and ends.
    #[must_use]
    pub fn bounds(&self, topic: Topic, partition: Partition) -> Bounds {
        let empty = Bounds { start: Offset(0), end: Offset(0) };
        self.log(topic, partition).map_or(empty, Log::bounds)
    }

    /// The first record that the log accepted at `time` or later; the end if there is none.
    pub(super) fn first_at(&self, topic: Topic, partition: Partition, time: Timestamp) -> Offset {
        self.log(topic, partition).map_or(Offset(0), |log| log.first_at(time))
    }

    /// Deletes the stable records before `start`, as retention does.
    pub fn truncate(&mut self, topic: Topic, partition: Partition, start: Offset) {
        self.log_mut(topic, partition).truncate(start);
    }

    fn log(&self, topic: Topic, partition: Partition) -> Option<&Log> {
        self.logs.get(&(topic, partition))
    }

    fn log_mut(&mut self, topic: Topic, partition: Partition) -> &mut Log {
        self.logs.entry((topic, partition)).or_default()
    }
}
