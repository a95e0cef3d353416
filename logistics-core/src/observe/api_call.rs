//! Calls of interfaces, such as the HTTP API.

use std::time::Duration;

use crate::ids::Timestamp;
use crate::trace::TraceContext;

/// Where a call of an interface goes. Both texts come from the interface and never from a client, so their number is bounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ApiRoute {
    /// The method, such as `POST`. `_OTHER` for a method that the interface does not know.
    pub method: &'static str,
    /// The template of the path, such as `/orders/{id}`. Empty if no route matches.
    pub route: &'static str,
}

/// A call of an interface that ended.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct ApiCall<'a> {
    /// Where it went.
    pub route: ApiRoute,
    /// The HTTP status of the reply; 499 if the client disconnected before it.
    pub status: u16,
    /// The code of the failure, such as `rate_limited`; `None`: success.
    pub error: Option<&'static str>,
    /// When it began.
    pub began: Timestamp,
    /// From its head to its reply.
    pub elapsed: Duration,
    /// Bytes of the request's body that were read.
    pub request_bytes: u64,
    /// Bytes of the reply's body. 0 for a stream.
    pub response_bytes: u64,
    /// The span of the call, if there are traces.
    pub span: Option<TraceContext>,
    /// The client's span.
    pub parent: Option<TraceContext>,
    /// The client's `tracestate`, which may be malformed. Empty without a parent.
    pub trace_state: &'a str,
    /// The call's `X-Request-Id`.
    pub request_id: &'a str,
}

impl<'a> ApiCall<'a> {
    /// A call without sizes and spans. The fields are public: set what else it has.
    #[must_use]
    pub fn new(
        route: ApiRoute,
        status: u16,
        error: Option<&'static str>,
        began: Timestamp,
        elapsed: Duration,
    ) -> Self {
        Self {
            route,
            status,
            error,
            began,
            elapsed,
            request_bytes: 0,
            response_bytes: 0,
            span: None,
            parent: None,
            trace_state: "",
            request_id: "",
        }
    }
}
