//! The cases of the suite.

use logistics_core::lifecycle::STATUSES;
use logistics_core::limits::REASON_BYTES_MAX;
use logistics_core::notify::{Notification, Recipient};
use logistics_core::text::is_active;
use logistics_core::{Actor, Assignment, PartyId, Reason, Status, Version};

use super::{NotifierCase, NotifierFault};
use crate::executor::both;
use crate::sample;

impl NotifierCase {
    async fn notify(&self, notification: &Notification) {
        self.works("notify", self.harness.notifier().notify(notification)).await;
    }
}

pub(super) async fn every_status_is_taken(case: NotifierCase) {
    for status in STATUSES {
        case.notify(&sample::notification(status)).await;
    }
}

pub(super) async fn the_same_notification_is_taken_twice(case: NotifierCase) {
    let notification = sample::notification(Status::Placed);
    for _ in 0..2 {
        case.notify(&notification).await;
    }
}

pub(super) async fn any_reason_and_any_recipients_are_taken(case: NotifierCase) {
    let long = "word ".repeat(REASON_BYTES_MAX / 5);
    let texts = ["żółw 🚚 \u{202e}abc", "\"quotes\" <b>&amp;</b> \\ {} {order_id} %s", long.as_str()];
    let reasons = texts.into_iter().map(|text| Some(sample::parsed(Reason::parse(text)))).chain([None]);
    let party = |text| Some(sample::parsed(PartyId::parse(text)));
    let everyone = [
        Recipient::new(Actor::Customer, party("customer \u{202e}1")),
        Recipient::new(Actor::Merchant, party("<b>\"merchant\"</b>")),
        Recipient::new(Actor::Courier, None),
        Recipient::new(Actor::Operator, None),
        Recipient::new(Actor::System, None),
    ];
    for reason in reasons {
        for (late, recipients) in
            [(false, everyone.to_vec()), (true, everyone[1..].to_vec()), (false, Vec::new())]
        {
            let mut notification = sample::notification(Status::Placed);
            (notification.reason, notification.late) = (reason.clone(), late);
            notification.recipients = recipients;
            case.notify(&notification).await;
        }
    }
}

pub(super) async fn two_at_the_same_time_are_taken(case: NotifierCase) {
    let (one, other) = (sample::notification(Status::Placed), sample::notification(Status::Confirmed));
    both(case.notify(&one), case.notify(&other)).await;
}

pub(super) async fn what_was_taken_is_handed_over(case: NotifierCase) {
    for (n, status) in (1..).zip(STATUSES) {
        let order_id = sample::order_id(n * 1000);
        let mut notification = sample::notification(status);
        notification.order_id = order_id.clone();
        case.notify(&notification).await;
        let delivered = case.harness.delivered().await;
        case.holds(
            &format!("the delivery of {order_id} shows the id"),
            delivered.contains(order_id.as_str()),
        );
        case.holds(&format!("the delivery of {order_id} shows {status}"), delivered.contains(status.name()));
    }
}

/// Services deliver no revocation, but another driver may.
pub(super) async fn a_revocation_and_a_notification_for_no_party_are_taken(case: NotifierCase) {
    let mut revoked = sample::notification(Status::Confirmed);
    (revoked.tracking_revoked, revoked.recipients) = (true, Vec::new());
    case.notify(&revoked).await;
    let mut for_no_party = sample::notification(Status::Preparing);
    for_no_party.recipients = Vec::new();
    case.notify(&for_no_party).await;
    case.notify(&sample::notification(Status::OutForDelivery)).await;
}

pub(super) async fn the_notifications_of_an_order_arrive_in_their_order(case: NotifierCase) {
    let way = [
        Status::Placed,
        Status::Confirmed,
        Status::Preparing,
        Status::ReadyForPickup,
        Status::OutForDelivery,
        Status::Delivered,
    ];
    let mut before = case.harness.delivered().await;
    for (version, status) in (1..).zip(way) {
        let mut notification = sample::notification(status);
        (notification.order_id, notification.version) = (sample::order_id(1), Version(version));
        case.notify(&notification).await;
        let delivered = case.harness.delivered().await;
        let last = delivered.strip_prefix(before.as_str()).unwrap_or_default();
        case.holds(&format!("{status} is the last delivery"), last.contains(status.name()));
        before = delivered;
    }
}

pub(super) async fn a_late_order_and_another_courier_have_texts_of_their_own(case: NotifierCase) {
    let courier = |id| Some(sample::parsed(PartyId::parse(id)));
    let moved = sample::notification(Status::Preparing);
    let mut late = moved.clone();
    late.late = true;
    let assignment = |assignment| {
        let mut assigned = moved.clone();
        assigned.assignment = Some(assignment);
        assigned
    };
    let assigned = assignment(Assignment::new(courier("courier-8"), courier("courier-7")));
    let unassigned = assignment(Assignment::new(None, courier("courier-8")));
    let mut texts: Vec<String> = Vec::new();
    for notification in [moved, late, assigned, unassigned] {
        let before = case.harness.delivered().await;
        case.notify(&notification).await;
        let delivered = case.harness.delivered().await;
        let text = delivered.strip_prefix(before.as_str()).unwrap_or_default().to_owned();
        case.holds("the delivery shows the order", text.contains(notification.order_id.as_str()));
        case.holds(&format!("no other kind has this text: {text}"), !texts.contains(&text));
        texts.push(text);
    }
}

pub(super) async fn texts_of_clients_are_escaped(case: NotifierCase) {
    let markup = case.harness.markup();
    for text in ["a\u{202e}b\u{2066}c", "<b>&amp;</b>"].iter().chain(&markup) {
        let mut notification = sample::notification(Status::Preparing);
        notification.reason = Some(sample::parsed(Reason::parse(text)));
        let courier = Some(sample::parsed(PartyId::parse(text)));
        notification.recipients = vec![Recipient::new(Actor::Courier, courier.clone())];
        case.notify(&notification).await;
        notification.assignment = Some(Assignment::new(courier, None));
        case.notify(&notification).await;
    }
    let delivered = case.harness.delivered().await;
    let active = delivered.chars().find(|c| is_active(*c) && !matches!(c, '\n' | '\r' | '\t'));
    case.same("a character that controls its display", &active, &None);
    let command = markup.into_iter().find(|text| delivered.contains(text));
    case.same("a command in the channel's format", &command, &None);
}

pub(super) async fn an_unreachable_other_side_is_a_retryable_error(mut case: NotifierCase) {
    case.notify(&sample::notification(Status::Placed)).await;
    case.harness.cut().await;
    let notification = sample::notification(Status::Confirmed);
    let notifier = case.harness.notifier();
    let answer = case.soon("an answer", notifier.notify(&notification)).await;
    case.same("whether the error is retryable", &answer.map_err(|error| error.is_retryable()), &Err(true));
}

pub(super) async fn each_fault_has_its_kind_and_its_wait(mut case: NotifierCase) {
    for fault in case.harness.faults() {
        case.harness.fail(Some(fault)).await;
        let notification = sample::notification(Status::Placed);
        let answer = case.soon("an answer", case.harness.notifier().notify(&notification)).await;
        let Err(error) = answer else { panic!("case `{}`: {fault:?} must be an error", case.name) };
        case.same(&format!("the kind of {fault:?}"), &error.kind(), &fault.kind());
        let wait_ms = match fault {
            NotifierFault::RateLimited(wait_s) => wait_s.map(|s| u64::from(s) * 1000),
            _ => error.retry_after_ms(),
        };
        case.same(&format!("the wait of {fault:?} in milliseconds"), &error.retry_after_ms(), &wait_ms);
    }
}

/// A retry of the same notification is delivered once the other side works again.
pub(super) async fn a_fault_leaves_nothing_behind(mut case: NotifierCase) {
    for (n, fault) in (1..).zip(case.harness.faults()) {
        let mut notification = sample::notification(Status::Placed);
        notification.order_id = sample::order_id(n * 1000);
        case.harness.fail(Some(fault)).await;
        let answer = case.soon("an answer", case.harness.notifier().notify(&notification)).await;
        case.holds(&format!("{fault:?} is an error"), answer.is_err());
        case.harness.fail(None).await;
        case.notify(&notification).await;
        if case.harness.capabilities().observable {
            let delivered = case.harness.delivered().await;
            case.holds("the retry is delivered", delivered.contains(notification.order_id.as_str()));
        }
    }
}
