//! Notifications as records of the topic `order_notifications`.

use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Serialize, Serializer};

use super::RecordError;
use super::envelope::{Envelope, Head, PROCESSOR_SOURCE, encode as encode_envelope, missing};
use super::fact::FactId;
use crate::ids::{OrderId, Reason, Version};
use crate::lifecycle::{Actor, Status};
use crate::notify::{Notification, Recipient};

const NOTIFICATION: &str = "logistics.order.notification";

#[derive(Serialize)]
struct Written<'a> {
    order_id: &'a OrderId,
    status: Status,
    version: Version,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    late: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a Reason>,
    recipients: &'a [Recipient],
    /// Deprecated: releases before `recipients` require it. This release derives nothing from it where there are
    /// `recipients`, and the next one drops it.
    audiences: Roles<'a>,
    /// Deprecated, likewise.
    text: Text<'a>,
}

/// The roles alone.
struct Roles<'a>(&'a [Recipient]);

impl Serialize for Roles<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|recipient| recipient.role))
    }
}

/// The sentence that releases before `recipients` wrote.
struct Text<'a> {
    order_id: &'a OrderId,
    status: Status,
    late: bool,
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { order_id, status, late } = self;
        match late {
            true => write!(f, "Order {order_id} is late: still {status}"),
            false => write!(f, "Order {order_id} is now {status}"),
        }
    }
}

impl Serialize for Text<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Not the fact's id: `source` and `id` together name one event.
struct NotificationId<'a>(FactId<'a>);

impl fmt::Display for NotificationId<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:notification", self.0)
    }
}

pub(super) fn encode(notification: &Notification) -> Bytes {
    let Notification { order_id, status, version, late, reason, at, trace, recipients } = notification;
    let (status, version, late) = (*status, *version, *late);
    let head = Head {
        source: PROCESSOR_SOURCE,
        kind: NOTIFICATION,
        id: NotificationId(FactId(order_id, version)),
        subject: Some(order_id.as_str()),
        time: *at,
        traceparent: trace.as_ref(),
    };
    let data = Written {
        order_id,
        status,
        version,
        late,
        reason: reason.as_ref(),
        recipients,
        audiences: Roles(recipients),
        text: Text { order_id, status, late },
    };
    encode_envelope(head, data)
}

#[derive(Deserialize)]
struct Read {
    order_id: OrderId,
    status: Status,
    version: Version,
    #[serde(default)]
    late: bool,
    #[serde(default)]
    reason: Option<Reason>,
    #[serde(default)]
    recipients: Option<Vec<Recipient>>,
    /// Only of records without `recipients`.
    #[serde(default)]
    audiences: Option<Vec<Actor>>,
    /// Likewise.
    #[serde(default)]
    text: Option<String>,
}

impl Read {
    /// Whether the order is late, and the recipients.
    fn late_and_recipients(&mut self) -> Result<(bool, Vec<Recipient>), RecordError> {
        if let Some(recipients) = self.recipients.take() {
            return Ok((self.late, recipients));
        }
        // Releases before `recipients` wrote the roles, and said only in the sentence that the order is late.
        let roles = self.audiences.take().ok_or_else(|| missing("recipients"))?;
        let late = Text { order_id: &self.order_id, status: self.status, late: true }.to_string();
        let recipients = roles.into_iter().map(|role| Recipient::new(role, None)).collect();
        Ok((self.text.take().is_some_and(|text| text == late), recipients))
    }
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
    let mut data: Read = envelope.data()?;
    let at = envelope.time()?.ok_or_else(|| missing("time"))?;
    let (late, recipients) = data.late_and_recipients()?;
    let Read { order_id, status, version, reason, .. } = data;
    Ok(Notification { order_id, status, version, late, reason, at, trace: envelope.trace(), recipients })
}
