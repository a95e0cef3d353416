//! Facts as records.

use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::RecordError;
use super::envelope::{
    DATA_SCHEMA, DATA_SCHEMA_ASSIGNMENT, DATA_SCHEMA_NEWEST, DATA_SCHEMA_REVOCATION, Envelope, Head,
    PROCESSOR_SOURCE, encode as encode_envelope, invalid, missing,
};
use crate::fact::{Cause, Change, Fact};
use crate::ids::{OrderId, PartyId, Reason, Subject, Version};
use crate::lifecycle::{Actor, STATUSES, Status};
use crate::policy::Deadline;
use crate::request::Placement;

pub(crate) const LATE: &str = "logistics.order.late";
pub(crate) const ASSIGNED: &str = "logistics.order.courier-assigned";
pub(crate) const UNASSIGNED: &str = "logistics.order.courier-unassigned";
pub(super) const TRACKING_REVOKED: &str = "logistics.order.tracking-revoked";

/// The `CloudEvents` type of the fact that an order entered `status`: its name in lower case, with hyphens.
#[must_use]
pub fn fact_type(status: Status) -> &'static str {
    match status {
        Status::Placed => "logistics.order.placed",
        Status::Confirmed => "logistics.order.confirmed",
        Status::Preparing => "logistics.order.preparing",
        Status::ReadyForPickup => "logistics.order.ready-for-pickup",
        Status::OutForDelivery => "logistics.order.out-for-delivery",
        Status::Delivered => "logistics.order.delivered",
        Status::DeliveryFailed => "logistics.order.delivery-failed",
        Status::Returned => "logistics.order.returned",
        #[cfg(feature = "knows-lost")]
        Status::Lost => "logistics.order.lost",
        Status::Rejected => "logistics.order.rejected",
        Status::Expired => "logistics.order.expired",
        Status::Cancelled => "logistics.order.cancelled",
    }
}

/// An order id and a version: the id of a fact and of its notification.
pub(crate) struct FactId<'a>(pub(crate) &'a OrderId, pub(crate) Version);

impl fmt::Display for FactId<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.0, self.1)
    }
}

#[derive(Serialize)]
struct WrittenFact<'a> {
    order_id: &'a OrderId,
    status: Status,
    version: Version,
    actor: Actor,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<&'a Subject>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a Reason>,
    cause: &'a Cause,
    #[serde(skip_serializing_if = "Option::is_none")]
    deadline: Option<&'a Deadline>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempts_left: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    placement: Option<&'a Placement>,
    #[serde(skip_serializing_if = "Option::is_none")]
    courier_id: Option<&'a PartyId>,
}

pub(super) fn encode(fact: &Fact) -> Bytes {
    let (kind, placement, courier_id) = match &fact.change {
        Change::Placed(placement) => (fact_type(fact.status), Some(placement), None),
        Change::Moved => (fact_type(fact.status), None, None),
        Change::Late => (LATE, None, None),
        Change::Assigned { courier_id: Some(courier) } => (ASSIGNED, None, Some(courier)),
        Change::Assigned { courier_id: None } => (UNASSIGNED, None, None),
        Change::TrackingRevoked => (TRACKING_REVOKED, None, None),
    };
    let dataschema = match kind {
        ASSIGNED | UNASSIGNED => DATA_SCHEMA_ASSIGNMENT,
        TRACKING_REVOKED => DATA_SCHEMA_REVOCATION,
        _ if placement.is_some_and(|placement| !placement.contacts.is_empty()) => DATA_SCHEMA_NEWEST,
        _ => DATA_SCHEMA,
    };
    let head = Head {
        source: PROCESSOR_SOURCE,
        kind,
        dataschema,
        id: FactId(&fact.order_id, fact.version),
        subject: Some(fact.order_id.as_str()),
        time: fact.at,
        traceparent: fact.trace.as_ref(),
    };
    let data = WrittenFact {
        order_id: &fact.order_id,
        status: fact.status,
        version: fact.version,
        actor: fact.actor,
        by: fact.by.as_ref(),
        reason: fact.reason.as_ref(),
        cause: &fact.cause,
        deadline: fact.deadline.as_ref(),
        attempts_left: fact.attempts_left,
        placement,
        courier_id,
    };
    encode_envelope(head, data)
}

#[derive(Deserialize)]
struct ReadFact {
    order_id: OrderId,
    status: Status,
    version: Version,
    actor: Actor,
    #[serde(default)]
    by: Option<Subject>,
    #[serde(default)]
    reason: Option<Reason>,
    cause: Cause,
    #[serde(default)]
    deadline: Option<Deadline>,
    #[serde(default)]
    attempts_left: Option<u32>,
    #[serde(default)]
    placement: Option<Placement>,
    #[serde(default)]
    courier_id: Option<PartyId>,
}

/// The fact; `None` where no fact has the type.
pub(super) fn decode(envelope: &Envelope<'_>, kind: &str) -> Result<Option<Fact>, RecordError> {
    let status = STATUSES.into_iter().find(|status| fact_type(*status) == kind);
    if status.is_none() && ![LATE, ASSIGNED, UNASSIGNED, TRACKING_REVOKED].contains(&kind) {
        return Ok(None);
    }
    let data: ReadFact = envelope.data()?;
    if status.is_some_and(|status| status != data.status) {
        return Err(invalid("status", format!("does not match type {kind}")));
    }
    let change = match (status, data.placement) {
        (None, _) if kind == ASSIGNED => {
            Change::Assigned { courier_id: Some(data.courier_id.ok_or_else(|| missing("courier_id"))?) }
        }
        (None, _) if kind == UNASSIGNED => Change::Assigned { courier_id: None },
        (None, _) if kind == TRACKING_REVOKED => Change::TrackingRevoked,
        (None, _) => Change::Late,
        (Some(Status::Placed), Some(placement)) => Change::Placed(placement),
        (Some(Status::Placed), None) => return Err(missing("placement")),
        (Some(_), _) => Change::Moved,
    };
    Ok(Some(Fact {
        order_id: data.order_id,
        version: data.version,
        status: data.status,
        change,
        at: envelope.time()?.ok_or_else(|| missing("time"))?,
        actor: data.actor,
        by: data.by,
        reason: data.reason,
        cause: data.cause,
        deadline: data.deadline,
        attempts_left: data.attempts_left,
        trace: envelope.trace(),
    }))
}

#[cfg(test)]
mod tests {
    use super::super::unknown::fact_type_of;
    use super::*;

    /// An older release relies on it to recognise a fact with a status that it does not know.
    #[test]
    fn the_type_of_a_fact_follows_from_the_name_of_its_status() {
        for status in STATUSES {
            assert_eq!(fact_type(status), fact_type_of(status.name()));
        }
    }
}
