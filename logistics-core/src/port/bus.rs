//! The event bus: the log that is the only source of truth.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::error::PortError;
use crate::ids::{Offset, OrderId, Partition, Timestamp};
use crate::named::named;

named! {
    /// The logs of the system. All have the same number of partitions. An order's records have the same partition in each.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub enum Topic {
        /// Inputs, facts and the other outcomes: the source of truth.
        Orders => "orders",
        /// One notification for each fact.
        Notifications => "order_notifications",
        /// Records that are no valid input, with their position and the reason.
        DeadLetters => "orders.dlq",
        /// Facts about webhook endpoints, their secrets included. An endpoint's partition is the hash of its id.
        Endpoints => "webhook_endpoints",
        /// Deliveries to webhook endpoints that wait for an attempt, and their outcomes.
        Deliveries => "webhook_deliveries",
    }
    /// The topic's name.
    pub fn name;
}

impl Topic {
    /// The topics that an interface may show to an operator: all without secrets.
    pub const SHOWN: [Topic; 4] =
        [Topic::Orders, Topic::Notifications, Topic::DeadLetters, Topic::Deliveries];

    /// [`EventBus::publish`] accepts records for this topic. The owners of the partitions write the others.
    #[must_use]
    pub fn is_published(self) -> bool {
        matches!(self, Topic::Endpoints | Topic::Deliveries)
    }
}

/// A header of a record.
///
/// Exhaustive: adding a field is a breaking change ([why](crate::port#exhaustive-types)).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Header {
    /// Its name.
    pub name: String,
    /// Its value, not necessarily text.
    pub value: Bytes,
}

/// A record of the log.
///
/// Exhaustive: adding a field is a breaking change ([why](crate::port#exhaustive-types)).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LogRecord {
    /// Its position in its partition.
    pub offset: Offset,
    /// Its key: the order id, if the producer follows the format.
    pub key: Option<Bytes>,
    /// Its payload.
    pub payload: Bytes,
    /// Its headers, in order. This system writes none; other producers may write CloudEvents in binary mode.
    pub headers: Vec<Header>,
    /// The time at which the log accepted it.
    pub at: Timestamp,
}

/// Records in the order of their offsets.
///
/// Exhaustive: adding a field is a breaking change ([why](crate::port#exhaustive-types)).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Batch {
    /// The records; offsets may have gaps, and there may be none.
    pub records: Vec<LogRecord>,
    /// The position of the next read: behind the last record and any invisible records that follow it.
    pub next: Offset,
}

/// The limit of one read. A read returns at least one record, whatever its size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReadLimit {
    /// Records.
    pub records: usize,
    /// Bytes of their payloads.
    pub bytes: usize,
}

/// Identifies one log permanently: a log that was recreated, mirrored or restored elsewhere has another identity.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LogIdentity(pub Arc<str>);

impl LogIdentity {
    /// The identity with this text. The text is opaque: it is only compared.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(Arc::from(text))
    }
}

impl fmt::Display for LogIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where the partition of a worker starts and ends, and the log to which it belongs.
///
/// Exhaustive: adding a field is a breaking change ([why](crate::port#exhaustive-types)).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LogExtent {
    /// The first offset and the end.
    pub bounds: Bounds,
    /// The log.
    pub log: LogIdentity,
}

/// Where a partition starts and ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Bounds {
    /// The first offset that retention has kept.
    pub start: Offset,
    /// The offset behind the last record, visible or not: the high watermark.
    pub end: Offset,
}

/// A record to write.
///
/// Exhaustive: adding a field is a breaking change ([why](crate::port#exhaustive-types)).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct NewRecord {
    /// The topic.
    pub topic: Topic,
    /// The partition.
    pub partition: Partition,
    /// The key: the order id.
    pub key: Option<Bytes>,
    /// The bytes.
    pub payload: Bytes,
}

/// Records, and the offset behind the inputs that they answer. A worker commits both atomically.
///
/// Exhaustive: adding a field is a breaking change ([why](crate::port#exhaustive-types)).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Transaction {
    /// The records, in order.
    pub records: Vec<NewRecord>,
    /// The offset of the next input of the worker's partition: every input before it is answered.
    pub next: Offset,
}

/// The outcome of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[must_use]
pub enum CommitOutcome {
    /// The whole transaction is durable and visible.
    Committed,
    /// Nothing is committed: another worker acquired the partition, or the group has a newer generation.
    Fenced,
    /// Unknown outcome: all or nothing is committed. Acquiring the partition again settles it.
    Unknown,
}

/// The log.
///
/// To be correct: every reader sees the records of a partition in the same order; a visible record stays visible until
/// retention deletes it; records of an aborted transaction are never visible.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait EventBus: Send + Sync {
    /// The number of partitions of every topic.
    fn partitions(&self) -> u32;

    /// Appends an input to the partition of its order in [`Topic::Orders`], and returns its offset once it is durable.
    ///
    /// # Errors
    /// [`PortError`]; unless the kind is `TooLarge` or `Refused`, the record may have been appended nevertheless.
    async fn append(&self, order_id: &OrderId, payload: Bytes) -> Result<Offset, PortError>;

    /// Appends a record to a partition of a topic that [`Topic::is_published`], and returns its offset once it is durable.
    ///
    /// To be correct, the records of one caller that waits for each answer keep their order. A record may be appended although
    /// the call fails, and even after it failed.
    ///
    /// # Errors
    /// [`PortError`]; `Refused` for another topic, or for a partition that does not exist; `TooLarge` for a payload over
    /// [`RECORD_BYTES_MAX`](crate::limits::RECORD_BYTES_MAX). Unless the kind is one of the two, the record may have been
    /// appended nevertheless.
    async fn publish(
        &self,
        topic: Topic,
        partition: Partition,
        key: Bytes,
        payload: Bytes,
    ) -> Result<Offset, PortError>;

    /// Joins the group of processors.
    ///
    /// # Errors
    /// [`PortError`] when the bus cannot be reached or refuses; `Refused` also when the topics do not match.
    async fn join(&self) -> Result<Box<dyn Membership>, PortError>;

    /// Subscribes to a topic as a member of `group`, whose positions are durable. Each partition goes to one member.
    /// A partition for which the group has no position starts at `from`, and that position is durable at once.
    ///
    /// # Errors
    /// [`PortError`] when the bus cannot be reached or refuses.
    async fn subscribe(
        &self,
        topic: Topic,
        group: &str,
        from: StartAt,
    ) -> Result<Box<dyn Subscription>, PortError>;

    /// Reads one partition from a position, without owning it.
    ///
    /// # Errors
    /// [`PortError`] when the bus cannot be reached or refuses.
    async fn tail(
        &self,
        topic: Topic,
        partition: Partition,
        from: Offset,
    ) -> Result<Box<dyn Tail>, PortError>;

    /// Where a partition starts and ends.
    ///
    /// # Errors
    /// [`PortError`] when the bus cannot be reached.
    async fn bounds(&self, topic: Topic, partition: Partition) -> Result<Bounds, PortError>;
}

/// Where a group starts in a partition for which it has no position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum StartAt {
    /// At the first record of the log.
    #[default]
    Start,
    /// Behind the last record.
    End,
    /// At the first record that the log accepted at this time or later.
    Time(Timestamp),
}

/// A change of the group's assignment.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum GroupEvent {
    /// The group assigned these partitions to the member. May be empty: joined, no partitions. It is the first event of a
    /// member.
    Assigned(Vec<Partition>),
    /// The group takes these partitions back: finish within a second, then call [`Membership::release`].
    Revoked(Vec<Partition>),
    /// The group has already assigned these partitions to another member.
    Lost(Vec<Partition>),
}

/// One member of the group of processors. Dropping it leaves the group without notice.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait Membership: Send + Sync {
    /// Waits for the next change of the assignment. Can be cancelled.
    ///
    /// # Errors
    /// [`PortError`]; the membership may continue after a retryable one.
    async fn next(&self) -> Result<GroupEvent, PortError>;

    /// Whether the group assigns the partition to this member, according to an exchange that began after this call.
    ///
    /// # Errors
    /// [`PortError`] when the exchange failed.
    async fn owns(&self, partition: Partition) -> Result<bool, PortError>;

    /// Releases revoked partitions.
    ///
    /// # Errors
    /// [`PortError`] when the release does not reach the group; the session timeout will reclaim the partitions.
    async fn release(&self, partitions: &[Partition]) -> Result<(), PortError>;

    /// The log of a partition that was assigned to this member.
    fn log(&self, partition: Partition) -> Arc<dyn PartitionLog>;

    /// Leaves the group, so that others take over at once.
    ///
    /// # Errors
    /// [`PortError`] when the message does not reach the group; the session timeout will remove the member.
    async fn leave(&self) -> Result<(), PortError>;
}

/// The log of one partition of [`Topic::Orders`], for the worker that owns it. A read may run during a commit.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait PartitionLog: Send + Sync {
    /// Takes the partition over: completes or aborts a predecessor's open transaction, and fences the predecessor, so it
    /// commits nothing afterwards. Discards an open transaction of this side.
    ///
    /// # Errors
    /// [`PortError`]; then the partition is not acquired.
    async fn acquire(&self) -> Result<(), PortError>;

    /// Where the partition starts and ends (the high watermark, read uncommitted), and the identity of the log.
    ///
    /// To be correct, a log that was recreated under the same name has another identity.
    ///
    /// # Errors
    /// [`PortError`] when the log cannot be reached.
    async fn extent(&self) -> Result<LogExtent, PortError>;

    /// Waits until the log goes beyond `from` and reads on from there; the batch's `next` is greater than `from`. Returns
    /// committed records only: if all others are invisible, the batch is empty and its `next` lies behind them. Can be
    /// cancelled.
    ///
    /// # Errors
    /// [`PortError`]; `Truncated` when `from` lies before the log's start.
    async fn read(&self, from: Offset, limit: ReadLimit) -> Result<Batch, PortError>;

    /// Commits a transaction atomically.
    ///
    /// To be correct, `Committed` means durable. Nothing is committed for a worker after another has acquired its
    /// partition, nor for a member of an earlier generation of the group.
    ///
    /// # Errors
    /// [`PortError`]: the caller treats it as [`CommitOutcome::Unknown`], with a kind to report.
    async fn commit(&self, transaction: Transaction) -> Result<CommitOutcome, PortError>;
}

/// Records of one partition of a subscription.
///
/// Exhaustive: adding a field is a breaking change ([why](crate::port#exhaustive-types)).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Delivery {
    /// The partition.
    pub partition: Partition,
    /// Its records.
    pub batch: Batch,
}

/// What a subscription yields.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SubscriptionEvent {
    /// Records of one partition, behind those already delivered.
    Records(Delivery),
    /// The group had no position in these partitions. It now has these positions, and they are durable.
    Started(Vec<(Partition, Offset)>),
    /// The group's position was outside of the log. Reading continues at `to`.
    Moved {
        /// The partition.
        partition: Partition,
        /// The position outside of the log.
        from: Offset,
        /// The log's start, if that is greater than `from`: retention deleted the records in between. Otherwise the log's
        /// end, which is smaller: the log lost records.
        to: Offset,
    },
    /// The group takes these partitions back: finish and acknowledge the current work, then call
    /// [`Subscription::release`]. The group waits for the release and delivers no more records of them.
    Revoked(Vec<Partition>),
    /// The group has already assigned these partitions to another member.
    Lost(Vec<Partition>),
}

/// A member of a group of readers. Dropping it leaves the group.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait Subscription: Send + Sync {
    /// Waits for records behind the group's position in any partition that is not in `held`, or for a change of the
    /// assignment. Unacknowledged records are delivered again to the partition's next member; to this one only if it gave
    /// the partition up in between. Can be cancelled.
    ///
    /// To be correct, a partition moves to another member only after this one released or lost it. Held partitions do not
    /// delay the others. The group's start position is durable before its first record is delivered.
    ///
    /// # Errors
    /// [`PortError`]; the subscription may continue after a retryable one.
    async fn next(
        &mut self,
        limit: ReadLimit,
        held: &BTreeSet<Partition>,
    ) -> Result<SubscriptionEvent, PortError>;

    /// The partitions that the group assigns to this member, without revoked ones, as the calls of [`next`](Self::next) so far
    /// have learned. An assignment without records and with a position is no event, so it shows here only.
    fn assigned(&self) -> BTreeSet<Partition>;

    /// Makes the group's position in a partition durable: every record before `next` is processed. Possible until the
    /// partition is released.
    ///
    /// # Errors
    /// [`PortError`]; the records may be delivered again. `Closed` when the partition now belongs to another member.
    async fn acknowledge(&mut self, partition: Partition, next: Offset) -> Result<(), PortError>;

    /// Releases revoked partitions.
    ///
    /// # Errors
    /// [`PortError`] when the release does not reach the group; the session timeout will reclaim the partitions.
    async fn release(&mut self, partitions: &[Partition]) -> Result<(), PortError>;
}

/// A reader of one partition, without a durable position.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait Tail: Send + Sync {
    /// Waits until the log goes beyond the position and reads on from there. Returns committed records only: if all others
    /// are invisible, the batch is empty and its `next` lies behind them. Can be cancelled.
    ///
    /// # Errors
    /// [`PortError`]; `Truncated` when the position lies before the log's start.
    async fn next(&mut self, limit: ReadLimit) -> Result<Batch, PortError>;
}
