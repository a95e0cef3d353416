//! Notifications as records of the topic `order_notifications`.

use std::fmt;

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

/// Not the fact's id: `source` and `id` together name one event.
struct NotificationId<'a>(FactId<'a>);

impl fmt::Display for NotificationId<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:notification", self.0)
    }
}

pub(super) fn encode(notification: &Notification) -> Bytes {
    let head = Head {
        source: PROCESSOR_SOURCE,
        kind: NOTIFICATION,
        id: NotificationId(FactId(&notification.order_id, notification.version)),
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
    let is_owners = envelope.source()?.as_deref() == Some(PROCESSOR_SOURCE);
    envelope.check_version().map_err(|error| match error {
        // Only an owner's is of a newer release; what others write is skipped whatever version it claims.
        RecordError::NewerVersion(schema) if is_owners => {
            RecordError::UnsupportedVersion(format!("dataschema {schema}"))
        }
        RecordError::NewerVersion(what) | RecordError::UnsupportedVersion(what) => RecordError::Foreign(what),
        error => error,
    })?;
    let kind = envelope.kind()?;
    if kind != NOTIFICATION {
        return Err(RecordError::Foreign(format!("type {kind}")));
    }
    let Read { order_id, status, version, audiences, text } = envelope.data()?;
    let at = envelope.time()?.ok_or_else(|| missing("time"))?;
    Ok(Notification { order_id, status, version, at, audiences, text })
}
