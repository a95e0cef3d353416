//! The spans of requests, and their trace in records, errors and log lines.

use std::sync::Arc;

use logistics_core::TraceContext;
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::client::{Reply, request, send};
use crate::observer::Reports;
use crate::test_server::TestServer;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

fn parent() -> Option<TraceContext> {
    PARENT.strip_prefix("traceparent: ").and_then(TraceContext::parse)
}

async fn observed(reports: &Arc<Reports>) -> TestServer {
    TestServer::custom(|_, _| {}, |api| reports.of(api)).await
}

fn trace_id(reply: &Reply) -> Option<String> {
    reply.json()["trace_id"].as_str().map(str::to_owned)
}

#[tokio::test]
async fn the_span_of_a_request_is_below_the_clients_and_above_that_of_its_append() {
    let reports = Reports::tracing();
    let server = observed(&reports).await;
    let id = server.placed().await;
    for (line, body) in [
        ("POST /orders".to_owned(), ""),
        (format!("POST /orders/{id}/assignment"), r#"{"courier_id":"a"}"#),
        (format!("POST /orders/{id}/transitions"), r#"{"to":"CONFIRMED"}"#),
        (format!("POST /orders/{id}/cancel"), ""),
    ] {
        reports.until_ended(1).await;
        let _before = reports.one();
        let reply = server.call(&line, &[PARENT, "Content-Type: application/json"], body).await;
        assert_eq!(reply.status, 200, "{line}: {reply:?}");
        reports.until_ended(1).await;
        let span = reports.ended()[0].span;
        assert_eq!(reports.ended()[0].parent, parent(), "{line}");
        let (append, parent) = reports.appended.lock().unwrap().pop().expect("an append");
        assert_eq!(parent, span, "{line}");
        assert!(append.is_some() && append != span, "{line}");
        let record = server.requests().pop().expect("a request").trace;
        assert_eq!(record.and_then(|trace| trace.context()), append, "{line}: owners link to the append");
    }
}

#[tokio::test]
async fn without_traces_records_and_errors_have_the_clients_context() {
    let reports = Arc::<Reports>::default();
    let server = observed(&reports).await;
    server.call("POST /orders", &[PARENT], "").await;
    let record = server.requests().pop().expect("a request").trace;
    assert_eq!(record.and_then(|trace| trace.context()), parent());
    let error = server.call("GET /orders/none", &[PARENT], "").await;
    assert_eq!(trace_id(&error).as_deref(), Some(TRACE));
    let unknown = server.call("GET /nothing", &[PARENT], "").await;
    assert_eq!(trace_id(&unknown).as_deref(), Some(TRACE));
    assert_eq!(server.get("/nothing").await.json().get("trace_id"), None);
}

#[tokio::test]
async fn with_traces_every_error_names_its_trace() {
    let reports = Reports::tracing();
    let server = observed(&reports).await;
    let own = Some(format!("{:032x}", 0xabc));
    for line in ["GET /orders/none", "GET /nothing", "DELETE /orders", "GET /orders?limit=x"] {
        assert_eq!(trace_id(&server.call(line, &[], "").await), own, "{line}");
        assert_eq!(trace_id(&server.call(line, &[PARENT], "").await).as_deref(), Some(TRACE), "{line}");
    }
    let foreign = server.call("GET /orders", &["Origin: https://evil.example"], "").await;
    foreign.error(403, "foreign_origin");
    assert_eq!(trace_id(&foreign), own);
    let document: Value = server.get("/openapi.json").await.json();
    let schema = &document["components"]["schemas"]["Error"]["properties"]["trace_id"];
    assert_eq!(schema["pattern"], "^[0-9a-f]{32}$");
}

#[tokio::test]
async fn the_tracestate_of_a_valid_traceparent_is_reported_as_one_list() {
    let reports = Reports::tracing();
    let server = observed(&reports).await;
    let long = format!("tracestate: a={}", "x".repeat(600));
    let cases: [(&[&str], &str); 4] = [
        (&[PARENT, "tracestate: a=1", "tracestate: b=2"], "a=1,b=2"),
        (&[PARENT], ""),
        (&[PARENT, &long], ""),
        (&["traceparent: none", "tracestate: a=1"], ""),
    ];
    for (headers, expected) in cases {
        assert_eq!(server.call("GET /orders", headers, "").await.status, 200, "{headers:?}");
        reports.until_ended(1).await;
        assert_eq!(reports.one().trace_state, expected, "{headers:?}");
    }
}

#[tokio::test]
async fn a_malformed_or_repeated_traceparent_is_ignored() {
    let reports = Arc::<Reports>::default();
    let server = observed(&reports).await;
    let zeros = "traceparent: 00-00000000000000000000000000000000-b7ad6b7169203331-01";
    let dashes = format!("traceparent: {}", "-".repeat(55));
    let long = format!("traceparent: {}", "0".repeat(4000));
    for headers in [&[zeros][..], &[&dashes], &[&long], &["traceparent: "], &[PARENT, PARENT]] {
        let placed = server.call("POST /orders", headers, "").await;
        assert_eq!(placed.status, 200, "{headers:?}");
        assert_eq!(server.requests().pop().expect("a request").trace, None, "{headers:?}");
    }
    reports.until_ended(5).await;
    assert!(reports.ended().iter().all(|call| call.parent.is_none()));
}

#[tokio::test]
async fn ten_megabytes_of_baggage_are_rejected_and_the_server_lives() {
    let server = TestServer::start().await;
    let baggage = format!("baggage: k={}", "x".repeat(10 * 1024 * 1024));
    let bytes = request("GET /orders", &[PARENT, &baggage], b"");
    let mut stream = TcpStream::connect(server.address).await.expect("the server listens");
    // The server replies and closes before it has read everything, so the rest of the write may fail.
    let (mut read, mut write) = stream.split();
    let send = async { _ = write.write_all(&bytes).await };
    let mut reply = [0; 12];
    let receive = async { tokio::io::AsyncReadExt::read_exact(&mut read, &mut reply).await.map(drop) };
    tokio::join!(send, async { receive.await.expect("a status line") });
    assert_eq!(&reply, b"HTTP/1.1 431");
    let usual = format!("baggage: k={}", "x".repeat(4000));
    let reply = send_one(&server, &[&usual]).await;
    assert_eq!(reply.status, 200);
}

async fn send_one(server: &TestServer, headers: &[&str]) -> Reply {
    Reply::parse(&send(server.address, &request("GET /health/live", headers, b"")).await)
}
