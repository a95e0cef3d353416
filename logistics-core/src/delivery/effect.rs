//! What goes into the deliveries, and what comes out.

use std::sync::Arc;

use bytes::Bytes;

use super::record::{DeliveryRecord, Problem};
use crate::ids::{EndpointId, Offset, Partition, Timestamp};
use crate::notify::Notification;

/// Identifies an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttemptId {
    pub(super) item: u64,
    pub(super) number: u32,
}

/// Identifies a record to publish.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublishId {
    /// `None` for statistics and checkpoints.
    pub(super) item: Option<u64>,
    pub(super) revision: u32,
}

/// What an endpoint is to the deliveries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum EndpointStatus {
    /// It receives messages. An endpoint that was never mentioned has this status.
    Enabled,
    /// It receives none: what waits for it becomes dead.
    Disabled,
    /// It does not exist any more: what waits for it is dropped.
    Deleted,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AttemptOutcome {
    /// The endpoint accepted the message.
    Delivered,
    /// The attempt failed.
    Failed {
        /// What it failed for.
        problem: Problem,
        /// Milliseconds that the endpoint requires before the next attempt.
        retry_after_ms: Option<u64>,
    },
    /// The attempt failed for a reason of this message alone: it is attempted again, and the endpoint works for others.
    Deferred {
        /// What it failed for.
        problem: Problem,
        /// Milliseconds that the endpoint requires before the next attempt of this message.
        retry_after_ms: Option<u64>,
    },
    /// This message can never be delivered, so no attempt follows: the delivery is dead at once. The endpoint works: other
    /// messages are delivered to it.
    Rejected {
        /// What it was rejected for.
        problem: Problem,
    },
    /// The endpoint has no result yet, and wants the message again later. This counts no attempt.
    Postponed {
        /// Milliseconds until then, at most [`Settings::retry_after_ms_max`](super::Settings::retry_after_ms_max).
        after_ms: u64,
    },
    /// The endpoint answered 410: it wants no more messages.
    Gone,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Input {
    /// An endpoint has another status.
    Endpoint {
        /// The endpoint.
        endpoint: EndpointId,
        /// Its status.
        status: EndpointStatus,
    },
    /// The group assigned a partition to this process.
    Assigned(Partition),
    /// A record that [`Effect::Recover`] requested, in the order of the log.
    Replayed {
        /// The partition.
        partition: Partition,
        /// Its offset.
        offset: Offset,
        /// The record.
        record: Box<DeliveryRecord>,
    },
    /// All records up to here were replayed. From here on, [`Input::Followed`] has the records.
    Recovered {
        /// The partition.
        partition: Partition,
        /// The offset behind the last replayed record.
        next: Offset,
    },
    /// A notification, in the order of its partition.
    Notified {
        /// The partition.
        partition: Partition,
        /// The notification's offset.
        offset: Offset,
        /// The notification.
        notification: Arc<Notification>,
        /// The endpoints that receive it.
        endpoints: Vec<EndpointId>,
    },
    /// There is no notification before this offset that was not passed in.
    Passed {
        /// The partition.
        partition: Partition,
        /// The offset of the next notification.
        next: Offset,
    },
    /// A record of the partition's deliveries that was read after the recovery.
    Followed {
        /// The partition.
        partition: Partition,
        /// Its offset.
        offset: Offset,
        /// The record; `None` if it cannot be read.
        record: Option<Box<DeliveryRecord>>,
    },
    /// An attempt ended.
    Attempted {
        /// The attempt.
        attempt: AttemptId,
        /// How it ended.
        outcome: AttemptOutcome,
    },
    /// The log answered: the record's offset, or `None` if storing it failed.
    Published {
        /// The record.
        publish: PublishId,
        /// Its offset.
        offset: Option<Offset>,
    },
    /// The group takes the partition back: everything that is under way is stored as soon as possible.
    Revoked(Partition),
    /// The partition belongs to another process. Everything about it is forgotten.
    Lost(Partition),
    /// The process ends: as with [`Input::Revoked`], for every partition, but attempts may still end.
    Draining,
    /// The time of [`Deliveries::wake_at`](super::Deliveries::wake_at) has come.
    Woken,
}

/// What to do. The driver executes it and passes the result in.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Effect {
    /// Read the partition's records from [`Written::oldest`](super::Written::oldest) of one of its last records to its end, pass them in
    /// as [`Input::Replayed`], and then [`Input::Recovered`].
    Recover(Partition),
    /// Send the message. [`Input::Attempted`] is the answer.
    Attempt {
        /// The attempt.
        attempt: AttemptId,
        /// The partition.
        partition: Partition,
        /// The offset of the notification, or of the record that it waits.
        offset: Offset,
        /// The endpoint.
        endpoint: EndpointId,
        /// What is delivered.
        notification: Arc<Notification>,
        /// The number of the attempt, from 1.
        number: u32,
    },
    /// The result of the attempt does not matter any more: its partition was lost.
    Abandon(AttemptId),
    /// Append the record to the partition's deliveries. [`Input::Published`] is the answer.
    Publish {
        /// The record.
        publish: PublishId,
        /// The partition.
        partition: Partition,
        /// The key.
        key: Bytes,
        /// The record.
        record: Box<DeliveryRecord>,
    },
    /// Disable the endpoint.
    Disable {
        /// The endpoint.
        endpoint: EndpointId,
        /// Since when every attempt failed; `None`: it answered 410.
        failing_since: Option<Timestamp>,
    },
    /// Report the end of a delivery or a failed attempt.
    Report(Report),
}

/// The end of an attempt, for logs and metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// The partition.
    pub partition: Partition,
    /// The endpoint.
    pub endpoint: EndpointId,
    /// What is delivered.
    pub notification: Arc<Notification>,
    /// Attempts so far, this one included.
    pub attempts: u32,
    /// What happened.
    pub event: ReportEvent,
}

/// What is reported.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReportEvent {
    /// The endpoint accepted the message.
    Delivered,
    /// The attempt failed; another one follows.
    Retried {
        /// What it failed for.
        problem: Problem,
        /// The time of the next attempt.
        due_at: Timestamp,
    },
    /// No attempt follows.
    Dead {
        /// What the last attempt failed for; `None`: the endpoint is disabled.
        problem: Option<Problem>,
    },
    /// The endpoint was deleted.
    Dropped,
}
