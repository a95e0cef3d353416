//! Error replies: JSON with a sentence and a code.

use std::borrow::Cow;

use bytes::Bytes;
use hyper::header::{ALLOW, ETAG, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use hyper::http::StatusCode;
use logistics_core::TraceContext;
use logistics_core::{Rejection, Status, Version};
use logistics_service::{AuthError, Principal, ServiceError, WebhookError};
use serde::Serialize;
use warp::reply::Response;

use crate::output::reply;

/// Seconds in `Retry-After`.
const RETRY_AFTER_S: &str = "1";

/// The codes of [`Rejection::NotPermitted`] and [`Rejection::AssignmentNotPermitted`].
const NOT_PERMITTED: [&str; 2] = ["not_permitted", "assignment_not_permitted"];

type Text = Cow<'static, str>;

/// The code of an error reply, as an extension of the reply. The report of the request takes it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ErrorCode(pub(crate) &'static str);

/// An error reply.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    status: StatusCode,
    header: Option<(HeaderName, HeaderValue)>,
    /// Boxed to keep the results of the handlers small.
    body: Box<Body>,
}

#[derive(Debug, Clone, Serialize)]
struct Body {
    error: Text,
    code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<Text>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<Text>,
    #[serde(skip_serializing_if = "Option::is_none")]
    allowed_transitions: Option<Vec<Status>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    current_version: Option<Version>,
    /// 32 hexadecimal digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<String>,
}

impl Failure {
    pub(crate) fn new(status: StatusCode, code: &'static str, error: impl Into<Text>) -> Self {
        let body = Body {
            error: error.into(),
            code,
            field: None,
            hint: None,
            allowed_transitions: None,
            current_version: None,
            trace_id: None,
        };
        Self { status, header: None, body: Box::new(body) }
    }

    /// 400: one field, parameter or header is invalid.
    pub(crate) fn invalid(field: impl Into<Text>, problem: impl std::fmt::Display) -> Self {
        let field = field.into();
        Self::new(StatusCode::BAD_REQUEST, "invalid_request", format!("{field}: {problem}")).field(field)
    }

    /// 403: the request comes from a page of another site.
    pub(crate) fn foreign_site() -> Self {
        let error = "This API is closed to pages of other sites";
        let failure = Self::new(StatusCode::FORBIDDEN, "foreign_origin", error).field("Origin");
        failure.hint("The server's --cors-origin allows an origin")
    }

    /// 421: the server does not have this name.
    pub(crate) fn foreign_host() -> Self {
        let error = "This server has no such Host";
        let failure = Self::new(StatusCode::MISDIRECTED_REQUEST, "foreign_host", error).field("Host");
        failure.hint("The server's --allowed-host allows a name")
    }

    pub(crate) fn unknown_path() -> Self {
        let failure = Self::new(StatusCode::NOT_FOUND, "unknown_path", "There is no such path");
        failure.hint("/openapi.json lists every path")
    }

    /// The same, at a server that serves its health only.
    pub(crate) fn health_alone() -> Self {
        let failure = Self::new(StatusCode::NOT_FOUND, "unknown_path", "There is no such path");
        failure
            .hint("This process serves /health/live, /health/ready and /metrics; the API runs in a different process")
    }

    /// 501: the server has no feed.
    pub(crate) fn without_streams() -> Self {
        let failure = Self::new(StatusCode::NOT_IMPLEMENTED, "no_streams", "This server has no live streams");
        failure.hint("GET /orders/{id}/events without Accept: text/event-stream has the history of an order")
    }

    /// 405: the path has the methods in `allow`.
    pub(crate) fn method_not_allowed(allow: &'static str) -> Self {
        let error = format!("This path does not have this method; it has {allow}");
        let failure = Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", error);
        failure.header(ALLOW, HeaderValue::from_static(allow))
    }

    /// The processor decided and rejected the request.
    /// No credential. RFC 6750 permits no error code in this challenge.
    fn no_credential() -> Self {
        let failure =
            Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", "This request needs a credential");
        failure
            .header(WWW_AUTHENTICATE, HeaderValue::from_static(r#"Bearer realm="logistics""#))
            .hint("Send Authorization: Bearer with a token or an API key")
    }

    /// A credential that is not accepted. The reply does not say why; the server's log does.
    pub(crate) fn invalid_credential() -> Self {
        let failure =
            Self::new(StatusCode::UNAUTHORIZED, "invalid_credential", "The credential is not accepted");
        let challenge = r#"Bearer realm="logistics", error="invalid_token""#;
        failure.header(WWW_AUTHENTICATE, HeaderValue::from_static(challenge))
    }

    /// 429: the caller has used its quota.
    pub(crate) fn rate_limited(retry_after_s: u64) -> Self {
        let sentence = "This caller has used its quota of requests";
        let failure = Self::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", sentence);
        failure.header(RETRY_AFTER, HeaderValue::from(retry_after_s)).hint(
            "Nothing was changed; wait for the seconds of Retry-After. RateLimit in each reply shows what is left",
        )
    }

    fn rejected(rejection: &Rejection) -> Self {
        let of = |status| Self::new(status, rejection.code(), capitalised(&rejection.to_string()));
        match rejection {
            Rejection::NotFound => ServiceError::NotFound.into(),
            Rejection::StaleVersion { current, .. } => {
                let mut failure = of(StatusCode::PRECONDITION_FAILED).field("If-Match");
                failure.body.current_version = Some(*current);
                failure
                    .header(ETAG, reply::etag(*current))
                    .hint("Read the order again and retry with its version")
            }
            Rejection::IdConflict => of(StatusCode::UNPROCESSABLE_ENTITY)
                .field("Idempotency-Key")
                .hint("Use a new key for a new request, or send the same body again"),
            _ => {
                let mut failure = of(StatusCode::CONFLICT);
                failure.body.allowed_transitions = rejection.allowed().map(<[Status]>::to_vec);
                failure
            }
        }
    }

    pub(crate) fn field(mut self, field: impl Into<Text>) -> Self {
        self.body.field = Some(field.into());
        self
    }

    pub(crate) fn hint(mut self, hint: impl Into<Text>) -> Self {
        self.body.hint = Some(hint.into());
        self
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    pub(crate) fn code(&self) -> &'static str {
        self.body.code
    }

    /// The failure as the caller gets it. The table permits the transition to other actors: for an authenticated party, that is
    /// 403; without authentication, a caller may be any actor, so it is a conflict.
    pub(crate) fn to(mut self, caller: &Principal) -> Self {
        let is_party = caller.authenticated().is_some() && !caller.is_privileged();
        if is_party && NOT_PERMITTED.contains(&self.body.code) {
            self.status = StatusCode::FORBIDDEN;
        }
        self
    }

    /// The failure of a request with this context. The id of its trace leads from the reply to the spans and log lines.
    pub(crate) fn traced(mut self, context: Option<TraceContext>) -> Self {
        self.body.trace_id = context.map(TraceContext::trace_id_hex);
        self
    }

    /// The failure is not the client's.
    pub(crate) fn is_server_error(&self) -> bool {
        self.status.is_server_error()
    }

    pub(crate) fn into_response(self) -> Response {
        // Texts and numbers always serialize.
        let json = serde_json::to_vec(&self.body).unwrap_or_default();
        let mut response = reply::json(self.status, Bytes::from(json));
        response.extensions_mut().insert(ErrorCode(self.body.code));
        self.add_header(&mut response);
        response
    }

    /// Adds the header that belongs to the failure, if there is one.
    pub(crate) fn add_header(&self, response: &mut Response) {
        if let Some((name, value)) = self.header.clone() {
            response.headers_mut().insert(name, value);
        }
    }

    fn retry(self) -> Self {
        self.header(RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_S))
    }

    pub(crate) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.header = Some((name, value));
        self
    }
}

impl From<AuthError> for Failure {
    fn from(error: AuthError) -> Self {
        match error {
            AuthError::Missing => Self::no_credential(),
            AuthError::TooManyFailures { retry_after_s } => {
                let sentence = "Too many failed logins; wait before the next one";
                Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_failed_logins", sentence)
                    .header(RETRY_AFTER, HeaderValue::from(retry_after_s))
            }
            AuthError::Unavailable(_) => {
                let sentence = "The credential cannot be verified now";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", sentence).retry()
            }
            // `AuthError` is non-exhaustive. Whatever is not known is not accepted.
            _ => Self::invalid_credential(),
        }
    }
}

impl From<ServiceError> for Failure {
    fn from(error: ServiceError) -> Self {
        let of = |status| Self::new(status, error.code(), error.to_string());
        let failure = match &error {
            ServiceError::Rejected(rejection) => Self::rejected(rejection),
            ServiceError::Invalid { field, .. } => of(StatusCode::BAD_REQUEST).field(*field),
            ServiceError::ReservedActor => of(StatusCode::FORBIDDEN)
                .field("actor")
                .hint("Use customer, merchant, courier or operator"),
            ServiceError::Forbidden => of(StatusCode::FORBIDDEN),
            ServiceError::ForeignParty { field } => of(StatusCode::FORBIDDEN).field(*field),
            ServiceError::NotFound | ServiceError::NoTracking => of(StatusCode::NOT_FOUND),
            ServiceError::LinkEnded => of(StatusCode::GONE),
            ServiceError::UnknownPartition { .. } => of(StatusCode::NOT_FOUND).field("partition"),
            ServiceError::OutcomeUnknown => of(StatusCode::NOT_FOUND).hint(
                "An accepted request is decided later; a rejection is kept for some minutes only",
            ),
            ServiceError::TooLarge => of(StatusCode::PAYLOAD_TOO_LARGE),
            ServiceError::TooManyReaders => of(StatusCode::TOO_MANY_REQUESTS)
                .hint("Requests that wait for a record (Prefer: wait=N) count too"),
            ServiceError::TooManyStreams => {
                of(StatusCode::SERVICE_UNAVAILABLE).hint("Another server may have room; reconnect later")
            }
            ServiceError::TooManyStreamsOfCaller => of(StatusCode::TOO_MANY_REQUESTS)
                .hint("Close streams that are not needed; one WebSocket at /live serves many orders"),
            ServiceError::Rebuilding => of(StatusCode::SERVICE_UNAVAILABLE)
                .hint("The store is being rebuilt from the log; nothing is lost"),
            ServiceError::Unavailable => of(StatusCode::SERVICE_UNAVAILABLE).hint(
                "The log may hold the request all the same; with an Idempotency-Key or If-Match it is safe to repeat",
            ),
            ServiceError::CircuitOpen { retry_after_s } => {
                return of(StatusCode::SERVICE_UNAVAILABLE)
                    .header(RETRY_AFTER, HeaderValue::from(*retry_after_s))
                    .hint("Nothing was changed; repeat the request after the seconds of Retry-After");
            }
            ServiceError::Overloaded => of(StatusCode::SERVICE_UNAVAILABLE)
                .hint("Nothing was changed; repeat the request"),
            ServiceError::Behind => of(StatusCode::SERVICE_UNAVAILABLE)
                .hint("Nothing was changed; repeat the placement later. Transitions and reads go on"),
            // `ServiceError` is non-exhaustive.
            _ => of(StatusCode::SERVICE_UNAVAILABLE),
        };
        if error.is_retryable() { failure.retry() } else { failure }
    }
}

impl From<WebhookError> for Failure {
    fn from(error: WebhookError) -> Self {
        let of = |status| Self::new(status, error.code(), error.to_string());
        let failure = match &error {
            WebhookError::Service(error) => return error.clone().into(),
            WebhookError::NotFound => of(StatusCode::NOT_FOUND),
            WebhookError::Stale { current, .. } => {
                let mut failure = of(StatusCode::PRECONDITION_FAILED).field("If-Match");
                failure.body.current_version = Some(*current);
                failure
                    .header(ETAG, reply::etag(*current))
                    .hint("Read the endpoint again and retry with its version")
            }
            WebhookError::KeyConflict => of(StatusCode::UNPROCESSABLE_ENTITY).field("Idempotency-Key"),
            WebhookError::TooMany | WebhookError::Full => of(StatusCode::CONFLICT).hint("Delete one first"),
            WebhookError::NoSender => of(StatusCode::NOT_IMPLEMENTED),
            // `WebhookError` is non-exhaustive.
            _ => of(StatusCode::SERVICE_UNAVAILABLE),
        };
        if error.is_retryable() { failure.retry() } else { failure }
    }
}

fn capitalised(sentence: &str) -> String {
    let mut chars = sentence.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
