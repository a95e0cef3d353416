//! Sending a test message now.

use std::time::Duration;

use logistics_core::webhook::{
    EndpointId, MessageId, SendError, SendErrorKind, WebhookRequest, WebhookResponse, test_event,
};
use tokio::time::Instant;

use super::Webhooks;
use super::error::WebhookError;
use crate::principal::Principal;

/// The result of a test.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TestResult {
    /// The id of the message.
    pub message_id: MessageId,
    /// The answer, or why there is none.
    pub answer: Result<WebhookResponse, SendError>,
    /// Milliseconds from the start to the answer.
    pub took_ms: u64,
}

impl TestResult {
    /// The endpoint has accepted the message.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.answer.as_ref().is_ok_and(WebhookResponse::is_success)
    }
}

impl Webhooks {
    /// Sends one signed message of type `logistics.webhook.test` to the endpoint, enabled or not, and returns the answer. It is
    /// not repeated, and not part of the endpoint's statistics.
    ///
    /// # Errors
    /// [`WebhookError::NotFound`], also for another party's endpoint; [`WebhookError::NoSender`]; `Forbidden`; `NotReady`.
    pub async fn test(&self, principal: &Principal, id: &EndpointId) -> Result<TestResult, WebhookError> {
        let endpoint = self.own(principal, id)?;
        let sender = self.0.sender.as_ref().ok_or(WebhookError::NoSender)?;
        let at = self.0.clock.now();
        let message_id = MessageId::generate(at, rand::random());
        let body = test_event(id, message_id.as_str(), at);
        let began = Instant::now();
        let answer = if let Some(request) = WebhookRequest::signed(&endpoint, message_id.clone(), at, body) {
            let limit_ms = self.0.options.test_ms_max;
            let late = || SendError::new(SendErrorKind::Timeout, format!("no answer within {limit_ms} ms"));
            let sent = tokio::time::timeout(Duration::from_millis(limit_ms), sender.send(request)).await;
            sent.unwrap_or_else(|_| Err(late()))
        } else {
            let message = "this process cannot open the secret of the endpoint";
            Err(SendError::new(SendErrorKind::Secret, message))
        };
        let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        Ok(TestResult { message_id, answer, took_ms })
    }
}
