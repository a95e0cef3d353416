//! One attempt to deliver a notification, and its report.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt;
use logistics_core::notify::Notification;
use logistics_core::observe::{NotificationEnd, NotificationReport, Observer};
use logistics_core::port::{Clock, NotifyError, NotifyErrorKind};
use logistics_core::{Offset, TraceContext, TraceParent};
use tokio::time::{Instant, timeout};

use crate::clock::SystemClock;
use crate::error_text::panic_text;
use crate::partition_delivery::PartitionDelivery;

impl PartitionDelivery {
    /// The attempt of this `number`, from 1.
    pub(crate) async fn attempt(
        &self,
        offset: Offset,
        notification: &Notification,
        number: u32,
    ) -> Result<(), NotifyError> {
        let observers = &self.options.observers;
        if observers.is_empty() {
            return self.call(notification).await;
        }
        let parent = notification.trace.as_ref().and_then(TraceParent::context);
        let span = observers.new_span(parent);
        let traced = span.map(|span| within(notification, span));
        let (began, start) = (SystemClock.now(), Instant::now());
        let result = self.call(traced.as_ref().unwrap_or(notification)).await;
        let end = match &result {
            Ok(()) => NotificationEnd::Delivered,
            Err(error) if error.is_retryable() => NotificationEnd::Retried(error.kind()),
            Err(error) => NotificationEnd::Undeliverable(error.kind()),
        };
        let mut report = NotificationReport::new(&self.channel, self.partition, offset, end);
        report.order = Some((&notification.order_id, notification.version, notification.status));
        (report.attempt, report.began, report.elapsed) = (number, began, start.elapsed());
        report.age = Duration::from_millis(SystemClock.now().millis_since(notification.at));
        (report.span, report.parent) = (span, parent);
        observers.notification(&report);
        result
    }

    async fn call(&self, notification: &Notification) -> Result<(), NotifyError> {
        let limit = Duration::from_millis(self.options.notify_timeout_ms);
        let notified =
            AssertUnwindSafe(timeout(limit, self.notifier.notify(notification))).catch_unwind().await;
        match notified {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => {
                let message = format!("the notifier did not answer within {} ms", limit.as_millis());
                Err(NotifyError::new(NotifyErrorKind::Unavailable, message))
            }
            Err(panic) => {
                let message = format!("the notifier panicked: {}", panic_text(panic.as_ref()));
                Err(NotifyError::new(NotifyErrorKind::Invalid, message))
            }
        }
    }
}

/// The notification with the span of its attempt, which a notifier passes on, for example as a header.
fn within(notification: &Notification, span: TraceContext) -> Notification {
    let mut traced = notification.clone();
    traced.trace = Some(span.to_traceparent());
    traced
}
