//! One value of every record type and variant.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::*;
use crate::contact::{Contact, Contacts};
use crate::details::Details;
use crate::fact::{Assignment, Cause, Change};
use crate::ids::{PartyId, Reason, RequestId, Subject, TraceParent, Version};
use crate::lifecycle::STATUSES;
use crate::notify::Recipient;
use crate::outcome::OutcomeKind;
use crate::policy::{Deadline, DeadlineKind};
use crate::rejection::Rejection;
use crate::request::Placement;

/// A golden file's name, and the bytes that this build writes.
pub(super) type Sample = (String, Bytes);

pub(super) fn at() -> Timestamp {
    "2026-01-31T12:00:00.250Z".parse().unwrap()
}

fn order_id() -> OrderId {
    OrderId::parse("0190b0f4-6b1e-7c3a-9d52-3f2a6b1c8e77").unwrap()
}

fn request_id() -> RequestId {
    RequestId::parse("request \"7\" ü").unwrap()
}

fn trace() -> TraceParent {
    TraceParent::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").unwrap()
}

fn subject() -> Subject {
    Subject::parse("jwt:alice \"ü\"").unwrap()
}

fn placement() -> Placement {
    let party = |text| Some(PartyId::parse(text).unwrap());
    let details = Details::parse(r#"{"items": [{"sku":"a/1","price":12.50}],"note":"\u00e4 ü"}"#).unwrap();
    Placement {
        customer_id: party("customer-1"),
        merchant_id: party("merchant-2"),
        courier_id: party("courier-3"),
        details: Some(details),
        contacts: Contacts::default(),
    }
}

fn with_contacts() -> Placement {
    let contact = |email: &str| Contact::new(email.parse().unwrap());
    let mut contacts = Contacts::new();
    contacts.customer = Some(contact("ann+o'neil@mail.example.com").with_language("de-AT".parse().unwrap()));
    contacts.merchant = Some(contact("shop@example.com"));
    Placement { contacts, ..placement() }
}

pub(super) fn requests() -> Vec<(String, Request)> {
    let request = |command| Request {
        id: request_id(),
        order_id: order_id(),
        actor: Actor::Customer,
        by: None,
        party: None,
        command,
        expected_version: None,
        reason: None,
        awaited: false,
        trace: None,
        at: at(),
    };
    let full = |command| Request {
        actor: Actor::Operator,
        expected_version: Some(Version(4)),
        reason: Some(Reason::parse("out of stock").unwrap()),
        awaited: true,
        trace: Some(trace()),
        ..request(command)
    };
    let to = Command::Transition { to: Status::OutForDelivery };
    let by = |command, party: &str| Request {
        by: Some(subject()),
        party: Some(PartyId::parse(party).unwrap()),
        ..request(command)
    };
    let place = Command::Place(Placement { customer_id: placement().customer_id, ..Placement::default() });
    [
        ("placement-by", by(place, "customer-1")),
        ("transition-by", Request { actor: Actor::Courier, ..by(to.clone(), "courier-3") }),
        ("cancel-by", Request { actor: Actor::Operator, by: Some(subject()), ..request(Command::Cancel) }),
        ("placement-empty", request(Command::Place(Placement::default()))),
        ("placement-full", full(Command::Place(placement()))),
        ("placement-contacts", request(Command::Place(with_contacts()))),
        ("transition", request(to.clone())),
        ("transition-full", full(to)),
        ("cancel", request(Command::Cancel)),
        ("assignment", request(Command::Assign { courier_id: placement().courier_id })),
        ("assignment-cleared", request(Command::Assign { courier_id: None })),
        ("cancel-full", full(Command::Cancel)),
        ("tracking-revocation-full", full(Command::RevokeTracking)),
    ]
    .map(|(name, request)| (format!("request-{name}"), request))
    .into()
}

pub(super) fn fact_values() -> Vec<(String, Fact)> {
    let by_request = Cause::Request { request: request_id(), offset: Offset(41) };
    let fact = |status: Status, change| Fact {
        order_id: order_id(),
        version: Version(7),
        status,
        change,
        at: at(),
        actor: Actor::Operator,
        by: None,
        reason: None,
        cause: by_request.clone(),
        deadline: None,
        attempts_left: None,
        trace: None,
    };
    let deadline = |kind| Some(Deadline { at: at().after_millis(2000), kind });
    let timer = |timer| Cause::Timer { timer, offset: Offset(42) };
    let full = Fact {
        version: Version(1),
        actor: Actor::Customer,
        reason: Some(Reason::parse("gift").unwrap()),
        deadline: deadline(DeadlineKind::Advance),
        trace: Some(trace()),
        ..fact(Status::Placed, Change::Placed(placement()))
    };
    let with_contacts = Fact { change: Change::Placed(with_contacts()), trace: None, ..full.clone() };
    let mut facts = vec![
        ("fact-placed-full".to_owned(), full),
        ("fact-placed-contacts".to_owned(), with_contacts),
        (
            "fact-courier-assigned".to_owned(),
            Fact {
                by: Some(subject()),
                deadline: deadline(DeadlineKind::Late),
                ..fact(Status::Preparing, Change::Assigned { courier_id: placement().courier_id })
            },
        ),
        (
            "fact-courier-unassigned".to_owned(),
            Fact {
                attempts_left: Some(2),
                ..fact(Status::DeliveryFailed, Change::Assigned { courier_id: None })
            },
        ),
        (
            "fact-tracking-revoked".to_owned(),
            Fact {
                by: Some(subject()),
                deadline: deadline(DeadlineKind::Late),
                ..fact(Status::Preparing, Change::TrackingRevoked)
            },
        ),
        (
            "fact-preparing-by".to_owned(),
            Fact { by: Some(subject()), ..fact(Status::Preparing, Change::Moved) },
        ),
        (
            "fact-late".to_owned(),
            Fact {
                actor: Actor::System,
                cause: timer(DeadlineKind::Late),
                ..fact(Status::Preparing, Change::Late)
            },
        ),
    ];
    // The status for tests has no golden file.
    for status in STATUSES.into_iter().filter(|status| status.name() != "LOST") {
        let fact = match status {
            Status::Placed => Fact {
                version: Version(1),
                deadline: deadline(DeadlineKind::Expire),
                ..fact(status, Change::Placed(Placement::default()))
            },
            Status::DeliveryFailed => Fact {
                attempts_left: Some(2),
                deadline: deadline(DeadlineKind::Return),
                reason: Some(Reason::parse("nobody there").unwrap()), // words: allow
                ..fact(status, Change::Moved)
            },
            Status::Confirmed => Fact {
                actor: Actor::System,
                cause: timer(DeadlineKind::Advance),
                deadline: deadline(DeadlineKind::Late),
                ..fact(status, Change::Moved)
            },
            Status::Expired => Fact {
                actor: Actor::System,
                cause: timer(DeadlineKind::Expire),
                ..fact(status, Change::Moved)
            },
            Status::Returned => Fact {
                actor: Actor::System,
                cause: timer(DeadlineKind::Return),
                ..fact(status, Change::Moved)
            },
            _ => fact(status, Change::Moved),
        };
        facts.push((format!("fact-{}", status.name().to_lowercase().replace('_', "-")), fact));
    }
    facts
}

pub(super) fn outcome_values() -> Vec<(String, Outcome)> {
    let outcome = |result| Outcome {
        offset: Offset(41),
        order_id: Some(order_id()),
        request: Some(request_id()),
        result,
    };
    let allowed = vec![Status::Preparing, Status::Cancelled];
    let (current, requested) = (Status::Confirmed, Status::Delivered);
    let mut outcomes = vec![
        (
            "unchanged".to_owned(),
            outcome(OutcomeKind::Unchanged { version: Version(2), status: Status::Confirmed }),
        ),
        ("forwarded".to_owned(), outcome(OutcomeKind::Forwarded { to: Partition(9) })),
        (
            "dead-lettered".to_owned(),
            Outcome {
                offset: Offset(41),
                order_id: None,
                request: None,
                result: OutcomeKind::DeadLettered { reason: "the record is \"odd\"".to_owned() },
            },
        ),
    ];
    for rejection in [
        Rejection::NotFound,
        Rejection::IllegalTransition { current, requested, allowed: allowed.clone() },
        Rejection::NotPermitted {
            current,
            requested,
            actor: Actor::Courier,
            permitted: vec![Actor::Merchant, Actor::Operator],
            allowed: Vec::new(),
        },
        Rejection::AssignmentNotPermitted {
            current,
            actor: Actor::Customer,
            permitted: vec![Actor::Merchant, Actor::Operator, Actor::Courier],
        },
        Rejection::TrackingNotRevocable { current: Status::Delivered },
        Rejection::PlacementNotPermitted { actor: Actor::Courier },
        Rejection::StaleVersion { current: Version(3), expected: Version(2) },
        Rejection::IdConflict,
        Rejection::AttemptsExhausted { attempts: 3, allowed },
    ] {
        let name = format!("rejected-{}", rejection.code().replace('_', "-"));
        outcomes.push((name, outcome(OutcomeKind::Rejected(rejection))));
    }
    outcomes.into_iter().map(|(name, outcome)| (format!("outcome-{name}"), outcome)).collect()
}

/// A notification of each kind, as this build writes it.
pub(super) fn notification_values() -> Vec<(String, Notification)> {
    let facts: BTreeMap<String, Fact> = fact_values().into_iter().collect();
    let of = |name: &str, placement: &Placement| Notification::of(&facts[name], placement);
    let mut assigned = of("fact-courier-assigned", &placement());
    let previous: PartyId = "courier-2".parse().unwrap();
    assigned.assignment = Some(Assignment::new(placement().courier_id, Some(previous.clone())));
    assigned.recipients.insert(1, Recipient::new(Actor::Courier, Some(previous)));
    [
        ("full", of("fact-placed-full", &placement())),
        ("contacts", of("fact-placed-contacts", &with_contacts())),
        ("late", of("fact-late", &placement())),
        ("reason", of("fact-delivery-failed", &placement())),
        ("roles", of("fact-cancelled", &Placement::default())),
        ("assigned", assigned),
        ("unassigned", of("fact-courier-unassigned", &placement())),
        ("tracking-revoked", of("fact-tracking-revoked", &placement())),
    ]
    .map(|(name, notification)| (format!("notification-recipients-{name}"), notification))
    .into()
}

/// The notifications of releases before `recipients`, one for each fact, as this build reads them.
pub(super) fn older_notification_values() -> Vec<(String, Notification)> {
    let of = |(name, fact): (String, Fact)| {
        let name = name.replace("fact", "notification");
        (name, Notification { reason: None, trace: None, ..Notification::of(&fact, &Placement::default()) })
    };
    fact_values()
        .into_iter()
        .filter(|(name, _)| {
            !["fact-placed-full", "fact-placed-contacts"].contains(&&**name)
                && !name.ends_with("-by")
                && !name.ends_with("assigned")
                && !name.ends_with("revoked")
        })
        .map(of)
        .collect()
}

pub(super) fn facts() -> Vec<Sample> {
    fact_values().into_iter().map(|(name, fact)| (name, encode_fact(&fact))).collect()
}

pub(super) fn outcomes() -> Vec<Sample> {
    outcome_values().into_iter().map(|(name, outcome)| (name, encode_outcome(&outcome, HERE, at()))).collect()
}

/// Every record that an owner writes to the topic `orders`.
pub(super) fn owners() -> Vec<Sample> {
    let mut samples = facts();
    samples.extend(outcomes());
    samples
}

/// Every record that this build writes.
pub(super) fn all() -> Vec<Sample> {
    let mut samples = owners();
    samples.extend(requests().into_iter().map(|(name, request)| (name, encode_request(&request))));
    samples
        .extend(notification_values().into_iter().map(|(name, value)| (name, encode_notification(&value))));
    for (name, payload) in [("text", &b"{\"no\": \"event\"}"[..]), ("binary", &b"\xff\x00"[..])] {
        let record = record(Bytes::from_static(payload));
        let letter = DeadLetter { record: &record, partition: HERE, reason: "the record is not an event" };
        samples.push((format!("dead-letter-{name}"), letter.encode(at())));
    }
    samples
}
