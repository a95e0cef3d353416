//! The records of the topic `webhook_deliveries`.

use crate::ids::{ChannelName, EndpointId, Offset, OrderId, Timestamp, Version};
use crate::named::named;
use crate::notify::Notification;

/// Identifies a delivery: the message about one fact of an order to one endpoint.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct DeliveryKey {
    /// The endpoint.
    pub endpoint: EndpointId,
    /// The order.
    pub order_id: OrderId,
    /// The version of the order's fact.
    pub version: Version,
}

impl DeliveryKey {
    /// The delivery of this version of the order to the endpoint.
    #[must_use]
    pub fn new(endpoint: EndpointId, order_id: OrderId, version: Version) -> Self {
        Self { endpoint, order_id, version }
    }

    /// The key of the delivery's records in the log: endpoint and order, behind the channel. The channel of the webhook endpoints is
    /// left out.
    #[must_use]
    pub fn to_record_key(&self, channel: &ChannelName) -> bytes::Bytes {
        to_record_key(channel, &format!("{}/{}", self.endpoint, self.order_id))
    }
}

/// No endpoint and no order contains a slash, and no channel either: two channels never share a key.
pub(super) fn to_record_key(channel: &ChannelName, of_channel: &str) -> bytes::Bytes {
    if channel.is_webhooks() {
        return bytes::Bytes::copy_from_slice(of_channel.as_bytes());
    }
    format!("{channel}//{of_channel}").into()
}

named! {
    /// Why a delivery waits.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    #[non_exhaustive]
    pub enum WaitReason {
        /// The last attempt failed.
        Failed => "failed",
        /// The attempt under way has no answer yet.
        Slow => "slow",
        /// The endpoint has as many attempts under way as it may have, or does not keep up.
        Busy => "busy",
        /// An earlier message about the same order waits for the endpoint.
        Behind => "behind",
        /// The endpoint failed several times in a row, or requested a pause.
        Paused => "paused",
        /// The endpoint has no result yet, and wants the message again later.
        Postponed => "postponed",
        /// The process ends or gives the partition up.
        Moving => "moving",
    }
    /// The reason as text. It never changes.
    pub fn code;
}

named! {
    /// The end of a delivery that waited.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    #[non_exhaustive]
    pub enum DeliveryOutcome {
        /// The endpoint accepted the message.
        Delivered => "delivered",
        /// All attempts are used, or the endpoint is disabled. A redrive delivers the message again.
        Dead => "dead",
        /// The endpoint was deleted.
        Dropped => "dropped",
    }
    /// The outcome as text. It never changes.
    pub fn code;
}

/// What an attempt failed for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Problem {
    /// A stable code, for example `timeout` or `status`.
    pub code: String,
    /// The status of the response, if there was one.
    pub status: Option<u16>,
}

impl Problem {
    /// A problem with this code.
    #[must_use]
    pub fn new(code: &str, status: Option<u16>) -> Self {
        Self { code: code.to_owned(), status }
    }
}

/// A delivery that waits for an attempt. A later record of the same delivery replaces it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Waiting {
    /// The endpoint; the notification has the rest of the key.
    pub endpoint: EndpointId,
    /// Attempts that ended without success.
    pub attempts: u32,
    /// The time of the next attempt.
    pub due_at: Timestamp,
    /// Why it waits.
    pub reason: WaitReason,
    /// What the last attempt failed for.
    pub problem: Option<Problem>,
    /// Since when every attempt to deliver anything to the endpoint failed.
    pub failing_since: Option<Timestamp>,
    /// What is delivered.
    pub notification: Notification,
}

impl Waiting {
    /// The delivery that waits.
    #[must_use]
    pub fn key(&self) -> DeliveryKey {
        let Notification { order_id, version, .. } = &self.notification;
        DeliveryKey::new(self.endpoint.clone(), order_id.clone(), *version)
    }
}

/// The end of a delivery that waited.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Settled {
    /// The delivery.
    pub key: DeliveryKey,
    /// How it ended.
    pub outcome: DeliveryOutcome,
    /// Attempts that ended without success.
    pub attempts: u32,
    /// What the last attempt failed for.
    pub problem: Option<Problem>,
    /// What was to be delivered, if the delivery is dead: a redrive needs it.
    pub notification: Option<Notification>,
}

impl Settled {
    /// The end of this delivery. `notification`: only if it is dead.
    #[must_use]
    pub fn new(
        key: DeliveryKey,
        outcome: DeliveryOutcome,
        attempts: u32,
        problem: Option<Problem>,
        notification: Option<Notification>,
    ) -> Self {
        Self { key, outcome, attempts, problem, notification }
    }
}

/// A request to deliver a dead delivery again, with a new schedule.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Redrive {
    /// The endpoint; the notification has the rest of the key.
    pub endpoint: EndpointId,
    /// What is delivered.
    pub notification: Notification,
}

impl Redrive {
    /// Requests the delivery of this notification to the endpoint.
    #[must_use]
    pub fn new(endpoint: EndpointId, notification: Notification) -> Self {
        Self { endpoint, notification }
    }

    /// The delivery.
    #[must_use]
    pub fn key(&self) -> DeliveryKey {
        let Notification { order_id, version, .. } = &self.notification;
        DeliveryKey::new(self.endpoint.clone(), order_id.clone(), *version)
    }
}

/// What happened to the deliveries to an endpoint from one partition since the previous record of this kind. Readers add the
/// numbers. A crash loses the numbers of some seconds.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct EndpointStats {
    /// The endpoint.
    pub endpoint: EndpointId,
    /// Messages that the endpoint accepted.
    pub delivered: u64,
    /// Attempts that failed.
    pub failed: u64,
    /// Deliveries that are dead.
    pub dead: u64,
    /// When the endpoint accepted the latest message.
    pub last_success_at: Option<Timestamp>,
    /// When the latest attempt failed.
    pub last_failure_at: Option<Timestamp>,
    /// What the latest failed attempt failed for.
    pub last_problem: Option<Problem>,
}

impl EndpointStats {
    /// No message yet.
    #[must_use]
    pub fn new(endpoint: EndpointId) -> Self {
        Self {
            endpoint,
            delivered: 0,
            failed: 0,
            dead: 0,
            last_success_at: None,
            last_failure_at: None,
            last_problem: None,
        }
    }
}

/// What a record says.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DeliveryEvent {
    /// A delivery waits.
    Waiting(Waiting),
    /// A delivery that waited has ended.
    Settled(Settled),
    /// An operator or the endpoint's owner requests a dead delivery again.
    Redrive(Redrive),
    /// Statistics of an endpoint.
    Stats(EndpointStats),
    /// Nothing happened. Its [`Written`] lets the next owner of a quiet channel find its start behind the records of the others.
    Checkpoint,
}

impl DeliveryEvent {
    /// The delivery that it is about; `None` for statistics and checkpoints.
    #[must_use]
    pub fn key(&self) -> Option<DeliveryKey> {
        match self {
            DeliveryEvent::Waiting(waiting) => Some(waiting.key()),
            DeliveryEvent::Settled(settled) => Some(settled.key.clone()),
            DeliveryEvent::Redrive(redrive) => Some(redrive.key()),
            DeliveryEvent::Stats(_) | DeliveryEvent::Checkpoint => None,
        }
    }
}

/// The owner that wrote a record, and how far back a reader of the channel has to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Written {
    /// Distinguishes the owners of a partition. Each start of an owner has another number.
    pub writer: u64,
    /// Reading from this offset restores every delivery of the channel that waits, and no record before it is needed for that.
    pub oldest: Offset,
}

impl Written {
    /// By this writer, with this first offset.
    #[must_use]
    pub fn new(writer: u64, oldest: Offset) -> Self {
        Self { writer, oldest }
    }
}

/// A record of the topic `webhook_deliveries`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct DeliveryRecord {
    /// The channel that it belongs to. The owners of other channels ignore it.
    pub channel: ChannelName,
    /// When it was written.
    pub at: Timestamp,
    /// Set by owners; `None` in a request of the API.
    pub written: Option<Written>,
    /// What it says.
    pub event: DeliveryEvent,
}

impl DeliveryRecord {
    /// The record of this event in a channel. Its `written` is `None`, as in a request.
    #[must_use]
    pub fn new(channel: ChannelName, at: Timestamp, event: DeliveryEvent) -> Self {
        Self { channel, at, written: None, event }
    }
}
