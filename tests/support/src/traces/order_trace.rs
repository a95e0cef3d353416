//! The trace of one order that the clock moved from PLACED to DELIVERED.

use super::{Kind, Span};

/// The decisions, in their order.
const STATUSES: [&str; 5] = ["PLACED", "CONFIRMED", "PREPARING", "OUT_FOR_DELIVERY", "DELIVERED"];

/// The services whose spans a trace contains.
#[derive(Debug, Clone, Copy)]
struct Services<'a> {
    api: &'a str,
    processor: &'a str,
    notifier: &'a str,
}

/// The spans of the trace of an order that was placed with this trace id, once it is complete.
///
/// # Errors
/// What is missing.
pub fn order_trace(spans: &[Span], trace_id: &str) -> Result<Vec<Span>, String> {
    let of_trace: Vec<_> = spans.iter().filter(|span| span.trace_id == trace_id).cloned().collect();
    let expected = 2 + 2 * STATUSES.len();
    if of_trace.len() < expected {
        let names: Vec<_> = of_trace.iter().map(|span| &*span.name).collect();
        return Err(format!("{} of {expected} spans: {names:?}", names.len()));
    }
    Ok(of_trace)
}

/// Asserts that these spans are the connected trace of one order. `root`: the span of the client; `services`: the names of the
/// API, the processor and the notification service; `system`: `messaging.system`.
///
/// # Panics
/// If a span is missing or unexpected, or has another parent, kind or attribute.
pub fn assert_order_trace(
    spans: &[Span],
    order_id: &str,
    root: &str,
    [api, processor, notifier]: [&str; 3],
    system: &str,
) {
    let services = Services { api, processor, notifier };
    let trace_id = &spans[0].trace_id;
    assert!(spans.iter().all(|span| span.trace_id == *trace_id), "{spans:#?}");
    assert_eq!(spans.len(), 2 + 2 * STATUSES.len(), "{spans:#?}");
    for span in spans {
        let is_present = |parent: &str| parent == root || spans.iter().any(|span| span.span_id == parent);
        assert!(is_present(&span.parent), "the parent is missing: {span:#?}");
    }
    let server = find(spans, "POST /orders", |_| true);
    assert_is(server, Kind::Server, root, services.api);
    assert_has(
        server,
        &[("http.request.method", "POST"), ("http.route", "/orders"), ("http.response.status_code", "200")],
    );
    let sent = find(spans, "send orders", |_| true);
    assert_is(sent, Kind::Producer, &server.span_id, services.api);
    assert_has(sent, &[("messaging.system", system), ("messaging.operation.type", "send")]);
    assert_has(sent, &[("messaging.destination.name", "orders"), ("logistics.order.id", order_id)]);
    assert!(!sent.attribute("messaging.destination.partition.id").is_empty(), "{sent:#?}");
    let mut parent = &sent.span_id;
    for (status, version) in STATUSES.into_iter().zip(1..) {
        let decided = find(spans, &format!("decide {status}"), |_| true);
        assert_is(decided, Kind::Internal, parent, services.processor);
        let version = version.to_string();
        assert_has(decided, &[("logistics.order.id", order_id), ("logistics.order.version", &version)]);
        if status != "PLACED" {
            assert_has(decided, &[("logistics.timer", "advance")]);
            assert!(decided.links.contains(&(trace_id.clone(), parent.clone())), "{decided:#?}");
        }
        let of_version = |span: &Span| span.attribute("logistics.order.version") == version;
        let notified = find(spans, "notify console", of_version);
        assert_is(notified, Kind::Consumer, &decided.span_id, services.notifier);
        assert_has(
            notified,
            &[("messaging.destination.name", "order_notifications"), ("messaging.system", system)],
        );
        assert_has(
            notified,
            &[("logistics.notification.outcome", "delivered"), ("logistics.order.status", status)],
        );
        parent = &decided.span_id;
    }
}

fn find<'a>(spans: &'a [Span], name: &str, is: impl Fn(&Span) -> bool) -> &'a Span {
    let mut found = spans.iter().filter(|span| span.name == name && is(span));
    match (found.next(), found.next()) {
        (Some(span), None) => span,
        (None, _) => panic!("no span {name}: {spans:#?}"),
        (Some(_), Some(_)) => panic!("two spans {name}: {spans:#?}"),
    }
}

fn assert_is(span: &Span, kind: Kind, parent: &str, service: &str) {
    assert_eq!((span.kind, &*span.parent, &*span.service), (kind, parent, service), "{span:#?}");
}

fn assert_has(span: &Span, attributes: &[(&str, &str)]) {
    for (name, value) in attributes {
        assert_eq!(span.attribute(name), *value, "{name} of {span:#?}");
    }
}
