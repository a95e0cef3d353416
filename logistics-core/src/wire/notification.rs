//! Notifications as records of the topic `order_notifications`.

use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Serialize, Serializer};

use super::envelope::{
    DATA_SCHEMA, DATA_SCHEMA_ASSIGNMENT, DATA_SCHEMA_REVOCATION, Envelope, Head, PROCESSOR_SOURCE,
    encode as encode_envelope, missing,
};
use super::fact::FactId;
use super::{DecodeError, RecordError, is_surely_from_processor, unknown};
use crate::fact::Assignment;
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
    assignment: Option<&'a Assignment>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    tracking_revoked: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a Reason>,
    recipients: &'a [Recipient],
    /// Deprecated: releases before `recipients` require it. This release ignores it in records with `recipients`, and the
    /// next one drops it. Records of a newer schema, which those releases do not read, have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    audiences: Option<Roles<'a>>,
    /// Deprecated, likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<Text<'a>>,
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

/// It differs from the fact's id, because `source` and `id` together identify an event.
struct NotificationId<'a>(FactId<'a>);

impl fmt::Display for NotificationId<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:notification", self.0)
    }
}

pub(super) fn encode(notification: &Notification) -> Bytes {
    let Notification { order_id, reason, at, trace, recipients, assignment, .. } = notification;
    let &Notification { status, version, late, tracking_revoked, .. } = notification;
    let dataschema = match (assignment, tracking_revoked) {
        (_, true) => DATA_SCHEMA_REVOCATION,
        (Some(_), false) => DATA_SCHEMA_ASSIGNMENT,
        (None, false) => DATA_SCHEMA,
    };
    let is_oldest = dataschema == DATA_SCHEMA;
    let head = Head {
        source: PROCESSOR_SOURCE,
        kind: NOTIFICATION,
        dataschema,
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
        assignment: assignment.as_ref(),
        tracking_revoked,
        reason: reason.as_ref(),
        recipients,
        audiences: is_oldest.then_some(Roles(recipients)),
        text: is_oldest.then_some(Text { order_id, status, late }),
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
    assignment: Option<Assignment>,
    #[serde(default)]
    tracking_revoked: bool,
    #[serde(default)]
    reason: Option<Reason>,
    #[serde(default)]
    recipients: Option<Vec<Recipient>>,
    /// Read in records without `recipients` only.
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
        // Releases before `recipients` wrote the roles alone, and marked a late order in the text only.
        let roles = self.audiences.take().ok_or_else(|| missing("recipients"))?;
        let late = Text { order_id: &self.order_id, status: self.status, late: true }.to_string();
        let recipients = roles.into_iter().map(|role| Recipient::new(role, None)).collect();
        Ok((self.text.take().is_some_and(|text| text == late), recipients))
    }
}

pub(super) fn decode(payload: &[u8]) -> Result<Notification, DecodeError> {
    let failed = |error| DecodeError { from_processor: is_surely_from_processor(payload), error };
    let envelope = Envelope::parse(payload).map_err(failed)?;
    let from_processor = envelope.source().map_err(failed)?.as_deref() == Some(PROCESSOR_SOURCE);
    decode_event(&envelope).map_err(|error| DecodeError { from_processor, error })
}

fn decode_event(envelope: &Envelope<'_>) -> Result<Notification, RecordError> {
    envelope.check_version()?;
    let kind = &*envelope.kind()?;
    if kind != NOTIFICATION {
        return Err(RecordError::Foreign(format!("type {kind}")));
    }
    let data: Result<Read, RecordError> = envelope.data();
    let mut data =
        data.map_err(|error| unknown::status_of(envelope).map_or(error, RecordError::UnknownStatus))?;
    let at = envelope.time()?.ok_or_else(|| missing("time"))?;
    let (late, recipients) = data.late_and_recipients()?;
    let Read { order_id, status, version, assignment, tracking_revoked, reason, .. } = data;
    let trace = envelope.trace();
    Ok(Notification {
        order_id,
        status,
        version,
        late,
        assignment,
        tracking_revoked,
        reason,
        at,
        trace,
        recipients,
    })
}
