//! Reports each request to the API to the observers of the service.

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Buf;
use hyper::body::Body;
use hyper::header::HeaderValue;
use hyper::http::Method;
use logistics_core::TraceContext;
use logistics_core::observe::{ApiCall, ApiRoute, Observer, Observers};
use logistics_core::{Timestamp, TraceParent};
use logistics_service::OrderService;
use tokio::time::Instant;
use tracing::Span;
use warp::reply::Response;

use crate::handle::Call;
use crate::input::header;
use crate::output::failure::ErrorCode;
use crate::route::Resource;

/// The outcome of a request whose client disconnected before the reply, or that the end of the server cut off. The status is
/// that of nginx.
const DISCONNECTED: (u16, &str) = (499, "client_disconnected");
/// The outcome of a request whose handler panicked: the connection ends without a reply.
const PANICKED: (u16, &str) = (500, "panicked");

/// The methods of HTTP (RFC 9110 and RFC 5789). Any other text is a client's, so it must not become the name of a series.
const METHODS: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];
const OTHER_METHOD: &str = "_OTHER";

/// A request that runs. Its report follows in any case: if it is dropped, its client has disconnected.
pub(crate) struct Reported<'a> {
    observers: &'a Observers,
    route: ApiRoute,
    began: (Timestamp, Instant),
    span: Option<TraceContext>,
    /// The client's span.
    parent: Option<TraceContext>,
    /// The client's `tracestate`.
    trace_state: String,
    request_id: &'a HeaderValue,
    request_bytes: AtomicU64,
    has_ended: bool,
}

impl<'a> Reported<'a> {
    /// The request begins.
    pub(crate) fn begin<B>(
        service: &'a OrderService,
        call: &Call<'_, B>,
        request_id: &'a HeaderValue,
    ) -> Self {
        let observers = service.observers();
        let route = route(call.method, call.path);
        observers.api_call_began(route);
        let parent = header::trace(call.headers);
        // Without a valid `traceparent`, `tracestate` has no meaning.
        let trace_state = parent.map(|_| header::trace_state(call.headers)).unwrap_or_default();
        let span = observers.new_span(parent);
        let (began, request_bytes) = ((service.clock().now(), Instant::now()), AtomicU64::new(0));
        let has_ended = false;
        Self { observers, route, began, span, parent, trace_state, request_id, request_bytes, has_ended }
    }

    /// Counts a part of the body that was read.
    pub(crate) fn read<D: Buf, E>(&self, chunk: &Result<D, E>) {
        let bytes = chunk.as_ref().map_or(0, Buf::remaining);
        self.request_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// The name of the request.
    pub(crate) fn request_id(&self) -> &HeaderValue {
        self.request_id
    }

    /// The span of the request; without traces, that of the client.
    pub(crate) fn context(&self) -> Option<TraceContext> {
        self.span.or(self.parent)
    }

    /// What the records of the request carry.
    pub(crate) fn trace(&self) -> Option<TraceParent> {
        self.context().map(TraceContext::to_traceparent)
    }

    /// The span that gives log lines of the request their fields. A request without a context has none, and no cost.
    pub(crate) fn log_span(&self) -> Span {
        let Some(context) = self.context() else { return Span::none() };
        tracing::info_span!(
            "request",
            trace_id = context.trace_id_hex(),
            span_id = context.span_id_hex(),
            request_id = self.request_id.to_str().unwrap_or_default(),
        )
    }

    /// The request ends with this reply.
    pub(crate) fn ended(mut self, response: &mut Response) {
        let error = response.extensions_mut().remove::<ErrorCode>().map(|ErrorCode(code)| code);
        // hyper sends no body to HEAD.
        let is_head = self.route.method == "HEAD";
        let bytes = response.body().size_hint().exact().filter(|_| !is_head);
        self.report(response.status().as_u16(), error, bytes.unwrap_or(0));
    }

    fn report(&mut self, status: u16, error: Option<&'static str>, response_bytes: u64) {
        self.has_ended = true;
        let (began, start) = self.began;
        let mut call = ApiCall::new(self.route, status, error, began, start.elapsed());
        (call.request_bytes, call.response_bytes) = (*self.request_bytes.get_mut(), response_bytes);
        (call.span, call.parent, call.trace_state) = (self.span, self.parent, &self.trace_state);
        call.request_id = self.request_id.to_str().unwrap_or_default();
        self.observers.api_call(&call);
    }
}

impl Drop for Reported<'_> {
    fn drop(&mut self) {
        if !self.has_ended {
            let (status, code) = if std::thread::panicking() { PANICKED } else { DISCONNECTED };
            self.report(status, Some(code), 0);
        }
    }
}

fn route(method: &Method, path: &str) -> ApiRoute {
    let known = METHODS.into_iter().find(|known| *known == method.as_str());
    ApiRoute {
        method: known.unwrap_or(OTHER_METHOD),
        route: Resource::of(path).map_or("", Resource::template),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_cannot_name_a_route() {
        let of = |method: &str, path| route(&Method::from_bytes(method.as_bytes()).expect("a token"), path);
        assert_eq!(of("GET", "orders/1"), ApiRoute { method: "GET", route: "/orders/{id}" });
        assert_eq!(of("get", "orders/"), ApiRoute { method: "_OTHER", route: "/orders/{id}" });
        assert_eq!(of("BREW", "coffee"), ApiRoute { method: "_OTHER", route: "" });
    }
}
