//! One attempt to deliver a message.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use logistics_core::delivery::{AttemptOutcome, Problem};
use logistics_core::notify::Notification;
use logistics_core::observe::{NotificationEnd, NotificationReport, Observer, Observers};
use logistics_core::port::{Clock, NotifyErrorKind};
use logistics_core::webhook::{
    EndpointId, MessageId, Secret, WebhookRequest, WebhookResponse, WebhookSender, order_event, sign,
};
use logistics_core::{Offset, Partition, TraceParent};
use tokio::time::{Instant, timeout};

use crate::driver::CHANNEL;
use crate::registry::Registry;

/// What every attempt needs.
#[derive(Clone)]
pub(crate) struct Attempts {
    pub(crate) registry: Registry,
    pub(crate) sender: Arc<dyn WebhookSender>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) observers: Observers,
    pub(crate) public_url: Option<Arc<str>>,
    /// The time limit of a sender that keeps none.
    pub(crate) limit: Duration,
}

/// What is sent, and why it is reported.
pub(crate) struct Attempt {
    pub(crate) partition: Partition,
    pub(crate) offset: Offset,
    pub(crate) endpoint: EndpointId,
    pub(crate) notification: Arc<Notification>,
    pub(crate) number: u32,
}

impl Attempts {
    pub(crate) async fn run(&self, attempt: &Attempt) -> AttemptOutcome {
        let Attempt { notification, .. } = attempt;
        let parent = notification.trace.as_ref().and_then(TraceParent::context);
        let span = self.observers.new_span(parent);
        let (began, start) = (self.clock.now(), Instant::now());
        let mut traced = None;
        if let Some(span) = span {
            let mut notification = (**notification).clone();
            notification.trace = Some(span.to_traceparent());
            traced = Some(notification);
        }
        let sent = self.send(&attempt.endpoint, traced.as_ref().unwrap_or(notification));
        let sent = AssertUnwindSafe(timeout(self.limit, sent)).catch_unwind().await;
        let outcome = match sent {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => failed(Problem::new("timeout", None), None),
            Err(_) => failed(Problem::new("panic", None), None),
        };
        let end = match &outcome {
            AttemptOutcome::Delivered => NotificationEnd::Delivered,
            AttemptOutcome::Failed { problem, .. } => NotificationEnd::Retried(kind(problem)),
            // The end of the delivery itself is reported by the driver.
            _ => NotificationEnd::Retried(NotifyErrorKind::Rejected),
        };
        let mut report = NotificationReport::new(CHANNEL, attempt.partition, attempt.offset, end);
        report.order = Some((&notification.order_id, notification.version, notification.status));
        (report.attempt, report.began, report.elapsed) = (attempt.number, began, start.elapsed());
        report.age = Duration::from_millis(self.clock.now().millis_since(notification.at));
        (report.span, report.parent) = (span, parent);
        self.observers.notification(&report);
        outcome
    }

    async fn send(&self, id: &EndpointId, notification: &Notification) -> AttemptOutcome {
        let Some(endpoint) = self.registry.endpoint(id) else {
            return failed(Problem::new("unknown_endpoint", None), None);
        };
        if !endpoint.is_enabled() {
            return failed(Problem::new("disabled", None), None);
        }
        let at = self.clock.now();
        let secrets: Vec<&Secret> = endpoint.signing_secrets(at).collect();
        if secrets.is_empty() {
            return failed(Problem::new("secret", None), None);
        }
        let body = order_event(notification, &endpoint.owner, self.public_url.as_deref());
        let message_id = MessageId::of(&notification.order_id, notification.version, id);
        let signature = sign(secrets, &message_id, at, &body);
        let url = endpoint.settings.url.clone();
        match self.sender.send(WebhookRequest { url, message_id, at, signature, body }).await {
            Ok(response) => outcome_of(&response),
            Err(error) => failed(Problem::new(error.kind().code(), None), None),
        }
    }
}

fn outcome_of(response: &WebhookResponse) -> AttemptOutcome {
    match response.status {
        200..=299 => AttemptOutcome::Delivered,
        410 => AttemptOutcome::Gone,
        status => failed(Problem::new("status", Some(status)), response.retry_after_ms),
    }
}

fn failed(problem: Problem, retry_after_ms: Option<u64>) -> AttemptOutcome {
    AttemptOutcome::Failed { problem, retry_after_ms }
}

fn kind(problem: &Problem) -> NotifyErrorKind {
    match problem.status {
        Some(429) => NotifyErrorKind::RateLimited,
        Some(401 | 403) => NotifyErrorKind::Unauthorized,
        Some(300..=499) => NotifyErrorKind::Rejected,
        _ => NotifyErrorKind::Unavailable,
    }
}
