//! The suite of every [`Notifier`].

use std::num::NonZeroUsize;
use std::sync::Arc;

use async_trait::async_trait;

use super::case::{Case, PAUSE, Pauses, Report, run_cases};
use crate::executor;
use crate::executor::both;
use crate::sample;
use futures::future::BoxFuture;
use logistics_core::lifecycle::STATUSES;
use logistics_core::limits::REASON_BYTES_MAX;
use logistics_core::notify::{Notification, Recipient};
use logistics_core::port::Notifier;
use logistics_core::{Actor, PartyId, Reason, Status};

/// What a test can observe of a notifier and do to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotifierCapabilities {
    /// Its deliveries can be observed: [`NotifierHarness::delivered`].
    pub observable: bool,
    /// Its other side can be made unreachable: [`NotifierHarness::cut`].
    pub breakable: bool,
}

/// One notifier under test, which cleans up after itself when dropped. The suite builds one for each case.
#[async_trait]
pub trait NotifierHarness: Send + Sync {
    /// The capabilities. By default all, so that no case is skipped.
    fn capabilities(&self) -> NotifierCapabilities {
        NotifierCapabilities { observable: true, breakable: true }
    }

    /// The notifier; at first it has delivered nothing.
    fn notifier(&self) -> Arc<dyn Notifier>;

    /// Everything that it has delivered, as text in any form that shows order ids and statuses.
    async fn delivered(&self) -> String;

    /// Makes its other side unreachable.
    async fn cut(&mut self);

    /// Waits for about 50 ms while other tasks run.
    async fn pause(&self) {
        executor::pause(PAUSE).await;
    }
}

impl Pauses for dyn NotifierHarness {
    fn pause_once(&self) -> BoxFuture<'_, ()> {
        self.pause()
    }
}

type NotifierCase = Case<dyn NotifierHarness>;

/// Runs the suite. `fresh` builds a harness for each case.
///
/// # Panics
/// When a case fails, with its name and the failure.
pub async fn notifier<H: NotifierHarness + 'static>(fresh: impl AsyncFn() -> H) -> Report {
    use self as cases;
    run_cases!(
        "notifier",
        NonZeroUsize::MIN,
        fresh,
        cases::every_status_is_taken,
        cases::the_same_notification_is_taken_twice,
        cases::any_reason_and_any_recipients_are_taken,
        cases::two_at_the_same_time_are_taken,
        cases::what_was_taken_is_handed_over needs observable,
        cases::an_unreachable_other_side_is_a_retryable_error needs breakable,
    )
}

impl NotifierCase {
    async fn notify(&self, notification: &Notification) {
        self.works("notify", self.harness.notifier().notify(notification)).await;
    }
}

async fn every_status_is_taken(case: NotifierCase) {
    for status in STATUSES {
        case.notify(&sample::notification(status)).await;
    }
}

async fn the_same_notification_is_taken_twice(case: NotifierCase) {
    let notification = sample::notification(Status::Placed);
    for _ in 0..2 {
        case.notify(&notification).await;
    }
}

async fn any_reason_and_any_recipients_are_taken(case: NotifierCase) {
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

async fn two_at_the_same_time_are_taken(case: NotifierCase) {
    let (one, other) = (sample::notification(Status::Placed), sample::notification(Status::Confirmed));
    both(case.notify(&one), case.notify(&other)).await;
}

async fn what_was_taken_is_handed_over(case: NotifierCase) {
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

async fn an_unreachable_other_side_is_a_retryable_error(mut case: NotifierCase) {
    case.notify(&sample::notification(Status::Placed)).await;
    case.harness.cut().await;
    let notification = sample::notification(Status::Confirmed);
    let notifier = case.harness.notifier();
    let answer = case.soon("an answer", notifier.notify(&notification)).await;
    case.same("whether the error is retryable", &answer.map_err(|error| error.is_retryable()), &Err(true));
}
