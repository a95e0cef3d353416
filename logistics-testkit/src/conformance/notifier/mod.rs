//! The suite of every [`Notifier`].

mod cases;

use std::num::NonZeroUsize;
use std::sync::Arc;

use async_trait::async_trait;

use futures::future::BoxFuture;
use logistics_core::port::{Notifier, NotifyErrorKind};

use super::case::{Case, PAUSE, Pauses, Report, run_cases};
use crate::executor;

/// What a test can observe of a notifier and do to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotifierCapabilities {
    /// Its deliveries can be observed: [`NotifierHarness::delivered`].
    pub observable: bool,
    /// Its other side can be made unreachable: [`NotifierHarness::cut`].
    pub breakable: bool,
    /// Its other side can be made to fail on purpose: [`NotifierHarness::fail`].
    pub faulty: bool,
}

/// A way in which the other side of a notifier fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NotifierFault {
    /// It answers that it cannot take a notification now: 503 of HTTP, 421 of SMTP.
    Busy,
    /// It takes the notification and never answers. The notifier has a time limit.
    Silent,
    /// It limits the rate: 429 of HTTP. With the wait that it names, in seconds.
    RateLimited(Option<u32>),
    /// It rejects the credentials or the settings of the channel: 401 or 403 of HTTP, 535 of SMTP.
    Unauthorized,
    /// It rejects this notification for good: 400 of HTTP, 550 of SMTP.
    Rejected,
}

impl NotifierFault {
    /// The kind of the notifier's error.
    #[must_use]
    pub fn kind(self) -> NotifyErrorKind {
        match self {
            NotifierFault::Busy | NotifierFault::Silent => NotifyErrorKind::Unavailable,
            NotifierFault::RateLimited(_) => NotifyErrorKind::RateLimited,
            NotifierFault::Unauthorized => NotifyErrorKind::Unauthorized,
            NotifierFault::Rejected => NotifyErrorKind::Rejected,
        }
    }
}

/// One notifier under test, which cleans up after itself when dropped. The suite builds one for each case.
#[async_trait]
pub trait NotifierHarness: Send + Sync {
    /// The capabilities. By default, it is observable and breakable, and it is faulty if it has [`Self::faults`].
    fn capabilities(&self) -> NotifierCapabilities {
        NotifierCapabilities { observable: true, breakable: true, faulty: !self.faults().is_empty() }
    }

    /// The notifier; at first it has delivered nothing.
    fn notifier(&self) -> Arc<dyn Notifier>;

    /// Everything that it has delivered, as text in any form that shows order ids and statuses. A delivery is added at the end.
    async fn delivered(&self) -> String;

    /// Makes its other side unreachable.
    async fn cut(&mut self);

    /// The ways in which its other side can fail. By default none.
    fn faults(&self) -> Vec<NotifierFault> {
        Vec::new()
    }

    /// Makes its other side fail in one of the ways of [`Self::faults`]; `None`: makes it work again.
    async fn fail(&mut self, fault: Option<NotifierFault>) {
        panic!("the harness has the fault {fault:?} and cannot make it");
    }

    /// Texts that the format of its deliveries reads as commands, such as `<b>`. A text of a client must not bring one.
    fn markup(&self) -> Vec<&'static str> {
        Vec::new()
    }

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
    run_cases!(
        "notifier",
        NonZeroUsize::MIN,
        fresh,
        cases::every_status_is_taken,
        cases::the_same_notification_is_taken_twice,
        cases::any_reason_and_any_recipients_are_taken,
        cases::two_at_the_same_time_are_taken,
        cases::a_revocation_and_a_notification_for_no_party_are_taken,
        cases::what_was_taken_is_handed_over needs observable,
        cases::the_notifications_of_an_order_arrive_in_their_order needs observable,
        cases::a_late_order_and_another_courier_have_texts_of_their_own needs observable,
        cases::texts_of_clients_are_escaped needs observable,
        cases::an_unreachable_other_side_is_a_retryable_error needs breakable,
        cases::each_fault_has_its_kind_and_its_wait needs faulty,
        cases::a_fault_leaves_nothing_behind needs faulty,
    )
}
