//! Notifications as records of the topic `order_notifications`.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::RecordError;
use super::envelope::{Envelope, Head, PROCESSOR_SOURCE, encode as encode_envelope, missing};
use super::fact::FactId;
use crate::ids::{OrderId, Version};
use crate::lifecycle::{Actor, Status};
use crate::notify::Notification;

const NOTIFICATION: &str = "logistics.order.notification";

#[derive(Serialize)]
struct Written<'a> {
    order_id: &'a OrderId,
    status: Status,
    version: Version,
    audiences: &'a [Actor],
    text: &'a str,
}

pub(super) fn encode(notification: &Notification) -> Bytes {
    let head = Head {
        source: PROCESSOR_SOURCE,
        kind: NOTIFICATION,
        id: FactId(&notification.order_id, notification.version),
        subject: Some(notification.order_id.as_str()),
        time: notification.at,
        traceparent: None,
    };
    let data = Written {
        order_id: &notification.order_id,
        status: notification.status,
        version: notification.version,
        audiences: &notification.audiences,
        text: &notification.text,
    };
    encode_envelope(head, data)
}

#[derive(Deserialize)]
struct Read {
    order_id: OrderId,
    status: Status,
    version: Version,
    audiences: Vec<Actor>,
    text: String,
}

pub(super) fn decode(payload: &[u8]) -> Result<Notification, RecordError> {
    let envelope = Envelope::parse(payload)?;
    match envelope.kind.as_deref() {
        Some(NOTIFICATION) => {}
        Some(other) => return Err(RecordError::Foreign(format!("type {other}"))),
        None => return Err(missing("type")),
    }
    envelope.check_version()?;
    let Read { order_id, status, version, audiences, text } = envelope.data()?;
    let at = envelope.time()?.ok_or_else(|| missing("time"))?;
    Ok(Notification { order_id, status, version, at, audiences, text })
}
