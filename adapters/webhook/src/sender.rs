//! Sending a message over HTTP/1.1.

use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use bytes::BytesMut;
use hyper::header::{CONTENT_TYPE, HOST, HeaderName, HeaderValue, USER_AGENT};
use hyper::{Method, Request, Response, body::Incoming};
use logistics_core::webhook::{
    ID_HEADER, SIGNATURE_HEADER, SendError, SendErrorKind, TIMESTAMP_HEADER, WebhookRequest, WebhookResponse,
    WebhookSender,
};
use logistics_core::wire;
use tokio::time::{Instant, timeout_at};

use crate::body::{self, Body};
use crate::connect::{Connection, Connector};
use crate::options::SenderOptions;
use crate::pool::Pool;
use crate::resolve::{Resolve, SystemResolver};
use crate::retry_after::retry_after_ms;
use crate::target::Target;

const AGENT: &str = concat!("logistics/", env!("CARGO_PKG_VERSION"));

/// Sends messages over HTTP/1.1, to public addresses and over TLS, unless the options permit others.
///
/// It resolves a host once for each connection, checks every address, and connects to an address that it has checked. So a name
/// that changes its address after the check gains nothing. It follows no redirect and uses no proxy.
pub struct HttpSender {
    connector: Connector,
    pool: Pool,
    options: SenderOptions,
}

/// The sender cannot start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("webhooks cannot be sent: {0}")]
#[non_exhaustive]
pub struct CannotSend(String);

impl HttpSender {
    /// With the resolver of the system.
    ///
    /// # Errors
    /// [`CannotSend`] if the system has no trusted certificates.
    pub fn new(options: SenderOptions) -> Result<Self, CannotSend> {
        Self::with_resolver(options, Arc::new(SystemResolver::default()))
    }

    /// With another resolver.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_resolver(options: SenderOptions, resolver: Arc<dyn Resolve>) -> Result<Self, CannotSend> {
        let connector = Connector::new(resolver, &options).map_err(CannotSend)?;
        Ok(Self { connector, pool: Pool::default(), options })
    }

    async fn exchange(&self, request: &WebhookRequest, until: Instant) -> Result<WebhookResponse, SendError> {
        let target = Target::of(&request.url, self.options.allow_http)?;
        let timed_out = |_| SendError::new(SendErrorKind::Timeout, "the endpoint did not answer in time");
        let (connection, response) =
            timeout_at(until, self.respond(&target, request)).await.map_err(timed_out)??;
        let (head, incoming) = response.into_parts();
        let retry_after_ms = retry_after_ms(&head.headers, SystemTime::now());
        // The status decides. A body that does not end costs the connection only.
        let mut excerpt = BytesMut::new();
        let reading = body::read(incoming, &mut excerpt, request.excerpt_bytes_max);
        let length = timeout_at(until, reading).await.ok().flatten();
        if length.is_some() {
            self.pool.put(&target.origin, connection);
        }
        let is_whole = length == Some(excerpt.len());
        let (status, excerpt) = (head.status.as_u16(), excerpt.freeze());
        Ok(WebhookResponse { status, retry_after_ms, excerpt, is_whole })
    }

    /// Sends the request, and waits for the head of the answer.
    async fn respond(
        &self,
        target: &Target,
        request: &WebhookRequest,
    ) -> Result<(Connection, Response<Incoming>), SendError> {
        let mut message = message(target, request)?;
        if let Some(mut connection) = self.pool.take(&target.origin) {
            match connection.sender.try_send_request(message).await {
                Ok(response) => return Ok((connection, response)),
                // The idle connection was closed before anything was sent.
                Err(mut error) => message = error.take_message().ok_or_else(broken)?,
            }
        }
        let mut connection = self.connector.connect(&target.origin).await?;
        let response = connection.sender.send_request(message).await.map_err(|_| broken())?;
        Ok((connection, response))
    }
}

fn broken() -> SendError {
    SendError::new(SendErrorKind::Protocol, "the endpoint closed the connection without a valid answer")
}

fn message(target: &Target, request: &WebhookRequest) -> Result<Request<Body>, SendError> {
    let text = |text: &str| HeaderValue::from_str(text);
    let seconds = request.at.as_millis() / 1000;
    let build = || -> Result<Request<Body>, hyper::http::Error> {
        Request::builder()
            .method(Method::POST)
            .uri(&target.path)
            .header(HOST, target.host.clone())
            .header(USER_AGENT, HeaderValue::from_static(AGENT))
            .header(CONTENT_TYPE, HeaderValue::from_static(wire::CONTENT_TYPE))
            .header(HeaderName::from_static(ID_HEADER), text(request.message_id.as_str())?)
            .header(HeaderName::from_static(TIMESTAMP_HEADER), HeaderValue::from(seconds))
            .header(HeaderName::from_static(SIGNATURE_HEADER), text(&request.signature)?)
            .body(Body::new(request.body.clone()))
    };
    build().map_err(|_| SendError::new(SendErrorKind::NotPermitted, "the URL cannot be requested"))
}

#[async_trait]
impl WebhookSender for HttpSender {
    async fn send(&self, request: WebhookRequest) -> Result<WebhookResponse, SendError> {
        self.exchange(&request, Instant::now() + self.options.time_limit()).await
    }
}
