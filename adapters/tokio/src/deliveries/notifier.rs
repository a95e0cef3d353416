//! A notifier as the one receiver of a channel.

use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::BoxStream;
use logistics_core::EndpointId;
use logistics_core::delivery::{Attempt, AttemptOutcome, Problem, ReceiverChange, Receivers};
use logistics_core::notify::Notification;
use logistics_core::port::{Notifier, NotifyError, NotifyErrorKind};

/// A [`Notifier`] as the one endpoint of a channel. Its failures are retried with growing delays, and hold up neither the
/// position nor other orders.
///
/// The endpoint receives every notification, except those about revoked tracking links. A notification that the notifier rejects
/// for good is dead at once.
pub struct NotifierReceiver {
    endpoint: EndpointId,
    notifier: Arc<dyn Notifier>,
}

impl NotifierReceiver {
    /// The notifier as the endpoint with this id. What waits is stored with the id, so it must not change.
    #[must_use]
    pub fn new(endpoint: EndpointId, notifier: Arc<dyn Notifier>) -> Self {
        Self { endpoint, notifier }
    }
}

#[async_trait]
impl Receivers for NotifierReceiver {
    fn changes(&self) -> BoxStream<'static, ReceiverChange> {
        ReceiverChange::fixed([self.endpoint.clone()])
    }

    fn receivers(&self, notification: &Notification) -> Vec<EndpointId> {
        if notification.tracking_revoked { Vec::new() } else { vec![self.endpoint.clone()] }
    }

    async fn deliver(&self, attempt: Attempt) -> AttemptOutcome {
        match self.notifier.notify(&attempt.notification).await {
            Ok(()) => AttemptOutcome::Delivered,
            Err(error) => outcome_of(&error),
        }
    }
}

fn outcome_of(error: &NotifyError) -> AttemptOutcome {
    let problem = Problem::new(error.kind().code(), None);
    let retry_after_ms = error.retry_after_ms();
    match error.kind() {
        NotifyErrorKind::Deferred => AttemptOutcome::Deferred { problem, retry_after_ms },
        kind if kind.is_retryable() => AttemptOutcome::Failed { problem, retry_after_ms },
        _ => AttemptOutcome::Rejected { problem },
    }
}
