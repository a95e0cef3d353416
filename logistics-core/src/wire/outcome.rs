//! Outcomes other than facts, as records.

use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::RecordError;
use super::envelope::{
    DATA_SCHEMA, DATA_SCHEMA_ASSIGNMENT, DATA_SCHEMA_REVOCATION, Envelope, Head, PROCESSOR_SOURCE,
    encode as encode_envelope, missing,
};
use crate::ids::{Offset, OrderId, Partition, RequestId, Timestamp, Version};
use crate::lifecycle::Status;
use crate::outcome::{Outcome, OutcomeKind};
use crate::rejection::Rejection;

const UNCHANGED: &str = "logistics.order.request.unchanged";
const REJECTED: &str = "logistics.order.request.rejected";
const FORWARDED: &str = "logistics.order.request.forwarded";
const DEAD_LETTERED: &str = "logistics.order.request.dead-lettered";

/// The types of outcomes.
pub(super) const TYPES: [&str; 4] = [UNCHANGED, REJECTED, FORWARDED, DEAD_LETTERED];

/// The position of an input: the id of its outcome. No order id contains a colon, so no fact has the same id.
pub(super) struct Position(pub(super) Partition, pub(super) Offset);

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.0, self.1)
    }
}

#[derive(Serialize)]
struct WrittenOutcome<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    order_id: Option<&'a OrderId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Status>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<Version>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<&'a RequestId>,
    offset: Offset,
    #[serde(skip_serializing_if = "Option::is_none")]
    rejection: Option<&'a Rejection>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<Partition>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

pub(super) fn encode(outcome: &Outcome, partition: Partition, at: Timestamp) -> Bytes {
    let mut data = WrittenOutcome {
        order_id: outcome.order_id.as_ref(),
        status: None,
        version: None,
        request: outcome.request.as_ref(),
        offset: outcome.offset,
        rejection: None,
        to: None,
        reason: None,
    };
    let kind = match &outcome.result {
        OutcomeKind::Unchanged { version, status } => {
            (data.version, data.status) = (Some(*version), Some(*status));
            UNCHANGED
        }
        OutcomeKind::Rejected(rejection) => {
            data.rejection = Some(rejection);
            REJECTED
        }
        OutcomeKind::Forwarded { to } => {
            data.to = Some(*to);
            FORWARDED
        }
        OutcomeKind::DeadLettered { reason } => {
            data.reason = Some(reason);
            DEAD_LETTERED
        }
    };
    let dataschema = match outcome.result {
        OutcomeKind::Rejected(Rejection::AssignmentNotPermitted { .. }) => DATA_SCHEMA_ASSIGNMENT,
        OutcomeKind::Rejected(Rejection::TrackingNotRevocable { .. }) => DATA_SCHEMA_REVOCATION,
        _ => DATA_SCHEMA,
    };
    let head = Head {
        source: PROCESSOR_SOURCE,
        kind,
        dataschema,
        id: Position(partition, outcome.offset),
        subject: outcome.order_id.as_ref().map(OrderId::as_str),
        time: at,
        traceparent: None,
    };
    encode_envelope(head, data)
}

#[derive(Deserialize)]
struct ReadOutcome {
    #[serde(default)]
    order_id: Option<OrderId>,
    #[serde(default)]
    status: Option<Status>,
    #[serde(default)]
    version: Option<Version>,
    #[serde(default)]
    request: Option<RequestId>,
    offset: Offset,
    #[serde(default)]
    rejection: Option<Rejection>,
    #[serde(default)]
    to: Option<Partition>,
    #[serde(default)]
    reason: Option<String>,
}

pub(super) fn decode(envelope: &Envelope<'_>, kind: &str) -> Result<Outcome, RecordError> {
    let data = match kind {
        UNCHANGED | REJECTED | FORWARDED | DEAD_LETTERED => envelope.data::<ReadOutcome>()?,
        _ => return Err(RecordError::Foreign(format!("type {kind} is neither a fact nor an outcome"))),
    };
    let result = match kind {
        UNCHANGED => OutcomeKind::Unchanged {
            version: data.version.ok_or_else(|| missing("version"))?,
            status: data.status.ok_or_else(|| missing("status"))?,
        },
        REJECTED => OutcomeKind::Rejected(data.rejection.ok_or_else(|| missing("rejection"))?),
        FORWARDED => OutcomeKind::Forwarded { to: data.to.ok_or_else(|| missing("to"))? },
        _ => OutcomeKind::DeadLettered { reason: data.reason.unwrap_or_default() },
    };
    Ok(Outcome { offset: data.offset, order_id: data.order_id, request: data.request, result })
}
