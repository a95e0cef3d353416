//! Spans of calls of interfaces.

use std::time::Duration;

use logistics_core::observe::ApiCall;
use opentelemetry::trace::SpanKind;

use super::Traces;
use super::span::Span;

/// A call that takes at least this long is exported, whether its trace is recorded or not.
const SLOW_CALL: Duration = Duration::from_secs(1);
/// The lowest status that is the server's fault.
const SERVER_ERROR: u16 = 500;

impl Traces {
    pub(super) fn report_api_call(&self, call: &ApiCall<'_>) {
        let Some(context) = call.span.filter(|_| !is_probe(call.route.route)) else { return };
        let is_fault = call.status >= SERVER_ERROR;
        if !(context.is_sampled() || is_fault || call.elapsed >= SLOW_CALL) {
            return;
        }
        let times = (call.began, call.elapsed);
        let mut span = Span::new(context, call.parent, SpanKind::Server, name(call), times)
            .with_state(call.trace_state)
            .with("http.request.method", call.route.method)
            .with("http.response.status_code", i64::from(call.status));
        if !call.route.route.is_empty() {
            span = span.with("http.route", call.route.route);
        }
        if call.request_bytes > 0 {
            span = span.with_number("http.request.body.size", call.request_bytes);
        }
        if call.response_bytes > 0 {
            span = span.with_number("http.response.body.size", call.response_bytes);
        }
        if !call.request_id.is_empty() {
            span = span.with_text("logistics.request.id", call.request_id);
        }
        // Semantic conventions: a status below 500 is no failure of a server. The code of the failure is there all the same.
        if let Some(code) = call.error {
            span = span.with("logistics.error.code", code);
        }
        if is_fault {
            span = span.failed(call.error.unwrap_or("server_error"));
        }
        self.queue.push(span);
    }
}

/// Probes and scrapes repeat every few seconds and are about no order.
fn is_probe(route: &str) -> bool {
    route.starts_with("/health") || route == "/metrics"
}

fn name(call: &ApiCall<'_>) -> String {
    // `_OTHER` is a value for attributes; the name of such a span is `HTTP`.
    let method = if call.route.method.starts_with('_') { "HTTP" } else { call.route.method };
    match call.route.route {
        "" => method.to_owned(),
        route => format!("{method} {route}"),
    }
}
