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
    /// The logs of the system. All have the same number of partitions, and an order's records are in the same one of each.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub enum Topic {
        /// Inputs, facts and the other outcomes: the truth.
        Orders => "orders",
        /// One notification for each fact.
        Notifications => "order_notifications",
        /// What was no input, with its position and the reason.
        DeadLetters => "orders.dlq",
    }
    /// The topic's name.
    pub fn name;
}

/// A header of a record.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Header {
    /// Its name.
    pub name: String,
    /// Its value; bytes that need not be text.
    pub value: Bytes,
}

/// A record of the log.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LogRecord {
    /// Its position in its partition.
    pub offset: Offset,
    /// Its key: the order id, where a well-behaved producer wrote it.
    pub key: Option<Bytes>,
    /// Its bytes.
    pub payload: Bytes,
    /// Its headers, in their order. Records of this system have none; other producers may write CloudEvents in binary mode.
    pub headers: Vec<Header>,
    /// When the log took it.
    pub at: Timestamp,
}

/// Records in the order of their offsets.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Batch {
    /// The records; offsets may have gaps, and there may be none.
    pub records: Vec<LogRecord>,
    /// Where to read on: behind the last record and whatever is invisible behind it.
    pub next: Offset,
}

/// How much to read at most. At least one record is read, however large.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReadLimit {
    /// Records.
    pub records: usize,
    /// Bytes of their payloads.
    pub bytes: usize,
}

/// Names one log for good: a log that was created anew, mirrored or restored elsewhere has another identity.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LogIdentity(pub Arc<str>);

impl LogIdentity {
    /// The identity of that text, which means nothing but that it is equal or not.
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

/// Where the partition of a worker starts and ends, and which log it belongs to.
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
    /// The first offset that is still there.
    pub start: Offset,
    /// The offset behind the last record, visible or not: the high watermark.
    pub end: Offset,
}

/// A record to be written.
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

/// What a worker commits at once: records, and the offset behind the inputs that they answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Transaction {
    /// The records, in order.
    pub records: Vec<NewRecord>,
    /// The next input of the worker's partition: everything before it is answered.
    pub next: Offset,
}

/// What became of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[must_use]
pub enum CommitOutcome {
    /// All of it is durable and visible.
    Committed,
    /// None of it is: another worker took the partition, or the group moved on.
    Fenced,
    /// Either all of it is or none; only acquiring the partition again tells.
    Unknown,
}

/// The log, seen by everyone.
///
/// To be correct: records of a partition have one order, which every reader sees; a record that a reader saw is never
/// taken back; records of an aborted transaction are never seen.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait EventBus: Send + Sync {
    /// The number of partitions of every topic.
    fn partitions(&self) -> u32;

    /// Appends an input to the partition of its order in [`Topic::Orders`], and answers its offset once it is durable.
    ///
    /// # Errors
    /// [`PortError`]; unless the kind is `TooLarge` or `Refused`, the record may have been appended all the same.
    async fn append(&self, order_id: &OrderId, payload: Bytes) -> Result<Offset, PortError>;

    /// Joins the group of processors.
    ///
    /// # Errors
    /// [`PortError`] when the bus cannot be reached or refuses; `Refused` also where the topics do not fit.
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
    /// At the first record that is still there.
    #[default]
    Start,
    /// Behind the last record.
    End,
    /// At the first record that the log took at this time or later.
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
    /// Waits for what the group says next. Can be cancelled.
    ///
    /// # Errors
    /// [`PortError`]; the membership may go on after a retryable one.
    async fn next(&self) -> Result<GroupEvent, PortError>;

    /// Whether the partition is this member's, by what the group said in an exchange that began after this call.
    ///
    /// # Errors
    /// [`PortError`] when there was no such exchange.
    async fn owns(&self, partition: Partition) -> Result<bool, PortError>;

    /// Says that revoked partitions are given up.
    ///
    /// # Errors
    /// [`PortError`] when the group cannot be told; it will find out by itself.
    async fn release(&self, partitions: &[Partition]) -> Result<(), PortError>;

    /// The log of a partition that was assigned to this member.
    fn log(&self, partition: Partition) -> Arc<dyn PartitionLog>;

    /// Leaves the group, so that others take over at once.
    ///
    /// # Errors
    /// [`PortError`] when the group cannot be told; it will find out by itself.
    async fn leave(&self) -> Result<(), PortError>;
}

/// The log of one partition of [`Topic::Orders`], for the worker that owns it. A read may go on during a commit.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait PartitionLog: Send + Sync {
    /// Takes the partition over: whatever a predecessor left open is finished or aborted, and nothing of a predecessor
    /// is committed after this. Discards what this side had open itself.
    ///
    /// # Errors
    /// [`PortError`]; the partition is not taken then.
    async fn acquire(&self) -> Result<(), PortError>;

    /// Where the partition starts and ends (the high watermark, read uncommitted), and the identity of the log.
    ///
    /// To be correct, a log that was created anew under the same name has another identity.
    ///
    /// # Errors
    /// [`PortError`] when the log cannot be reached.
    async fn extent(&self) -> Result<LogExtent, PortError>;

    /// Waits until there is something at `from` and reads it; the batch's `next` is greater than `from`. Shows committed
    /// records only, so where everything up to the end is invisible, the batch is empty and leads behind it. Can be
    /// cancelled.
    ///
    /// # Errors
    /// [`PortError`]; `Truncated` when `from` lies before the log's start.
    async fn read(&self, from: Offset, limit: ReadLimit) -> Result<Batch, PortError>;

    /// Commits a transaction: all of it or none.
    ///
    /// To be correct, `Committed` means durable, nothing is committed for a worker whose partition another has acquired
    /// since, and nothing either for a member that the group has moved past.
    ///
    /// # Errors
    /// [`PortError`]: the same to the caller as [`CommitOutcome::Unknown`], with a kind to report.
    async fn commit(&self, transaction: Transaction) -> Result<CommitOutcome, PortError>;
}

/// Records of one partition of a subscription.
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
    /// Records of one partition, behind those that were delivered before.
    Records(Delivery),
    /// The group had no position in these partitions. It has these positions from now on, and they are durable.
    Started(Vec<(Partition, Offset)>),
    /// The group's position lay outside of the log. Reading goes on at `to`.
    Moved {
        /// The partition.
        partition: Partition,
        /// Where reading stood.
        from: Offset,
        /// The log's start, where that is greater: the records in between are gone. Otherwise the log's end, which is
        /// smaller: the log lost records.
        to: Offset,
    },
    /// These are to be given up: finish what is under way, acknowledge it, then [`Subscription::release`]. No records of them
    /// are delivered any more. The group waits for the release.
    Revoked(Vec<Partition>),
    /// These are another member's already.
    Lost(Vec<Partition>),
}

/// A member of a group of readers. Dropping it leaves the group.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait Subscription: Send + Sync {
    /// Waits for records behind the group's position of any partition that is not in `held`, or for what the group says.
    /// What was delivered and not acknowledged comes again to the partition's next member, not to this one, unless the
    /// partition was given up in between. Can be cancelled.
    ///
    /// To be correct, a partition moves to another member only once this one released it or lost it; partitions that are
    /// held keep none of the others waiting; and a position at which the group starts is durable before its first record is
    /// delivered.
    ///
    /// # Errors
    /// [`PortError`]; the subscription may go on after a retryable one.
    async fn next(
        &mut self,
        limit: ReadLimit,
        held: &BTreeSet<Partition>,
    ) -> Result<SubscriptionEvent, PortError>;

    /// Makes the group's position in a partition durable: everything before `next` is done. Possible until the partition is
    /// released.
    ///
    /// # Errors
    /// [`PortError`]; the records may come again. `Closed` when the partition is another member's by now.
    async fn acknowledge(&mut self, partition: Partition, next: Offset) -> Result<(), PortError>;

    /// Gives revoked partitions up.
    ///
    /// # Errors
    /// [`PortError`] when the group does not learn of it; its session timeout reclaims them.
    async fn release(&mut self, partitions: &[Partition]) -> Result<(), PortError>;
}

/// One reader of one partition, with no durable position.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait Tail: Send + Sync {
    /// Waits until there is something to read and reads it. Shows committed records only, so where everything up to the end
    /// is invisible, the batch is empty and leads behind it. Can be cancelled.
    ///
    /// # Errors
    /// [`PortError`]; `Truncated` when the position lies before the log's start.
    async fn next(&mut self, limit: ReadLimit) -> Result<Batch, PortError>;
}
