//! The values that templates use.

use logistics_core::lifecycle::STATUSES;
use logistics_core::notify::{Notification, Recipient};
use logistics_core::text::is_active;
use logistics_core::wire::fact_type;
use logistics_core::{Actor, Assignment, OrderId, PartyId, Reason, Timestamp, Version};
use serde::Serialize;

use super::names::status_name;

pub(super) const LATE: &str = "late";
pub(super) const ASSIGNED: &str = "courier-assigned";
pub(super) const UNASSIGNED: &str = "courier-unassigned";

/// The values. Those of clients contain no control character and no direction mark; the templates of HTML escape them.
#[derive(Debug, Serialize)]
pub(super) struct Values<'a> {
    order_id: &'a str,
    version: u64,
    event: &'a str,
    status: &'a str,
    status_name: &'a str,
    late: bool,
    reason: Option<String>,
    courier_id: Option<String>,
    role: &'a str,
    party_id: Option<String>,
    at: String,
    language: &'a str,
    unsubscribe_url: Option<&'a str>,
}

impl<'a> Values<'a> {
    pub(super) fn new(
        language: &'a str,
        notification: &'a Notification,
        recipient: &'a Recipient,
        unsubscribe_url: Option<&'a str>,
    ) -> Self {
        let courier = notification.assignment.as_ref().and_then(|assignment| assignment.courier_id.as_ref());
        Self {
            order_id: notification.order_id.as_str(),
            version: notification.version.0,
            event: event(notification),
            status: notification.status.name(),
            status_name: status_name(language, notification.status),
            late: notification.late,
            reason: notification.reason.as_ref().map(|reason| inactive(reason.as_str())),
            courier_id: courier.map(|courier| inactive(courier.as_str())),
            role: recipient.role.name(),
            party_id: recipient.party.as_ref().map(|party| inactive(party.as_str())),
            at: notification.at.to_string(),
            language,
            unsubscribe_url,
        }
    }
}

/// The event of a notification, as templates and their files name it: the end of the type of its fact.
pub(super) fn event(notification: &Notification) -> &'static str {
    match &notification.assignment {
        Some(assignment) if assignment.courier_id.is_some() => ASSIGNED,
        Some(_) => UNASSIGNED,
        None if notification.late => LATE,
        None => fact_type(notification.status).rsplit('.').next().unwrap_or_default(),
    }
}

/// The names of all events.
pub(super) fn events() -> Vec<&'static str> {
    let statuses = STATUSES.map(|status| fact_type(status).rsplit('.').next().unwrap_or_default());
    statuses.into_iter().chain([LATE, ASSIGNED, UNASSIGNED]).collect()
}

fn inactive(text: &str) -> String {
    text.replace(is_active, "\u{fffd}")
}

/// Notifications of every event, with and without a reason, to a customer and a merchant.
pub(super) fn samples() -> Vec<(Notification, Recipient)> {
    // A valid id.
    let Ok(order_id) = OrderId::parse("sample-1") else { return Vec::new() };
    let (reason, party) = (Reason::parse("sample").ok(), PartyId::parse("party-1").ok());
    let at = Timestamp::from_millis(1_790_000_000_000);
    let sample = |status| Notification::new(order_id.clone(), Version(1), status, at);
    let mut all: Vec<Notification> = STATUSES.into_iter().map(sample).collect();
    for status in STATUSES {
        let mut late = sample(status);
        late.late = true;
        all.push(late);
    }
    for courier in [party.clone(), None] {
        let mut assigned = sample(STATUSES[0]);
        assigned.assignment = Some(Assignment::new(courier, None));
        all.push(assigned);
    }
    let mut samples = Vec::new();
    for notification in all {
        let mut with_reason = notification.clone();
        with_reason.reason = reason.clone();
        samples.push((with_reason, Recipient::new(Actor::Customer, party.clone())));
        samples.push((notification, Recipient::new(Actor::Merchant, None)));
    }
    samples
}
