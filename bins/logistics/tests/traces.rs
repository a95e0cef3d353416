//! One order is one connected trace, from the call of the API to its last notification.

mod support;

use logistics_test_support::traces::{Collector, Receiver, Span, assert_order_trace, order_trace};
use logistics_test_support::until as until_ok;
use support::{Process, TIMEOUT, logistics};

fn text(path: &std::path::Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

/// Whether the program exports traces. The workspace's build does, because its services do.
fn exports_traces() -> bool {
    let help = logistics(&["serve", "--help"]).output().expect("it runs");
    String::from_utf8_lossy(&help.stdout).contains("--otlp-endpoint")
}

/// Places an order with a new trace on a server that exports to this endpoint. `spans`: what has arrived there.
fn an_order_is_one_trace(endpoint: &str, protocol: &str, spans: impl Fn() -> Vec<Span>) {
    let data = tempfile::tempdir().expect("a temporary directory");
    let flags =
        ["--listen", "127.0.0.1:0", "--dwell", "1ms", "--notifier", "console", "--log-format", "json"];
    let export = ["--otlp-endpoint", endpoint, "--otlp-protocol", protocol, "--trace-sample-ratio", "0"];
    let server = Process::spawn_with_log(&[&flags[..], &export, &["--data-dir", text(data.path())]].concat());
    let line = server.line_with("Listening on http://");
    let url = format!("http://{}", Process::addr_in(&line));
    let placed = logistics(&["place", "--trace", "--url", &url]).output().expect("it runs");
    let (order_id, trace) =
        (String::from_utf8_lossy(&placed.stdout), String::from_utf8_lossy(&placed.stderr));
    assert!(placed.status.success(), "{trace}");
    let (order_id, trace_id) = (order_id.trim(), trace.trim().trim_start_matches("trace "));
    let spans = until_ok("the trace is complete", TIMEOUT, || order_trace(&spans(), trace_id));
    let server_span = spans.iter().find(|span| span.name == "POST /orders").expect("its span");
    let root = server_span.parent.clone();
    assert!(!root.is_empty(), "the client's span is the parent of the server's");
    assert_order_trace(&spans, order_id, &root, ["logistics"; 3], "logistics");
    let moved = server.line_with("→ DELIVERED");
    let moved: serde_json::Value = serde_json::from_str(&moved).expect("JSON");
    assert_eq!((&moved["trace_id"], &moved["order_id"]), (&trace_id.into(), &order_id.into()));
    assert!(server.terminate().success());
}

#[test]
fn an_order_is_one_trace_at_a_receiver() {
    if !exports_traces() {
        return;
    }
    let receiver = Receiver::start();
    an_order_is_one_trace(&receiver.endpoint(), "http", || receiver.spans());
}

#[test]
fn an_order_is_one_trace_at_the_opentelemetry_collector() {
    if !exports_traces() {
        return;
    }
    let directory = tempfile::tempdir().expect("a temporary directory");
    let Some(collector) = Collector::start(directory.path()) else { return };
    an_order_is_one_trace(&collector.http(), "http", || collector.spans());
    an_order_is_one_trace(&collector.grpc(), "grpc", || collector.spans());
}

#[test]
fn a_collector_that_never_answers_delays_no_order_and_not_the_end() {
    if !exports_traces() {
        return;
    }
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let endpoint = format!("http://{}", listener.local_addr().expect("its address"));
    let data = tempfile::tempdir().expect("a temporary directory");
    let export = ["--otlp-endpoint", &endpoint, "--trace-sample-ratio", "1"];
    let flags = ["--notifier", "none", "--dwell", "0"];
    let server = Process::serve(data.path(), &[&flags[..], &export].concat());
    let url = format!("http://{}", server.addr());
    let placed = logistics(&["place", "--count", "50", "--url", &url]).output().expect("it runs");
    assert!(placed.status.success(), "{placed:?}");
    let begun = std::time::Instant::now();
    assert!(server.terminate().success());
    // A second for the spans. The rest is the drain of the services.
    assert!(begun.elapsed() < std::time::Duration::from_secs(10), "{:?}", begun.elapsed());
}
