//! Connections: slow clients, many clients, and the end of the server.

use std::sync::Arc;
use std::time::Duration;

use logistics_warp::{Api, Config, ServeError, bind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::{Reply, rest};
use crate::test_server::TestServer;

#[tokio::test]
async fn the_connection_of_a_slow_head_is_closed_long_before_an_idle_one() {
    let server = TestServer::with(|config| config.header_timeout_ms = 50).await;
    let request = "GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let head = "GET /orders HTTP/1.1\r\nHost: localhost\r\n";
    // The first head of a connection, and one that follows a whole request.
    for before in ["", request] {
        let mut stream = TcpStream::connect(server.address).await.expect("the server listens");
        stream.write_all(before.as_bytes()).await.expect("the server reads");
        if !before.is_empty() {
            until_live(&mut stream).await;
        }
        stream.write_all(head.as_bytes()).await.expect("the server reads");
        let replies = tokio::time::timeout(IDLE_LEAST, rest(&mut stream))
            .await
            .expect("the server closes the connection");
        assert!(!String::from_utf8_lossy(&replies).contains("200 OK"));
    }
}

#[tokio::test]
async fn the_connection_of_a_head_that_arrives_byte_by_byte_is_closed() {
    let server = TestServer::with(|config| config.header_timeout_ms = 50).await;
    let mut stream = TcpStream::connect(server.address).await.expect("the server listens");
    stream.write_all(b"GET /orders HTTP/1.1\r\nX: ").await.expect("the server reads");
    let trickle = async {
        while stream.write_all(b"x").await.is_ok() {
            // The pace of a slow client.
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(IDLE_LEAST, trickle).await.expect("the server closes the connection");
}

#[tokio::test]
async fn an_idle_connection_outlives_the_head_timeout_and_ends_at_the_idle_timeout() {
    let server =
        TestServer::with(|config| (config.header_timeout_ms, config.idle_timeout_ms) = (20, 400)).await;
    let request = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for first in [&b""[..], request] {
        let mut stream = TcpStream::connect(server.address).await.expect("the server listens");
        if !first.is_empty() {
            stream.write_all(first).await.expect("the server reads");
            until_live(&mut stream).await;
        }
        let mut byte = [0];
        // This tests the time itself.
        let early = tokio::time::timeout(Duration::from_millis(200), stream.read(&mut byte)).await;
        assert!(early.is_err(), "closed before the idle timeout");
        stream.write_all(request).await.expect("the connection is open");
        until_live(&mut stream).await;
        assert!(rest(&mut stream).await.is_empty(), "the server closes an idle connection without a reply");
    }
}

/// Less than the default idle timeout: what closes a connection earlier is another timeout.
const IDLE_LEAST: Duration = Duration::from_secs(60);

/// Reads one reply to `/health/live`.
async fn until_live(stream: &mut TcpStream) {
    let mut reply = Vec::new();
    while !reply.ends_with(br#"{"status":"live"}"#) {
        assert_ne!(
            stream.read_buf(&mut reply).await.expect("the server answers"),
            0,
            "the server closes the connection"
        );
    }
}

#[tokio::test]
async fn a_slow_body_is_answered_408() {
    let server = TestServer::with(|config| config.body_timeout_ms = 50).await;
    let mut stream = TcpStream::connect(server.address).await.expect("the server listens");
    let head = "POST /orders HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{";
    stream.write_all(head.as_bytes()).await.expect("the server reads");
    Reply::parse(&rest(&mut stream).await).error(408, "timeout");
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn a_body_that_ends_early_places_nothing() {
    let server = TestServer::start().await;
    let mut stream = TcpStream::connect(server.address).await.expect("the server listens");
    let head = "POST /orders HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{}";
    stream.write_all(head.as_bytes()).await.expect("the server reads");
    stream.shutdown().await.expect("the client closes its half");
    let reply = rest(&mut stream).await;
    assert!(reply.is_empty() || Reply::parse(&reply).status == 400);
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn the_connection_of_a_client_that_reads_nothing_is_closed() {
    let server = TestServer::with(|config| config.write_timeout_ms = 50).await;
    for _ in 0..40 {
        server.post("/orders", format!(r#"{{"details":"{}"}}"#, "x".repeat(60_000))).await;
    }
    let mut stream = TcpStream::connect(server.address).await.expect("the server listens");
    // The replies exceed the socket buffers of both sides.
    let request = "GET /orders HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(20);
    stream.write_all(request.as_bytes()).await.expect("the server reads");
    let closed = async {
        // A write fails only once the server has closed the connection.
        while stream.write_all(b"\r\n").await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    closed.await;
}

#[tokio::test]
async fn pipelined_requests_share_a_connection() {
    let server = TestServer::start().await;
    let mut stream = TcpStream::connect(server.address).await.expect("the server listens");
    stream
        .write_all(
            b"POST /orders HTTP/1.1\r\nHost: localhost\r\n\r\nPOST /orders HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        )
        .await
        .expect("the server reads");
    let replies = rest(&mut stream).await;
    assert_eq!(String::from_utf8_lossy(&replies).matches("HTTP/1.1 200 OK").count(), 2);
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn a_connection_over_the_limit_waits_until_another_ends() {
    let server = TestServer::with(|config| config.connections_max = 1).await;
    let mut first = TcpStream::connect(server.address).await.expect("the server listens");
    first.write_all(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n").await.expect("the server reads");
    let mut byte = [0];
    first.read_exact(&mut byte).await.expect("the first is served");
    let mut second = TcpStream::connect(server.address).await.expect("the listen queue accepts it");
    second
        .write_all(&crate::client::request("POST /orders", &[], b""))
        .await
        .expect("the socket buffers the request");
    assert!(server.requests().is_empty());
    drop(first);
    assert_eq!(Reply::parse(&rest(&mut second).await).status, 200);
}

#[tokio::test]
async fn a_server_that_stops_answers_running_requests_and_accepts_no_connection() {
    let mut server = TestServer::start().await;
    let id = server.placed().await;
    server.pause();
    let mut idle = TcpStream::connect(server.address).await.expect("the server listens");
    let mut waiting = TcpStream::connect(server.address).await.expect("the server listens");
    let cancel = format!("POST /orders/{id}/cancel HTTP/1.1\r\nHost: localhost\r\nPrefer: wait=60\r\n\r\n");
    waiting.write_all(cancel.as_bytes()).await.expect("the server reads");
    server.until_appended(2).await;
    server.begin_stop();
    assert_eq!(Reply::parse(&rest(&mut waiting).await).status, 202);
    assert!(rest(&mut idle).await.is_empty());
    let address = server.address;
    server.stop().await;
    assert!(TcpStream::connect(address).await.is_err(), "the server does not listen any more");
}

#[tokio::test]
async fn the_server_drains_within_its_limit() {
    let server = TestServer::with(|config| config.drain_ms_max = 50).await;
    let mut slow = TcpStream::connect(server.address).await.expect("the server listens");
    let head =
        "POST /orders HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\nExpect: 100-continue\r\n\r\n";
    slow.write_all(head.as_bytes()).await.expect("the server reads");
    let mut interim = [0; 12];
    slow.read_exact(&mut interim).await.expect("the server sends 100");
    assert_eq!(&interim, b"HTTP/1.1 100");
    server.stop().await;
}

#[tokio::test]
async fn the_error_for_a_taken_port_says_what_to_do() {
    let server = TestServer::start().await;
    let config = Config::new(server.address);
    let error = bind(config, server.api()).await.expect_err("the port is taken");
    assert!(matches!(error, ServeError::PortTaken(address) if address == server.address));
    let expected = format!(
        "cannot listen on {}: another process listens there already; stop it or choose another port",
        server.address
    );
    assert_eq!(error.to_string(), expected);
    let nowhere = Config::new(([192, 0, 2, 1], 0).into());
    assert!(matches!(bind(nowhere, server.api()).await, Err(ServeError::NoSuchAddress(_))));
}

#[test]
fn the_api_can_be_shared_between_servers() {
    fn shareable<T: Clone + Send + Sync>() {}
    shareable::<Api>();
    shareable::<Arc<Api>>();
}
