//! HTTP/2: its requests, and the same limits as those of HTTP/1.

use std::sync::Arc;
use std::time::Duration;

use hyper::Request;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::{Reply, send};
use crate::h2c::{
    CONTINUATION, END_HEADERS, END_STREAM, GET_ROOT, HEADERS, Http2, PREFACE, RST_STREAM, frame, raw,
};
use crate::observer::Reports;
use crate::test_server::TestServer;

/// Less than the default idle timeout: what closes a connection earlier is another timeout.
const IDLE_LEAST: Duration = Duration::from_secs(60);

/// Reads until the server closes or resets the connection.
async fn until_closed(stream: &mut TcpStream) {
    let mut bytes = [0; 4096];
    let closed = async { while !matches!(stream.read(&mut bytes).await, Ok(0) | Err(_)) {} };
    tokio::time::timeout(IDLE_LEAST, closed).await.expect("the server closes the connection");
}

#[tokio::test]
async fn with_prior_knowledge_the_same_port_speaks_http2_and_http1() {
    let server = TestServer::start().await;
    let (client, _) = Http2::connect(server.address).await;
    let json = [("content-type", "application/json")];
    // The body announces no length.
    let placed = client.call("POST /orders", &json, r#"{"customer_id":"c-1"}"#).await;
    assert_eq!(placed.status, 200, "{placed:?}");
    let id = placed.json()["order_id"].as_str().expect("an id").to_owned();
    let order = client.call(&format!("GET /orders/{id}"), &[], "").await;
    assert_eq!((order.status, &order.json()["customer_id"]), (200, &"c-1".into()));
    assert_eq!(order.headers["etag"], "\"1\"");
    assert_eq!(order.headers["cache-control"], "no-store");
    let unchanged = client.call(&format!("GET /orders/{id}"), &[("if-none-match", "\"1\"")], "").await;
    assert_eq!((unchanged.status, unchanged.body.len()), (304, 0));
    assert_eq!(server.get(&format!("/orders/{id}")).await.status, 200);
    let calls = (0..100).map(|_| client.call("POST /orders", &[], ""));
    assert!(futures::future::join_all(calls).await.iter().all(|reply| reply.status == 200));
    assert_eq!(server.requests().len(), 101);
}

#[tokio::test]
async fn a_body_beyond_its_limits_is_rejected() {
    let server = TestServer::start().await;
    let (client, _) = Http2::connect(server.address).await;
    let json = [("content-type", "application/json")];
    let long = client.call("POST /orders", &json, &"x".repeat(200 * 1024)).await;
    assert_eq!((long.status, &long.json()["code"]), (413, &"too_large".into()));
    let server = TestServer::with(|config| config.body_timeout_ms = 50).await;
    let head = frame(HEADERS, END_HEADERS, 1, b"\x83\x86\x44\x07/orders\x41\x09localhost");
    let mut slow = raw(server.address, &head).await;
    let mut replies = Vec::new();
    // The reply's body is not compressed.
    while !String::from_utf8_lossy(&replies).contains("timeout") {
        assert_ne!(slow.read_buf(&mut replies).await.expect("a reply"), 0);
    }
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn a_slow_preface_frame_or_block_of_headers_ends_the_connection() {
    let server = TestServer::with(|config| config.header_timeout_ms = 50).await;
    let mut preface = TcpStream::connect(server.address).await.expect("the server listens");
    preface.write_all(&PREFACE[..10]).await.expect("the server reads");
    until_closed(&mut preface).await;
    let head = frame(HEADERS, END_STREAM, 1, GET_ROOT);
    for bytes in [&head[..], &head[..12], &head[..3]] {
        until_closed(&mut raw(server.address, bytes).await).await;
    }
}

#[tokio::test]
async fn an_idle_connection_ends_at_the_idle_timeout() {
    let server =
        TestServer::with(|config| (config.header_timeout_ms, config.idle_timeout_ms) = (20, 300)).await;
    let (client, connection) = Http2::connect(server.address).await;
    let began = std::time::Instant::now();
    for _ in 0..4 {
        assert_eq!(client.call("GET /health/live", &[], "").await.status, 200);
        // This tests the time itself.
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let end = tokio::time::timeout(IDLE_LEAST, connection).await.expect("the server ends the connection");
    assert!(end.expect("no panic").is_ok(), "a graceful end");
    assert!(began.elapsed() >= Duration::from_millis(600));
}

#[tokio::test]
async fn the_connection_of_a_client_that_opens_no_window_is_closed() {
    let server = TestServer::with(|config| config.write_timeout_ms = 50).await;
    server.placed().await;
    let stream = TcpStream::connect(server.address).await.expect("the server listens");
    let mut builder = h2::client::Builder::new();
    let (client, connection) = Http2::over(stream, builder.initial_window_size(0)).await;
    let request = Request::get("http://localhost/orders").body(()).expect("a request");
    let reply = client.send(request, "").await;
    assert!(reply.is_err(), "{reply:?}");
    _ = tokio::time::timeout(IDLE_LEAST, connection).await.expect("the server closes the connection");
}

#[tokio::test]
async fn rapid_resets_end_the_connection_and_leave_the_server_responsive() {
    let server = TestServer::start().await;
    let mut attacker = raw(server.address, b"").await;
    let flood = async {
        for stream in (1..20_000).step_by(2) {
            let request = frame(HEADERS, END_STREAM | END_HEADERS, stream, GET_ROOT);
            let reset = frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes());
            if attacker.write_all(&[request, reset].concat()).await.is_err() {
                return false;
            }
        }
        true
    };
    let all_sent = flood.await;
    assert_eq!(server.get("/health/live").await.status, 200);
    if all_sent {
        // The server ended the connection while the socket still took bytes.
        until_closed(&mut attacker).await;
    }
}

#[tokio::test]
async fn a_flood_of_headers_ends_the_connection() {
    let server = TestServer::start().await;
    let mut attacker = raw(server.address, &frame(HEADERS, END_STREAM, 1, GET_ROOT)).await;
    // A literal header without indexing.
    let header = [&b"\x00\x01a\x7f\xa1\x7d"[..], &[b'x'; 16_160]].concat();
    let flood = async { while attacker.write_all(&frame(CONTINUATION, 0, 1, &header)).await.is_ok() {} };
    tokio::time::timeout(IDLE_LEAST, flood).await.expect("the server closes the connection");
    assert_eq!(server.get("/health/live").await.status, 200);
}

#[tokio::test]
async fn a_head_beyond_its_limit_is_rejected() {
    let server = TestServer::start().await;
    let (client, _) = Http2::connect(server.address).await;
    let value = "x".repeat(8 * 1024);
    let names = ["a", "b", "c"];
    let headers: Vec<_> = names.iter().map(|name| (*name, value.as_str())).collect();
    assert_eq!(client.call("GET /health/live", &headers, "").await.status, 431);
    assert_eq!(client.call("GET /health/live", &[], "").await.status, 200);
}

#[tokio::test]
async fn requests_beyond_the_limit_of_all_connections_are_503() {
    let reports = Arc::<Reports>::default();
    let server = TestServer::custom(|config, _| config.connections_max = 2, |api| reports.of(api)).await;
    let id = server.placed().await;
    reports.until_ended(1).await;
    server.pause();
    let (client, _) = Http2::connect(server.address).await;
    let cancel = format!("POST /orders/{id}/cancel");
    let wait = [("prefer", "wait=60")];
    let waiting = async { tokio::join!(client.call(&cancel, &wait, ""), client.call(&cancel, &wait, "")) };
    let checks = async {
        server.until_appended(3).await;
        let full = client.call("GET /health/live", &[], "").await;
        assert_eq!((full.status, &full.json()["code"]), (503, &"overloaded".into()));
        assert_eq!(full.headers["retry-after"], "1");
        assert_eq!(full.headers["cache-control"], "no-store");
        assert_eq!(reports.ended()[1].outcome(), ("GET", "/health/live", 503, Some("overloaded")));
        server.resume();
    };
    let ((first, second), ()) = tokio::join!(waiting, checks);
    assert_eq!((first.status, second.status), (200, 200));
    assert_eq!(client.call("GET /health/live", &[], "").await.status, 200);
}

#[tokio::test]
async fn a_server_that_stops_answers_running_requests() {
    let mut server = TestServer::start().await;
    let id = server.placed().await;
    server.pause();
    let (client, connection) = Http2::connect(server.address).await;
    let (idle, idle_connection) = Http2::connect(server.address).await;
    assert_eq!(idle.call("GET /health/live", &[], "").await.status, 200);
    let cancel = format!("POST /orders/{id}/cancel");
    let wait = [("prefer", "wait=60")];
    let stop = async {
        server.until_appended(2).await;
        server.begin_stop();
    };
    let (reply, ()) = tokio::join!(client.call(&cancel, &wait, ""), stop);
    assert_eq!(reply.status, 202);
    server.stop().await;
    for connection in [connection, idle_connection] {
        assert!(connection.await.expect("no panic").is_ok(), "a graceful end");
    }
}

#[tokio::test]
async fn the_server_drains_within_its_limit() {
    let server = TestServer::with(|config| config.drain_ms_max = 50).await;
    // The body never arrives.
    let head = frame(HEADERS, END_HEADERS, 1, b"\x83\x86\x44\x07/orders\x41\x09localhost");
    let mut stream = raw(server.address, &head).await;
    let mut byte = [0];
    stream.read_exact(&mut byte).await.expect("the server's settings");
    server.stop().await;
    until_closed(&mut stream).await;
}

#[tokio::test]
async fn authority_is_host() {
    let server = TestServer::start().await;
    let (client, _) = Http2::connect(server.address).await;
    let get = async |authority: &str, hosts: &[&str]| {
        let mut request = Request::get(format!("http://{authority}/orders"));
        for host in hosts {
            request = request.header("host", *host);
        }
        client.send(request.body(()).expect("a request"), "").await.expect("a reply")
    };
    for (authority, hosts, status) in [
        ("localhost", &[][..], 200),
        ("localhost:8000", &["LOCALHOST:8000"], 200),
        ("evil.example", &[], 421),
        ("localhost", &["evil.example"], 400),
        ("evil.example", &["localhost"], 400),
        ("localhost", &["localhost", "localhost"], 400),
        ("localhost", &["localhost", "evil.example"], 400),
        ("localhost", &["local host"], 400),
    ] {
        let reply = get(authority, hosts).await;
        assert_eq!(reply.status, status, "{authority} {hosts:?}: {reply:?}");
    }
}

#[tokio::test]
async fn in_http1_the_authority_of_the_target_must_be_host() {
    let server = TestServer::start().await;
    let get = async |target: &str, hosts: &[&str]| {
        let hosts: String = hosts.iter().map(|host| format!("Host: {host}\r\n")).collect();
        let bytes = format!("GET {target} HTTP/1.1\r\n{hosts}Connection: close\r\n\r\n");
        Reply::parse(&send(server.address, bytes.as_bytes()).await)
    };
    assert_eq!(get("http://localhost/orders", &["localhost"]).await.status, 200);
    for (target, hosts) in [
        ("http://localhost/orders", &["evil.example"][..]),
        ("http://evil.example/orders", &["localhost"]),
        ("/orders", &["localhost", "evil.example"]),
        ("/orders", &["localhost evil.example"]),
    ] {
        get(target, hosts).await.error_of(400, "invalid_request", "Host");
    }
}
