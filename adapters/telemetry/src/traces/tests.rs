//! Spans that are made from reports, as an exporter receives them.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use logistics_core::observe::*;
use logistics_core::port::{NotifyErrorKind, PortErrorKind};
use logistics_core::{
    DeadlineKind, Offset, OrderId, Partition, RequestId, Status, Timestamp, TraceContext, Version,
};
use opentelemetry::trace::{SpanKind, Status as SpanStatus};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};

use super::*;

const PATIENCE: Duration = Duration::from_secs(60);

/// Keeps what it is given, once its gate is open.
#[derive(Debug, Clone, Default)]
struct Exported {
    spans: Arc<Mutex<Vec<SpanData>>>,
    closed: Arc<(Mutex<bool>, Condvar)>,
}

impl SpanExporter for Exported {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let (closed, opened) = &*self.closed;
        drop(opened.wait_while(closed.lock().unwrap(), |closed| *closed).unwrap());
        self.spans.lock().unwrap().extend(batch);
        Ok(())
    }
}

fn traces(sample_ratio: f64) -> (Traces, Exported) {
    let build = BuildInfo { program: "order-api", version: "1.2.3", instance: "a".to_owned() };
    let exported = Exported::default();
    let config = TracesConfig { build, messaging_system: "kafka", sample_ratio };
    (Traces::new(config, exported.clone()), exported)
}

/// The spans by name, once everything is exported.
fn spans(traces: &Traces, exported: &Exported) -> BTreeMap<String, SpanData> {
    traces.stop(PATIENCE);
    let spans = std::mem::take(&mut *exported.spans.lock().unwrap());
    let count = spans.len();
    let named: BTreeMap<_, _> = spans.into_iter().map(|span| (span.name.to_string(), span)).collect();
    assert_eq!(named.len(), count, "two spans have one name");
    named
}

fn attribute(span: &SpanData, name: &str) -> Option<String> {
    let found = span.attributes.iter().find(|attribute| attribute.key.as_str() == name);
    found.map(|attribute| attribute.value.as_str().into_owned())
}

fn context(span_id: u64, sampled: bool) -> Option<TraceContext> {
    TraceContext::new(0xabc, span_id, sampled)
}

fn order_id() -> OrderId {
    OrderId::parse("order-1").unwrap()
}

const MS: Duration = Duration::from_millis(1);
const ROUTE: ApiRoute = ApiRoute { method: "POST", route: "/orders" };

fn call(status: u16, elapsed: Duration, sampled: bool) -> ApiCall<'static> {
    let error = (status >= 400).then_some("unavailable");
    let mut call = ApiCall::new(ROUTE, status, error, Timestamp::from_millis(5000), elapsed);
    (call.span, call.parent, call.request_id) = (context(2, sampled), context(1, sampled), "r-1");
    call
}

#[test]
fn the_span_of_a_call_keeps_the_clients_tracestate_unless_it_is_malformed() {
    let many = ["a=1"; 33].join(",");
    for (sent, kept) in [
        ("vendor=opaque,rojo=00f067aa0ba902b7", "vendor=opaque,rojo=00f067aa0ba902b7"),
        ("", ""),
        ("no member", ""),
        ("=1", ""),
        (&*many, ""),
    ] {
        let (traces, exported) = traces(1.0);
        let mut call = call(201, MS, true);
        call.trace_state = sent;
        traces.api_call(&call);
        let spans = spans(&traces, &exported);
        assert_eq!(spans["POST /orders"].span_context.trace_state().header(), kept, "{sent}");
    }
}

fn fact(change: &'static str, status: Status, version: u64, spans: (u64, u64), sampled: bool) -> FactReport {
    let at = Timestamp::from_millis(6000);
    let mut fact = FactReport::new((order_id(), Version(version)), (status, change), at, at);
    (fact.span, fact.parent) = (context(spans.0, sampled), context(spans.1, sampled));
    fact
}

fn transaction(facts: Vec<FactReport>) -> TransactionReport {
    let mut report = TransactionReport::default();
    (report.inputs, report.next, report.facts) = (1, Offset(8), facts);
    (report.began, report.decide_elapsed) = (Timestamp::from_millis(6000), 2 * MS);
    report.commit_elapsed = 10 * MS;
    report
}

/// An order with a request, a timer and a notification.
fn report_order(traces: &Traces, sampled: bool) {
    traces.api_call(&call(201, 20 * MS, sampled));
    let (order_id, request) = (order_id(), RequestId::parse("r").unwrap());
    let (began, ids) = (Timestamp::from_millis(5001), (&order_id, &request));
    let mut append = AppendReport::new(ids, Partition(3), Ok(Offset(7)), 100, began, 4 * MS);
    (append.span, append.parent) = (context(3, sampled), context(2, sampled));
    traces.append(&append);
    let mut confirmed = fact("moved", Status::Confirmed, 2, (5, 4), sampled);
    confirmed.timer = Some((DeadlineKind::Advance, Timestamp::from_millis(5900)));
    let facts = vec![fact("placed", Status::Placed, 1, (4, 3), sampled), confirmed];
    traces.transaction(Partition(3), &transaction(facts));
    let written = (1, Offset(8));
    traces.store_write(&StoreWriteReport::new(Partition(3), written, Ok(()), began, 3 * MS));
    let mut notified =
        NotificationReport::new("console", Partition(3), Offset(2), NotificationEnd::Delivered);
    notified.order = Some((&order_id, Version(1), Status::Placed));
    (notified.span, notified.parent, notified.attempt) = (context(6, sampled), context(4, sampled), 1);
    traces.notification(&notified);
}

#[test]
fn the_reports_of_an_order_are_one_connected_trace() {
    let (traces, exported) = traces(0.0);
    report_order(&traces, true);
    let spans = spans(&traces, &exported);
    let of_order = [
        ("POST /orders", SpanKind::Server, 1),
        ("send orders", SpanKind::Producer, 2),
        ("decide PLACED", SpanKind::Internal, 3),
        ("decide CONFIRMED", SpanKind::Internal, 4),
        ("notify console", SpanKind::Consumer, 4),
    ];
    for (name, kind, parent) in of_order {
        let span = &spans[name];
        assert_eq!(u128::from_be_bytes(span.span_context.trace_id().to_bytes()), 0xabc, "{name}");
        assert_eq!(
            (&span.span_kind, u64::from_be_bytes(span.parent_span_id.to_bytes())),
            (&kind, parent),
            "{name}"
        );
        assert!(span.span_context.is_sampled() && span.status == SpanStatus::Unset, "{name}");
    }
    let server = &spans["POST /orders"];
    let attributes = [
        ("http.request.method", "POST"),
        ("http.route", "/orders"),
        ("http.response.status_code", "201"),
        ("logistics.request.id", "r-1"),
    ];
    for (name, value) in attributes {
        assert_eq!(attribute(server, name).as_deref(), Some(value), "{name}");
    }
    let sent = &spans["send orders"];
    for (name, value) in [("messaging.system", "kafka"), ("messaging.kafka.offset", "7")] {
        assert_eq!(attribute(sent, name).as_deref(), Some(value), "{name}");
    }
    assert_eq!(attribute(sent, "messaging.destination.partition.id").as_deref(), Some("3"));
    assert_eq!(sent.end_time.duration_since(sent.start_time).unwrap(), 4 * MS);
    let confirmed = &spans["decide CONFIRMED"];
    assert_eq!(attribute(confirmed, "logistics.timer.lateness_ms").as_deref(), Some("100"));
    assert_eq!(attribute(confirmed, "logistics.order.id").as_deref(), Some("order-1"));
}

#[test]
fn a_batch_links_its_inputs_and_has_its_commit_and_its_store_write_below() {
    let (traces, exported) = traces(0.0);
    report_order(&traces, true);
    let spans = spans(&traces, &exported);
    let batch = &spans["process orders"];
    let links: Vec<_> = batch.links.iter().map(|link| link.span_context.span_id().to_bytes()).collect();
    assert_eq!(links, [3u64.to_be_bytes()], "the timer's fact has no input");
    assert_eq!(attribute(batch, "messaging.batch.message_count").as_deref(), Some("1"));
    for name in ["commit", "store write"] {
        assert_eq!(spans[name].parent_span_id, batch.span_context.span_id(), "{name}");
    }
    let commit = &spans["commit"];
    assert_eq!(commit.end_time, batch.end_time);
    let decision = &spans["decide CONFIRMED"];
    let linked: Vec<_> = decision.links.iter().map(|link| link.span_context.span_id()).collect();
    assert_eq!(
        linked,
        [batch.span_context.span_id(), 4.into()],
        "the batch, and the fact that set the timer"
    );
}

#[test]
fn of_a_trace_that_is_not_recorded_only_failures_and_slow_calls_are_exported() {
    let exported_of = |report: &dyn Fn(&Traces)| {
        let (traces, exported) = traces(0.0);
        report(&traces);
        spans(&traces, &exported).into_keys().collect::<Vec<_>>()
    };
    assert_eq!(exported_of(&|traces| report_order(traces, false)), [""; 0]);
    assert_eq!(exported_of(&|traces| traces.api_call(&call(409, MS, false))), [""; 0]);
    assert_eq!(exported_of(&|traces| traces.api_call(&call(503, MS, false))), ["POST /orders"]);
    assert_eq!(exported_of(&|traces| traces.api_call(&call(200, 1000 * MS, false))), ["POST /orders"]);
    let (order_id, request) = (order_id(), RequestId::parse("r").unwrap());
    let append = |traces: &Traces| {
        let outcome = Err(PortErrorKind::Unavailable);
        let ids = (&order_id, &request);
        let mut append = AppendReport::new(ids, Partition(3), outcome, 1, Timestamp::default(), MS);
        append.span = context(3, false);
        traces.append(&append);
    };
    assert_eq!(exported_of(&append), ["send orders"]);
    let notify = |end| {
        exported_of(&move |traces| {
            let mut notified = NotificationReport::new("console", Partition(3), Offset(2), end);
            notified.span = context(6, false);
            traces.notification(&notified);
        })
    };
    assert_eq!(notify(NotificationEnd::Undeliverable(NotifyErrorKind::Invalid)), ["notify console"]);
    assert_eq!(notify(NotificationEnd::Retried(NotifyErrorKind::Unavailable)), [""; 0]);
}

#[test]
fn a_failed_span_has_an_error_and_a_client_error_has_none() {
    let (traces, exported) = traces(0.0);
    traces.api_call(&call(503, MS, true));
    let span = &spans(&traces, &exported)["POST /orders"];
    assert_eq!(span.status, SpanStatus::error("unavailable"));
    assert_eq!(attribute(span, "error.type").as_deref(), Some("unavailable"));
    let (traces, exported) = self::traces(0.0);
    traces.api_call(&call(404, MS, true));
    let span = &spans(&traces, &exported)["POST /orders"];
    assert_eq!((&span.status, attribute(span, "error.type")), (&SpanStatus::Unset, None));
    assert_eq!(attribute(span, "logistics.error.code").as_deref(), Some("unavailable"));
}

#[test]
fn a_rejection_has_a_span_below_its_request() {
    let (traces, exported) = traces(0.0);
    let mut report = transaction(Vec::new());
    let mut rejection = RejectionReport::new(order_id(), "stale_version");
    rejection.parent = context(3, true);
    report.rejections = vec![rejection];
    traces.transaction(Partition(0), &report);
    let spans = spans(&traces, &exported);
    let rejected = &spans["decide rejected"];
    assert_eq!(rejected.parent_span_id, 3.into());
    assert_eq!(attribute(rejected, "logistics.rejection.code").as_deref(), Some("stale_version"));
    assert_eq!(spans["process orders"].links.len(), 1);
}

#[test]
fn a_full_queue_drops_and_counts_spans_and_never_waits() {
    let (traces, exported) = traces(1.0);
    let (closed, opened) = &*exported.closed;
    *closed.lock().unwrap() = true;
    let begun = Instant::now();
    let reports = 20_000;
    (0..reports).for_each(|_| traces.api_call(&call(201, MS, true)));
    assert!(begun.elapsed() < PATIENCE / 2, "{:?}", begun.elapsed());
    let dropped = traces.counts().dropped();
    assert!(dropped > 0 && dropped < reports, "{dropped}");
    // A stop does not wait for the exporter.
    let begun = Instant::now();
    traces.stop(Duration::from_millis(100));
    assert!(begun.elapsed() < PATIENCE / 2, "{:?}", begun.elapsed());
    *closed.lock().unwrap() = false;
    opened.notify_all();
    let begun = Instant::now();
    while traces.counts().exported() + dropped < reports {
        assert!(begun.elapsed() < PATIENCE, "{:?}", traces.counts());
        std::thread::yield_now();
    }
    assert_eq!(traces.counts().exported() + dropped, reports);
}

#[test]
fn a_long_text_is_cut_at_a_character() {
    let (traces, exported) = traces(0.0);
    let id = "é".repeat(300);
    let mut call = call(201, MS, true);
    call.request_id = &id;
    traces.api_call(&call);
    let span = &spans(&traces, &exported)["POST /orders"];
    assert_eq!(attribute(span, "logistics.request.id"), Some("é".repeat(128)));
}
