//! Replies that say what went wrong: always JSON, always a sentence and a code.

use std::borrow::Cow;

use bytes::Bytes;
use hyper::header::{ALLOW, ETAG, HeaderName, HeaderValue, RETRY_AFTER};
use hyper::http::StatusCode;
use logistics_core::port::PortErrorKind;
use logistics_core::{Rejection, Status, Version};
use serde::Serialize;
use warp::reply::Response;

use crate::readers::READERS_MAX;
use crate::reply;

/// Seconds after which a client is told to try again.
const RETRY_AFTER_S: &str = "1";

/// The code of [`Failure::overloaded`].
const OVERLOADED: &str = "overloaded";

type Text = Cow<'static, str>;

/// Why a request is not answered as it was meant.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    status: StatusCode,
    header: Option<(HeaderName, HeaderValue)>,
    /// Boxed: failures are rare, and every handler's result has room for one.
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
        };
        Self { status, header: None, body: Box::new(body) }
    }

    /// A 400 about one field, parameter or header.
    pub(crate) fn invalid(field: impl Into<Text>, problem: impl std::fmt::Display) -> Self {
        let field = field.into();
        Self::new(StatusCode::BAD_REQUEST, "invalid_request", format!("{field}: {problem}")).field(field)
    }

    /// 404: the request is not decided yet, or its outcome has expired, or it was never sent.
    pub(crate) fn undecided() -> Self {
        let error = "The outcome of this request is not known";
        let failure = Self::new(StatusCode::NOT_FOUND, "outcome_unknown", error).retry();
        failure
            .hint("A request that was accepted is decided later; a rejection is kept for some minutes only")
    }

    /// 403: a page of another site.
    pub(crate) fn foreign_site() -> Self {
        let error = "Pages of other sites may not use this API";
        let failure = Self::new(StatusCode::FORBIDDEN, "foreign_origin", error).field("Origin");
        failure.hint("The server's --cors-origin allows an origin")
    }

    /// 421: the name is not one of this server's.
    pub(crate) fn foreign_host() -> Self {
        let error = "This server does not serve this Host";
        let failure = Self::new(StatusCode::MISDIRECTED_REQUEST, "foreign_host", error).field("Host");
        failure.hint("The server's --allowed-host allows a name")
    }

    /// 403: only the timers of the processor act as the system.
    pub(crate) fn reserved_actor() -> Self {
        let error = "actor: system is reserved for the service's own timers";
        let failure = Self::new(StatusCode::FORBIDDEN, "reserved_actor", error).field("actor");
        failure.hint("Use customer, merchant, courier or operator")
    }

    pub(crate) fn order_not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "Order not found")
    }

    pub(crate) fn unknown_path() -> Self {
        let failure = Self::new(StatusCode::NOT_FOUND, "unknown_path", "There is nothing at this path");
        failure.hint("/openapi.json lists every path")
    }

    /// The same, at a server that says how it is and nothing else.
    pub(crate) fn health_alone() -> Self {
        let failure = Self::new(StatusCode::NOT_FOUND, "unknown_path", "There is nothing at this path");
        failure.hint("This process has /health/live and /health/ready; the API is another one's")
    }

    /// `allow`: the methods that the path has.
    pub(crate) fn method_not_allowed(allow: &'static str) -> Self {
        let error = format!("This path does not have this method; it has {allow}");
        let failure = Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", error);
        failure.header(ALLOW, HeaderValue::from_static(allow))
    }

    /// 503: nobody can tell yet.
    pub(crate) fn not_ready() -> Self {
        let error = "It is not known yet whether there is such an order";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", error).retry()
    }

    /// 503: the store is an older copy, or it is being rebuilt.
    pub(crate) fn rebuilding() -> Self {
        let error = "The store holds an older state than was served before";
        let failure = Self::new(StatusCode::SERVICE_UNAVAILABLE, "rebuilding", error).retry();
        failure.hint("The store is being rebuilt from the log; nothing is lost")
    }

    /// 503: the log or the store does not answer.
    pub(crate) fn unavailable() -> Self {
        let error = "The service cannot reach its log or its store at the moment";
        let failure = Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", error).retry();
        failure.hint("A request that changes something may have been taken all the same; an Idempotency-Key or If-Match makes it safe to repeat")
    }

    /// 503: requests and replies hold as many bytes as they may.
    pub(crate) fn overloaded() -> Self {
        let error = "The server has too much under way at the moment";
        let failure = Self::new(StatusCode::SERVICE_UNAVAILABLE, OVERLOADED, error).retry();
        failure.hint("Nothing was changed; the same request can be sent again")
    }

    pub(crate) fn is_overloaded(&self) -> bool {
        self.body.code == OVERLOADED
    }

    /// 429: as many requests read the log as may.
    pub(crate) fn too_many_readers() -> Self {
        let error = format!("{READERS_MAX} requests read the log already");
        let failure = Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_readers", error).retry();
        failure.hint("A request that waits for a record (Prefer: wait=N) is one of them")
    }

    /// What a port's failure is to a client: the kind and no more, because the sentence names what is inside.
    pub(crate) fn of_port(kind: PortErrorKind) -> Self {
        match kind {
            PortErrorKind::StorageFull => {
                let error = "There is no room left to store anything";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "storage_full", error).retry()
            }
            PortErrorKind::TooLarge => {
                let error = "The request is larger than the log takes";
                Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", error)
            }
            _ => Self::unavailable(),
        }
    }

    /// A request that was decided against.
    pub(crate) fn rejected(rejection: &Rejection) -> Self {
        let of = |status| Self::new(status, rejection.code(), capitalised(&rejection.to_string()));
        match rejection {
            Rejection::NotFound => Self::order_not_found(),
            Rejection::StaleVersion { current, .. } => {
                let mut failure = of(StatusCode::PRECONDITION_FAILED).field("If-Match");
                failure.body.current_version = Some(*current);
                failure.header(ETAG, reply::etag(*current)).hint("Read the order again and decide anew")
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

    pub(crate) fn into_response(self) -> Response {
        // Nothing in the body fails to serialize: texts and numbers only.
        let json = serde_json::to_vec(&self.body).unwrap_or_default();
        let mut response = reply::json(self.status, Bytes::from(json));
        if let Some((name, value)) = self.header {
            response.headers_mut().insert(name, value);
        }
        response
    }

    fn retry(self) -> Self {
        self.header(RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_S))
    }

    fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.header = Some((name, value));
        self
    }
}

fn capitalised(sentence: &str) -> String {
    let mut chars = sentence.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
