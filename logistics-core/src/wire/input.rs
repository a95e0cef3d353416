//! Inputs: requests, which any producer may write.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use super::RecordError;
use super::envelope::{
    API_SOURCE, DATA_SCHEMA, DATA_SCHEMA_ASSIGNMENT, DATA_SCHEMA_REVOCATION, Envelope, Head,
    encode as encode_envelope, field, invalid, missing,
};
use crate::contact::Contacts;
use crate::details::Details;
use crate::ids::{OrderId, Partition, PartyId, Reason, RequestId, Subject, Timestamp, Version};
use crate::lifecycle::{Actor, Status};
use crate::port::LogRecord;
use crate::request::{Command, Placement, Request};

const PLACEMENT: &str = "logistics.order.placement.requested";
const TRANSITION: &str = "logistics.order.transition.requested";
const CANCEL: &str = "logistics.order.cancel.requested";
const ASSIGNMENT: &str = "logistics.order.assignment.requested";
const REVOCATION: &str = "logistics.order.tracking-revocation.requested";

#[derive(Serialize)]
struct WrittenInput<'a> {
    order_id: &'a OrderId,
    /// An assignment and a revocation keep the order's status, which their sender may not know.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Status>,
    actor: Actor,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<&'a Subject>,
    #[serde(skip_serializing_if = "Option::is_none")]
    party: Option<&'a PartyId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected_version: Option<Version>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a Reason>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    awaited: bool,
    #[serde(flatten)]
    placement: Option<&'a Placement>,
    /// Of an assignment: the courier, or null to clear it.
    #[serde(skip_serializing_if = "Option::is_none")]
    courier_id: Option<Option<&'a PartyId>>,
}

pub(super) fn encode(request: &Request) -> Bytes {
    let (kind, placement, courier_id) = match &request.command {
        Command::Place(placement) => (PLACEMENT, Some(placement), None),
        Command::Transition { .. } => (TRANSITION, None, None),
        Command::Cancel => (CANCEL, None, None),
        Command::Assign { courier_id } => (ASSIGNMENT, None, Some(courier_id.as_ref())),
        Command::RevokeTracking => (REVOCATION, None, None),
    };
    let dataschema = match kind {
        ASSIGNMENT => DATA_SCHEMA_ASSIGNMENT,
        REVOCATION => DATA_SCHEMA_REVOCATION,
        _ => DATA_SCHEMA,
    };
    let head = Head {
        source: API_SOURCE,
        kind,
        dataschema,
        id: &request.id,
        subject: Some(request.order_id.as_str()),
        time: request.at,
        traceparent: request.trace.as_ref(),
    };
    let data = WrittenInput {
        order_id: &request.order_id,
        status: request.command.target(),
        actor: request.actor,
        by: request.by.as_ref(),
        party: request.party.as_ref(),
        expected_version: request.expected_version,
        reason: request.reason.as_ref(),
        awaited: request.awaited,
        placement,
        courier_id,
    };
    encode_envelope(head, data)
}

/// Each field is read separately, so that an error can name the field.
#[derive(Deserialize)]
struct ReadInput<'a> {
    #[serde(borrow, default)]
    order_id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    status: Option<&'a RawValue>,
    #[serde(borrow, default)]
    actor: Option<&'a RawValue>,
    #[serde(borrow, default)]
    by: Option<&'a RawValue>,
    #[serde(borrow, default)]
    party: Option<&'a RawValue>,
    #[serde(borrow, default)]
    expected_version: Option<&'a RawValue>,
    #[serde(borrow, default)]
    reason: Option<&'a RawValue>,
    #[serde(borrow, default)]
    awaited: Option<&'a RawValue>,
    #[serde(borrow, default)]
    customer_id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    merchant_id: Option<&'a RawValue>,
    /// An assignment must have it, and null clears the courier, so null is not the same as missing.
    #[serde(borrow, default, deserialize_with = "even_null")]
    courier_id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    details: Option<&'a RawValue>,
    #[serde(borrow, default)]
    contacts: Option<&'a RawValue>,
}

fn even_null<'de: 'a, 'a, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'a RawValue>, D::Error> {
    <&'a RawValue>::deserialize(deserializer).map(Some)
}

impl ReadInput<'_> {
    fn placement(&self) -> Result<Placement, RecordError> {
        Ok(Placement {
            customer_id: field::<PartyId>(self.customer_id, "customer_id")?,
            merchant_id: field::<PartyId>(self.merchant_id, "merchant_id")?,
            courier_id: field::<PartyId>(self.courier_id, "courier_id")?,
            details: field::<Details>(self.details, "details")?,
            contacts: field::<Contacts>(self.contacts, "contacts")?.unwrap_or_default(),
        })
    }
}

pub(super) fn decode(envelope: &Envelope<'_>, kind: &str, at: Timestamp) -> Result<Request, RecordError> {
    if ![PLACEMENT, TRANSITION, CANCEL, ASSIGNMENT, REVOCATION].contains(&kind) {
        return Err(RecordError::Foreign(format!("type {kind}")));
    }
    let id = envelope.id()?;
    let data: ReadInput<'_> = envelope.data()?;
    let status = field::<Status>(data.status, "status")?;
    let (command, usual_actor) = match (kind, status) {
        (PLACEMENT, None | Some(Status::Placed)) => (Command::Place(data.placement()?), Actor::Customer),
        (PLACEMENT, Some(_)) => return Err(invalid("status", "a placement has status PLACED")),
        (TRANSITION, Some(to)) => (Command::Transition { to }, Actor::Operator),
        (TRANSITION, None) => return Err(missing("status")),
        (ASSIGNMENT, _) if data.courier_id.is_none() => return Err(missing("courier_id")),
        (ASSIGNMENT, _) => {
            (Command::Assign { courier_id: field(data.courier_id, "courier_id")? }, Actor::Operator)
        }
        (REVOCATION, _) => (Command::RevokeTracking, Actor::Operator),
        _ => (Command::Cancel, Actor::Operator),
    };
    Ok(Request {
        id,
        order_id: field(data.order_id, "order_id")?.ok_or_else(|| missing("order_id"))?,
        actor: field(data.actor, "actor")?.unwrap_or(usual_actor),
        by: field(data.by, "by")?,
        party: field(data.party, "party")?,
        command,
        expected_version: field(data.expected_version, "expected_version")?,
        reason: field(data.reason, "reason")?,
        awaited: field(data.awaited, "awaited")?.unwrap_or(false),
        trace: envelope.trace(),
        at: envelope.time_if_valid().unwrap_or(at),
    })
}

/// A bare `{"order_id": ..., "status": "PLACED", ...}`: a placement. The further fields are its details, and the record's
/// position is its request id.
pub(super) fn upcast_bare(record: &LogRecord, partition: Partition) -> Result<Request, RecordError> {
    let mut fields: BTreeMap<String, &RawValue> =
        serde_json::from_slice(&record.payload).map_err(|error| RecordError::NotJson(error.to_string()))?;
    let mut take = |name| fields.remove(name).ok_or_else(|| missing(name));
    let (order_id, status) = (take("order_id")?, take("status")?);
    let order_id: OrderId = field(Some(order_id), "order_id")?.ok_or_else(|| missing("order_id"))?;
    match field(Some(status), "status") {
        Ok(Some(Status::Placed)) => {}
        _ => return Err(invalid("status", "a bare record places an order: its status is PLACED")),
    }
    let details = if fields.is_empty() {
        None
    } else {
        let json = serde_json::to_string(&fields).map_err(|error| invalid("details", error))?;
        Some(Details::parse(&json).map_err(|error| invalid("details", error))?)
    };
    let position = format!("{partition}-{}", record.offset);
    Ok(Request {
        id: RequestId::parse(&position).map_err(|error| invalid("id", error))?,
        order_id,
        actor: Actor::Customer,
        by: None,
        party: None,
        command: Command::Place(Placement { details, ..Placement::default() }),
        expected_version: None,
        reason: None,
        awaited: false,
        trace: None,
        at: record.at,
    })
}
