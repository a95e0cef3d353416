//! Connections: slow ones, many ones, and the end of the server.

use std::sync::Arc;
use std::time::Duration;

use logistics_warp::{Api, Config, ServeError, bind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::{Reply, rest};
use crate::world::World;

#[tokio::test]
async fn a_client_that_is_slow_with_its_head_is_closed_long_before_an_idle_one() {
    let world = World::with(|config| config.header_timeout_ms = 50).await;
    let asked = "GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let head = "GET /orders HTTP/1.1\r\nHost: localhost\r\n";
    // The first head of a connection, and one that follows a whole request.
    for before in ["", asked] {
        let mut stream = TcpStream::connect(world.address).await.expect("the server listens");
        stream.write_all(before.as_bytes()).await.expect("the server reads");
        if !before.is_empty() {
            until_live(&mut stream).await;
        }
        stream.write_all(head.as_bytes()).await.expect("the server reads");
        let replies = tokio::time::timeout(IDLE_LEAST, rest(&mut stream)).await.expect("it is closed");
        assert!(!String::from_utf8_lossy(&replies).contains("200 OK"));
    }
}

#[tokio::test]
async fn a_client_that_sends_its_head_byte_by_byte_is_closed() {
    let world = World::with(|config| config.header_timeout_ms = 50).await;
    let mut stream = TcpStream::connect(world.address).await.expect("the server listens");
    stream.write_all(b"GET /orders HTTP/1.1\r\nX: ").await.expect("the server reads");
    let trickle = async {
        while stream.write_all(b"x").await.is_ok() {
            // How slow the client is: more than a thousand bytes within the 60 s.
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(IDLE_LEAST, trickle).await.expect("it is closed");
}

#[tokio::test]
async fn an_idle_connection_outlives_the_time_of_a_head_and_ends_at_its_own() {
    let world = World::with(|config| (config.header_timeout_ms, config.idle_timeout_ms) = (20, 400)).await;
    let asked = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for first in [&b""[..], asked] {
        let mut stream = TcpStream::connect(world.address).await.expect("the server listens");
        if !first.is_empty() {
            stream.write_all(first).await.expect("the server reads");
            until_live(&mut stream).await;
        }
        let mut byte = [0];
        // The time itself is what is tested.
        let early = tokio::time::timeout(Duration::from_millis(200), stream.read(&mut byte)).await;
        assert!(early.is_err(), "ten times the time of a head is less than that of an idle connection");
        stream.write_all(asked).await.expect("the connection is there");
        until_live(&mut stream).await;
        assert!(rest(&mut stream).await.is_empty(), "closed without a word");
    }
}

/// By then a connection that is not idle is closed; an idle one lives for longer.
const IDLE_LEAST: Duration = Duration::from_secs(60);

/// Reads one reply to `/health/live`.
async fn until_live(stream: &mut TcpStream) {
    let mut reply = Vec::new();
    while !reply.ends_with(br#"{"status":"live"}"#) {
        assert_ne!(stream.read_buf(&mut reply).await.expect("the server answers"), 0, "it is closed");
    }
}

#[tokio::test]
async fn a_client_that_is_slow_with_its_body_is_told_and_closed() {
    let world = World::with(|config| config.body_timeout_ms = 50).await;
    let mut stream = TcpStream::connect(world.address).await.expect("the server listens");
    let head = "POST /orders HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{";
    stream.write_all(head.as_bytes()).await.expect("the server reads");
    Reply::parse(&rest(&mut stream).await).error(408, "timeout");
    assert!(world.requests().is_empty());
}

#[tokio::test]
async fn a_body_that_breaks_off_places_nothing() {
    let world = World::start().await;
    let mut stream = TcpStream::connect(world.address).await.expect("the server listens");
    let head = "POST /orders HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{}";
    stream.write_all(head.as_bytes()).await.expect("the server reads");
    stream.shutdown().await.expect("half of it can be closed");
    let reply = rest(&mut stream).await;
    assert!(reply.is_empty() || Reply::parse(&reply).status == 400);
    assert!(world.requests().is_empty());
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_closed() {
    let world = World::with(|config| config.write_timeout_ms = 50).await;
    for _ in 0..40 {
        world.post("/orders", format!(r#"{{"details":"{}"}}"#, "x".repeat(60_000))).await;
    }
    let mut stream = TcpStream::connect(world.address).await.expect("the server listens");
    // More than the sockets of both sides hold.
    let request = "GET /orders HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(20);
    stream.write_all(request.as_bytes()).await.expect("the server reads");
    let closed = async {
        // A write fails once the server has closed the connection and not before.
        while stream.write_all(b"\r\n").await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    closed.await;
}

#[tokio::test]
async fn requests_share_a_connection() {
    let world = World::start().await;
    let mut stream = TcpStream::connect(world.address).await.expect("the server listens");
    stream
        .write_all(
            b"POST /orders HTTP/1.1\r\nHost: localhost\r\n\r\nPOST /orders HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        )
        .await
        .expect("the server reads");
    let replies = rest(&mut stream).await;
    assert_eq!(String::from_utf8_lossy(&replies).matches("HTTP/1.1 200 OK").count(), 2);
    assert_eq!(world.requests().len(), 2);
}

#[tokio::test]
async fn a_connection_over_the_limit_waits_for_its_turn() {
    let world = World::with(|config| config.connections_max = 1).await;
    let mut first = TcpStream::connect(world.address).await.expect("the server listens");
    first.write_all(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n").await.expect("the server reads");
    let mut byte = [0];
    first.read_exact(&mut byte).await.expect("the first is served");
    let mut second = TcpStream::connect(world.address).await.expect("it waits in the queue");
    second.write_all(&crate::client::request("POST /orders", &[], b"")).await.expect("the queue takes it");
    assert!(world.requests().is_empty());
    drop(first);
    assert_eq!(Reply::parse(&rest(&mut second).await).status, 200);
}

#[tokio::test]
async fn a_server_that_stops_answers_what_runs_and_takes_nothing_new() {
    let mut world = World::start().await;
    let id = world.placed().await;
    world.pause();
    let mut idle = TcpStream::connect(world.address).await.expect("the server listens");
    let mut waiting = TcpStream::connect(world.address).await.expect("the server listens");
    let cancel = format!("POST /orders/{id}/cancel HTTP/1.1\r\nHost: localhost\r\nPrefer: wait=60\r\n\r\n");
    waiting.write_all(cancel.as_bytes()).await.expect("the server reads");
    world.until_appended(2).await;
    world.begin_stop();
    assert_eq!(Reply::parse(&rest(&mut waiting).await).status, 202);
    assert!(rest(&mut idle).await.is_empty());
    let address = world.address;
    world.stop().await;
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn the_end_comes_within_its_bound() {
    let world = World::with(|config| config.drain_ms_max = 50).await;
    let mut slow = TcpStream::connect(world.address).await.expect("the server listens");
    let head =
        "POST /orders HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\nExpect: 100-continue\r\n\r\n";
    slow.write_all(head.as_bytes()).await.expect("the server reads");
    let mut go_on = [0; 12];
    slow.read_exact(&mut go_on).await.expect("the server asks for the body");
    assert_eq!(&go_on, b"HTTP/1.1 100");
    world.stop().await;
}

#[tokio::test]
async fn a_taken_port_is_a_sentence() {
    let world = World::start().await;
    let config = Config::new(world.address);
    let error = bind(config, world.api()).await.expect_err("it is taken");
    assert!(matches!(error, ServeError::PortTaken(address) if address == world.address));
    let expected = format!(
        "cannot listen on {}: another process listens there already; stop it or choose another port",
        world.address
    );
    assert_eq!(error.to_string(), expected);
    let nowhere = Config::new(([192, 0, 2, 1], 0).into());
    assert!(matches!(bind(nowhere, world.api()).await, Err(ServeError::NoSuchAddress(_))));
}

#[test]
fn the_api_can_be_shared_between_servers() {
    fn shareable<T: Clone + Send + Sync>() {}
    shareable::<Api>();
    shareable::<Arc<Api>>();
}
