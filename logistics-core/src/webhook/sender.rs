//! The port that sends a message to an endpoint.

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;

use super::endpoint::Endpoint;
use super::secret::Secret;
use super::sign::sign;
use super::url::EndpointUrl;
use crate::ids::{MessageId, Timestamp};
use crate::named::named;

/// Bytes of an answer's body that are kept if nothing needs it.
pub const EXCERPT_BYTES_MAX: usize = 1_024;

/// One attempt to deliver a message.
///
/// Exhaustive: adding a field is a breaking change ([why](crate::port#exhaustive-types)).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookRequest {
    /// Where to send it.
    pub url: EndpointUrl,
    /// `webhook-id`.
    pub message_id: MessageId,
    /// The time of the attempt: `webhook-timestamp` has its seconds.
    pub at: Timestamp,
    /// `webhook-signature`: [`sign`](super::sign) over the three.
    pub signature: String,
    /// The body, of type `application/cloudevents+json`.
    pub body: Bytes,
    /// Bytes of the answer's body that are kept at most.
    pub excerpt_bytes_max: usize,
}

impl WebhookRequest {
    /// The attempt to send this body to an endpoint, signed with its secrets of this time. `None`: it has no usable secret, and
    /// nothing is sent unsigned.
    #[must_use]
    pub fn signed(endpoint: &Endpoint, message_id: MessageId, at: Timestamp, body: Bytes) -> Option<Self> {
        let secrets: Vec<&Secret> = endpoint.signing_secrets(at).collect();
        if secrets.is_empty() {
            return None;
        }
        let signature = sign(secrets, &message_id, at, &body);
        let (url, excerpt_bytes_max) = (endpoint.settings.url.clone(), EXCERPT_BYTES_MAX);
        Some(Self { url, message_id, at, signature, body, excerpt_bytes_max })
    }
}

/// The answer of an endpoint.
///
/// Exhaustive: adding a field is a breaking change ([why](crate::port#exhaustive-types)).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookResponse {
    /// The HTTP status.
    pub status: u16,
    /// The wait that the endpoint requires (`Retry-After`), in milliseconds.
    pub retry_after_ms: Option<u64>,
    /// The beginning of the answer's body. The endpoint writes it: escape it for an output's format.
    pub excerpt: Bytes,
    /// `excerpt` is the whole body.
    pub is_whole: bool,
}

impl WebhookResponse {
    /// The endpoint has accepted the message: the status is 2xx.
    #[must_use]
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

named! {
    /// Why there is no answer.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    #[non_exhaustive]
    pub enum SendErrorKind {
        /// The settings of the process do not permit this URL, for example `http`.
        NotPermitted => "not_permitted",
        /// The host has no address.
        Resolve => "resolve",
        /// The host has an address that is not public.
        PrivateAddress => "private_address",
        /// No connection.
        Connect => "connect",
        /// No TLS, for example for an invalid certificate.
        Tls => "tls",
        /// No answer within the time limit.
        Timeout => "timeout",
        /// The connection ended early, or the answer is not HTTP.
        Protocol => "protocol",
        /// No usable secret: the message would be unsigned, so it was not sent.
        Secret => "secret",
    }
    /// The kind as text, in lower case with underscores. It never changes.
    pub fn code;
}

/// A message that got no answer: the kind of the failure, and a sentence for the endpoint's owner, without addresses.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SendError {
    kind: SendErrorKind,
    message: String,
}

impl SendError {
    /// An error of this kind, with a sentence for people.
    pub fn new(kind: SendErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// The kind of the failure.
    #[must_use]
    pub fn kind(&self) -> SendErrorKind {
        self.kind
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for SendError {}

/// Sends messages to endpoints.
///
/// To be correct, an adapter sends each message at most once per call, follows no redirect, ends within a bounded time, and
/// connects to an address that it has checked. It neither retries nor queues.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait WebhookSender: Send + Sync {
    /// Sends one message. Any answer is `Ok`, whatever its status is.
    ///
    /// # Errors
    /// [`SendError`] without an answer. The endpoint may have received the message nevertheless.
    async fn send(&self, request: WebhookRequest) -> Result<WebhookResponse, SendError>;
}
