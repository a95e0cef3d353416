//! The bodies of messages: `CloudEvents` 1.0 in structured JSON mode.

use bytes::Bytes;
use serde::Serialize;

use super::endpoint::{DisabledReason, Endpoint, EndpointOwner};
use super::event_type::EventType;
use crate::fact::Assignment;
use crate::ids::{EndpointId, OrderId, PartyId, Reason, Timestamp, TraceParent, Version};
use crate::lifecycle::{Actor, Status};
use crate::notify::{Notification, Recipient};
use crate::wire::EventId;

/// The `source` of all messages.
const SOURCE: &str = "/logistics";
/// The schema of `data`; the number is the major version.
const DATA_SCHEMA: &str = "urn:logistics:webhook-event:1";
const TEST: &str = "logistics.webhook.test";
const DISABLED: &str = "logistics.webhook.endpoint-disabled";
const DEAD_LETTER: &str = "logistics.webhook.dead-letter";

/// The order of the fields is the order in the body.
#[derive(Serialize)]
struct Written<'a, D> {
    specversion: &'static str,
    source: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    id: String,
    subject: &'a str,
    time: Timestamp,
    datacontenttype: &'static str,
    dataschema: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    traceparent: Option<&'a TraceParent>,
    data: D,
}

/// A recipient without its contact, which is for no webhook.
#[derive(Serialize)]
struct Party<'a> {
    role: Actor,
    #[serde(skip_serializing_if = "Option::is_none")]
    party: Option<&'a PartyId>,
}

impl<'a> Party<'a> {
    fn of(recipient: &'a Recipient) -> Self {
        Self { role: recipient.role, party: recipient.party.as_ref() }
    }
}

#[derive(Serialize)]
struct OrderData<'a> {
    order_id: &'a OrderId,
    version: Version,
    status: Status,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    late: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    assignment: Option<&'a Assignment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a Reason>,
    at: Timestamp,
    recipients: Vec<Party<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<String>,
}

#[derive(Serialize)]
struct EndpointData<'a> {
    endpoint_id: &'a EndpointId,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner_role: Option<Actor>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<DisabledReason>,
    #[serde(skip_serializing_if = "Option::is_none")]
    order_id: Option<&'a OrderId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<Version>,
    at: Timestamp,
}

impl<'a> EndpointData<'a> {
    fn new(endpoint_id: &'a EndpointId, at: Timestamp) -> Self {
        Self { endpoint_id, owner_role: None, reason: None, order_id: None, version: None, at }
    }
}

/// The body of the message about a notification to an endpoint of this owner.
///
/// The `CloudEvents` id is that of the order's fact: it is the same for every endpoint. `data.version` orders the events of one
/// order. `data.recipients` contains the owner alone, and all recipients for an operator: the other parties are not the owner's
/// concern. `data.link` is the order below `public_url`, without a slash at its end, if there is one.
#[must_use]
pub fn order_event(notification: &Notification, owner: &EndpointOwner, public_url: Option<&str>) -> Bytes {
    let Notification { order_id, status, version, late, assignment, reason, at, trace, recipients, .. } =
        notification;
    let is_own = |recipient: &&Recipient| match owner {
        EndpointOwner::Operator => true,
        EndpointOwner::Party(role, id) => {
            recipient.role == role.actor() && recipient.party.as_ref() == Some(id)
        }
    };
    let data = OrderData {
        order_id,
        version: *version,
        status: *status,
        late: *late,
        assignment: assignment.as_ref(),
        reason: reason.as_ref(),
        at: *at,
        recipients: recipients.iter().filter(is_own).map(Party::of).collect(),
        link: public_url.map(|url| format!("{url}/orders/{order_id}")),
    };
    written(Written {
        specversion: "1.0",
        source: SOURCE,
        kind: EventType::of(notification).name(),
        id: EventId(order_id, *version).to_string(),
        subject: order_id.as_str(),
        time: *at,
        datacontenttype: "application/json",
        dataschema: DATA_SCHEMA,
        traceparent: trace.as_ref(),
        data,
    })
}

/// The body of a test message, `logistics.webhook.test`. `id`: unique, for example the message's id.
#[must_use]
pub fn test_event(endpoint: &EndpointId, id: &str, at: Timestamp) -> Bytes {
    endpoint_event(TEST, endpoint, id.to_owned(), at, EndpointData::new(endpoint, at))
}

/// The body of the message to the owner's other endpoints that this endpoint was disabled,
/// `logistics.webhook.endpoint-disabled`.
#[must_use]
pub fn disabled_event(endpoint: &Endpoint, reason: DisabledReason, at: Timestamp) -> Bytes {
    let mut data = EndpointData::new(&endpoint.id, at);
    (data.owner_role, data.reason) = (Some(endpoint.owner.role()), Some(reason));
    let id = format!("{}-{}-disabled", endpoint.id, endpoint.version);
    endpoint_event(DISABLED, &endpoint.id, id, at, data)
}

/// The body of the message to the owner's other endpoints that this endpoint did not accept the message about this version of the
/// order, so that it is a dead letter: `logistics.webhook.dead-letter`.
#[must_use]
pub fn dead_letter_event(endpoint: &Endpoint, order_id: &OrderId, version: Version, at: Timestamp) -> Bytes {
    let mut data = EndpointData::new(&endpoint.id, at);
    data.owner_role = Some(endpoint.owner.role());
    (data.order_id, data.version) = (Some(order_id), Some(version));
    let id = format!("{}-{}-dead", endpoint.id, EventId(order_id, version));
    endpoint_event(DEAD_LETTER, &endpoint.id, id, at, data)
}

fn endpoint_event(
    kind: &'static str,
    endpoint: &EndpointId,
    id: String,
    at: Timestamp,
    data: EndpointData<'_>,
) -> Bytes {
    written(Written {
        specversion: "1.0",
        source: SOURCE,
        kind,
        id,
        subject: endpoint.as_str(),
        time: at,
        datacontenttype: "application/json",
        dataschema: DATA_SCHEMA,
        traceparent: None,
        data,
    })
}

fn written<D: Serialize>(event: Written<'_, D>) -> Bytes {
    // Texts and numbers always serialize.
    Bytes::from(serde_json::to_vec(&event).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::WEBHOOK_BODY_BYTES_MAX;
    use crate::port::PartyRole;

    fn notification() -> Notification {
        let at = "2026-01-31T12:00:00.250Z".parse().unwrap();
        let mut notification =
            Notification::new("o1".parse().unwrap(), Version(5), Status::OutForDelivery, at);
        notification.recipients = vec![
            Recipient::new(Actor::Customer, Some("c-1".parse().unwrap())),
            Recipient::new(Actor::Merchant, Some("m-1".parse().unwrap())),
        ];
        notification
    }

    fn text(bytes: &Bytes) -> &str {
        std::str::from_utf8(bytes).unwrap()
    }

    #[test]
    fn the_body_is_a_cloud_event_with_the_owner_as_the_only_recipient() {
        let owner = EndpointOwner::Party(PartyRole::Merchant, "m-1".parse().unwrap());
        let body = order_event(&notification(), &owner, Some("https://shop.example"));
        let expected = concat!(
            r#"{"specversion":"1.0","source":"/logistics","type":"logistics.order.out-for-delivery","id":"o1-5","#,
            r#""subject":"o1","time":"2026-01-31T12:00:00.250Z","datacontenttype":"application/json","#,
            r#""dataschema":"urn:logistics:webhook-event:1","data":{"order_id":"o1","version":5,"#,
            r#""status":"OUT_FOR_DELIVERY","at":"2026-01-31T12:00:00.250Z","#,
            r#""recipients":[{"role":"merchant","party":"m-1"}],"link":"https://shop.example/orders/o1"}}"#
        );
        assert_eq!(text(&body), expected);
        let all: serde_json::Value =
            serde_json::from_slice(&order_event(&notification(), &EndpointOwner::Operator, None)).unwrap();
        assert_eq!(all["data"]["recipients"].as_array().map(Vec::len), Some(2));
        assert_eq!(all["data"].get("link"), None);
    }

    #[test]
    fn the_body_of_the_longest_notification_keeps_its_limit() {
        let party = || Some("\"\\".repeat(64).parse().unwrap());
        let mut notification = notification();
        notification.order_id = "x".repeat(64).parse().unwrap();
        notification.reason = Some("\"\\".repeat(128).parse().unwrap());
        notification.late = true;
        notification.assignment = Some(Assignment::new(party(), party()));
        notification.trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".parse().ok();
        let merchant = (0..4).map(|_| Recipient::new(Actor::Merchant, party()));
        notification.recipients = merchant.collect();
        let body = order_event(&notification, &EndpointOwner::Operator, Some(&"u".repeat(2048)));
        assert!(body.len() < WEBHOOK_BODY_BYTES_MAX, "{}", body.len());
    }

    #[test]
    fn events_about_an_endpoint_name_it_and_nothing_of_its_url() {
        let at = Timestamp::from_millis(0);
        let body = test_event(&"we_1".parse().unwrap(), "msg_1", at);
        let event: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(event["type"], TEST);
        assert_eq!(event["data"]["endpoint_id"], "we_1");
        assert_eq!(event["data"]["at"], "1970-01-01T00:00:00.000Z");
    }
}
