//! One attempt to deliver a notification, observed and bounded in time.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use logistics_core::delivery::{Attempt, AttemptOutcome, Problem, Receivers};
use logistics_core::notify::Notification;
use logistics_core::observe::{NotificationEnd, NotificationReport, Observer, Observers};
use logistics_core::port::{Clock, NotifyErrorKind};
use logistics_core::{ChannelName, EndpointId, Offset, Partition, TraceParent};
use tokio::time::{Instant, timeout};

/// What every attempt needs.
#[derive(Clone)]
pub(super) struct Attempts {
    pub(super) channel: ChannelName,
    pub(super) receivers: Arc<dyn Receivers>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) observers: Observers,
    /// The time limit of receivers that keep none.
    pub(super) limit: Duration,
}

/// What is delivered, and why it is reported.
pub(super) struct Due {
    pub(super) partition: Partition,
    pub(super) offset: Offset,
    pub(super) endpoint: EndpointId,
    pub(super) notification: Arc<Notification>,
    pub(super) number: u32,
}

impl Attempts {
    pub(super) async fn run(&self, due: Due) -> AttemptOutcome {
        let Due { partition, offset, endpoint, notification, number } = due;
        let parent = notification.trace.as_ref().and_then(TraceParent::context);
        let span = self.observers.new_span(parent);
        let (began, start) = (self.clock.now(), Instant::now());
        let mut traced = notification.clone();
        if let Some(span) = span {
            Arc::make_mut(&mut traced).trace = Some(span.to_traceparent());
        }
        let attempt = self.receivers.deliver(Attempt { endpoint, notification: traced, number });
        let outcome = match AssertUnwindSafe(timeout(self.limit, attempt)).catch_unwind().await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => failed("timeout"),
            Err(_) => failed("panic"),
        };
        let end = match &outcome {
            // No result yet: neither an accepted notification nor a failure.
            AttemptOutcome::Postponed { .. } => return outcome,
            AttemptOutcome::Delivered => NotificationEnd::Delivered,
            AttemptOutcome::Failed { problem, .. } | AttemptOutcome::Deferred { problem, .. } => {
                NotificationEnd::Retried(kind(problem))
            }
            // The end of the delivery itself is reported by the driver.
            _ => NotificationEnd::Retried(NotifyErrorKind::Rejected),
        };
        let mut report = NotificationReport::new(self.channel.as_str(), partition, offset, end);
        report.order = Some((&notification.order_id, notification.version, notification.status));
        (report.attempt, report.began, report.elapsed) = (number, began, start.elapsed());
        report.age = Duration::from_millis(self.clock.now().millis_since(notification.at));
        (report.span, report.parent) = (span, parent);
        self.observers.notification(&report);
        outcome
    }
}

fn failed(code: &str) -> AttemptOutcome {
    AttemptOutcome::Failed { problem: Problem::new(code, None), retry_after_ms: None }
}

/// The kind of a failure that is retried, for the metrics.
fn kind(problem: &Problem) -> NotifyErrorKind {
    let mut retryable = NotifyErrorKind::ALL.into_iter().filter(|kind| kind.is_retryable());
    let named = retryable.find(|kind| kind.code() == problem.code);
    match problem.status {
        Some(429) => NotifyErrorKind::RateLimited,
        Some(401 | 403) => NotifyErrorKind::Unauthorized,
        Some(300..=499) => NotifyErrorKind::Rejected,
        _ => named.unwrap_or(NotifyErrorKind::Unavailable),
    }
}
