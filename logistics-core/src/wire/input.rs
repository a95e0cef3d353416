//! Inputs: requests as anybody may write them.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::RecordError;
use super::envelope::{API_SOURCE, Envelope, Head, encode as encode_envelope, invalid, missing};
use crate::details::Details;
use crate::ids::{OrderId, Partition, PartyId, Reason, RequestId, Timestamp, Version};
use crate::lifecycle::{Actor, Status};
use crate::port::LogRecord;
use crate::request::{Command, Placement, Request};

const PLACEMENT: &str = "logistics.order.placement.requested";
const TRANSITION: &str = "logistics.order.transition.requested";
const CANCEL: &str = "logistics.order.cancel.requested";

#[derive(Serialize)]
struct WrittenInput<'a> {
    order_id: &'a OrderId,
    status: Status,
    actor: Actor,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected_version: Option<Version>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a Reason>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    awaited: bool,
    #[serde(flatten)]
    placement: Option<&'a Placement>,
}

pub(super) fn encode(request: &Request) -> Bytes {
    let (kind, placement) = match &request.command {
        Command::Place(placement) => (PLACEMENT, Some(placement)),
        Command::Transition { .. } => (TRANSITION, None),
        Command::Cancel => (CANCEL, None),
    };
    let head = Head {
        source: API_SOURCE,
        kind,
        id: &request.id,
        subject: Some(request.order_id.as_str()),
        time: request.at,
        traceparent: request.trace.as_ref(),
    };
    let data = WrittenInput {
        order_id: &request.order_id,
        status: request.command.target(),
        actor: request.actor,
        expected_version: request.expected_version,
        reason: request.reason.as_ref(),
        awaited: request.awaited,
        placement,
    };
    encode_envelope(head, data)
}

#[derive(Deserialize)]
struct ReadInput {
    order_id: OrderId,
    #[serde(default)]
    status: Option<Status>,
    #[serde(default)]
    actor: Option<Actor>,
    #[serde(default)]
    expected_version: Option<Version>,
    #[serde(default)]
    reason: Option<Reason>,
    #[serde(default)]
    awaited: bool,
    #[serde(default)]
    customer_id: Option<PartyId>,
    #[serde(default)]
    merchant_id: Option<PartyId>,
    #[serde(default)]
    courier_id: Option<PartyId>,
    #[serde(default)]
    details: Option<Details>,
}

pub(super) fn decode(envelope: &Envelope<'_>, kind: &str, at: Timestamp) -> Result<Request, RecordError> {
    if ![PLACEMENT, TRANSITION, CANCEL].contains(&kind) {
        return Err(RecordError::Foreign(format!("type {kind}")));
    }
    let id = envelope.id.as_deref().ok_or_else(|| missing("id"))?;
    let id = RequestId::parse(id).map_err(|error| invalid("id", error))?;
    let data: ReadInput = envelope.data()?;
    let (command, usual_actor) = match kind {
        PLACEMENT if data.status.is_some_and(|status| status != Status::Placed) => {
            return Err(invalid("status", "a placement has status PLACED"));
        }
        PLACEMENT => {
            let ReadInput { customer_id, merchant_id, courier_id, details, .. } = data;
            (Command::Place(Placement { customer_id, merchant_id, courier_id, details }), Actor::Customer)
        }
        TRANSITION => {
            let to = data.status.ok_or_else(|| missing("status"))?;
            (Command::Transition { to }, Actor::Operator)
        }
        _ => (Command::Cancel, Actor::Operator),
    };
    Ok(Request {
        id,
        order_id: data.order_id,
        actor: data.actor.unwrap_or(usual_actor),
        command,
        expected_version: data.expected_version,
        reason: data.reason,
        awaited: data.awaited,
        trace: envelope.trace(),
        at: envelope.time()?.unwrap_or(at),
    })
}

/// A bare `{"order_id": ..., "status": "PLACED", ...}`: a placement, whose further fields are the details. Its request
/// id is its position.
pub(super) fn upcast_bare(
    payload: &[u8],
    record: &LogRecord,
    partition: Partition,
) -> Result<Request, RecordError> {
    let mut fields: BTreeMap<String, &RawValue> =
        serde_json::from_slice(payload).map_err(|error| RecordError::NotJson(error.to_string()))?;
    let (Some(order_id), Some(status)) = (fields.remove("order_id"), fields.remove("status")) else {
        let problem = "it has neither a type nor order_id and status";
        return Err(RecordError::Foreign(problem.to_owned()));
    };
    let order_id: OrderId =
        serde_json::from_str(order_id.get()).map_err(|error| invalid("order_id", error))?;
    match serde_json::from_str::<Status>(status.get()) {
        Ok(Status::Placed) => {}
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
        command: Command::Place(Placement { details, ..Placement::default() }),
        expected_version: None,
        reason: None,
        awaited: false,
        trace: None,
        at: record.at,
    })
}
