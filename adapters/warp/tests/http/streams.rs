//! Server-sent events of one order.

use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use crate::event_source::EventSource;
use crate::live_backend::{LiveBackend, ShortLogins};
use crate::test_server::TestServer;

const PATH: [&str; 5] = ["CONFIRMED", "PREPARING", "READY_FOR_PICKUP", "OUT_FOR_DELIVERY", "DELIVERED"];

async fn move_to(server: &TestServer, id: &str, status: &str) {
    let reply = server.post(&format!("/orders/{id}/transitions"), format!(r#"{{"to":"{status}"}}"#)).await;
    assert_eq!(reply.status, 200, "{}", String::from_utf8_lossy(&reply.body));
}

async fn open(server: &TestServer, id: &str, headers: &[&str]) -> EventSource {
    EventSource::open(server.address, &format!("/orders/{id}/events"), headers).await
}

/// The status of a request for a stream that is refused.
async fn refused(server: &TestServer, path: &str, headers: &[&str]) -> (u16, Value) {
    let headers = [&["Accept: text/event-stream"], headers].concat();
    let reply = server.call(&format!("GET {path}"), &headers, "").await;
    let json = if reply.body.is_empty() { Value::Null } else { reply.json() };
    (reply.status, json)
}

#[tokio::test]
async fn a_stream_shows_the_order_and_each_fact_until_the_last() {
    let backend = LiveBackend::new();
    let server = backend.serve().await;
    let id = server.placed().await;
    let mut events = open(&server, &id, &[]).await;
    assert_eq!(events.head.header("content-type"), "text/event-stream");
    assert_eq!(events.head.header("cache-control"), "no-store");
    assert_eq!(events.head.header("x-accel-buffering"), "no");
    let snapshot = events.event().await;
    assert_eq!((snapshot.name.as_str(), snapshot.id.as_str()), ("snapshot", "1"));
    assert_eq!(snapshot.data.as_bytes(), server.get(&format!("/orders/{id}")).await.body);
    assert!(events.retry_ms.is_some_and(|ms| (2_000..=5_000).contains(&ms)));
    for (version, status) in (2..).zip(PATH) {
        move_to(&server, &id, status).await;
        let fact = events.event().await;
        assert_eq!((fact.name.as_str(), &fact.id), ("fact", &format!("{version}")));
        let mut entry = fact.json();
        assert_eq!(entry["order_id"], id);
        entry.as_object_mut().expect("an object").remove("order_id");
        let history = server.get(&format!("/orders/{id}/events")).await.json();
        assert_eq!(&entry, history["events"].as_array().expect("entries").last().expect("an entry"));
    }
    assert_eq!(events.next().await, None);
    // A browser that reconnects now stops.
    assert_eq!(refused(&server, &format!("/orders/{id}/events"), &["Last-Event-ID: 6"]).await.0, 204);
    // A new client gets the order, and then the end.
    let mut events = open(&server, &id, &[]).await;
    assert_eq!(events.event().await.json()["status"], "DELIVERED");
    assert_eq!(events.next().await, None);
    server.stop().await;
}

#[tokio::test]
async fn a_stream_resumes_from_every_version_by_header_or_parameter() {
    let backend = LiveBackend::new();
    let server = backend.serve().await;
    let id = server.placed().await;
    for status in &PATH[..3] {
        move_to(&server, &id, status).await;
    }
    for after in 0..4 {
        let header = format!("Last-Event-ID: {after}");
        let path = format!("/orders/{id}/events?last_event_id={after}");
        let older = format!("/orders/{id}/events?last_event_id=0");
        for mut events in [
            open(&server, &id, &[&header]).await,
            EventSource::open(server.address, &path, &[]).await,
            // A browser that reconnects sends both.
            EventSource::open(server.address, &older, &[&header]).await,
        ] {
            for version in after + 1..=4 {
                let fact = events.event().await;
                assert_eq!((fact.name.as_str(), fact.id), ("fact", version.to_string()));
            }
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn an_invalid_position_is_refused() {
    let backend = LiveBackend::new();
    let server = backend.serve().await;
    let id = server.placed().await;
    let path = format!("/orders/{id}/events");
    for wrong in ["Last-Event-ID: x", "Last-Event-ID: -1", "Last-Event-ID: 99999999999999999999"] {
        assert_eq!(refused(&server, &path, &[wrong]).await.0, 400, "{wrong}");
    }
    // The store reports its position within a second.
    let too_great = loop {
        let headers = ["Accept: text/event-stream", "Last-Event-ID: 9"];
        let reply = server.call(&format!("GET {path}"), &headers, "").await;
        if reply.status != 200 {
            break reply;
        }
        // While the store was behind, the stream ended with the reason.
        assert!(String::from_utf8_lossy(&reply.body).contains("unknown_version"));
    };
    assert_eq!((too_great.status, &too_great.json()["field"]), (400, &Value::from("Last-Event-ID")));
    assert_eq!(refused(&server, &format!("{path}?last_event_id=a"), &[]).await.0, 400);
    assert_eq!(refused(&server, &format!("{path}?other=1"), &[]).await.0, 400);
    server.stop().await;
}

#[tokio::test]
async fn without_the_type_or_without_a_feed_the_reply_is_json() {
    let backend = LiveBackend::new();
    let server = backend.serve().await;
    let id = server.placed().await;
    let json = server.get(&format!("/orders/{id}/events")).await;
    assert_eq!((json.status, json.header("content-type")), (200, "application/json"));
    let head = server.call(&format!("HEAD /orders/{id}/events"), &["Accept: text/event-stream"], "").await;
    assert_eq!((head.status, head.header("content-type")), (200, "application/json"));
    server.stop().await;
    let plain = TestServer::start().await;
    let id = plain.placed().await;
    let path = format!("GET /orders/{id}/events");
    let json = plain.call(&path, &["Accept: text/event-stream"], "").await;
    assert_eq!((json.status, json.header("content-type")), (200, "application/json"));
}

#[tokio::test]
async fn an_order_that_the_caller_does_not_see_is_absent() {
    let backend = LiveBackend::new();
    let server =
        backend.serve_with(|_| {}, |api| api.with_authenticator(std::sync::Arc::new(ShortLogins))).await;
    let headers = ["Authorization: Bearer ann", "Content-Type: application/json"];
    let placed = server.call("POST /orders", &headers, r#"{"customer_id":"ann"}"#).await;
    let id = placed.json()["order_id"].as_str().expect("an id").to_owned();
    let path = format!("/orders/{id}/events");
    let mut events = open(&server, &id, &["Authorization: Bearer ann"]).await;
    assert_eq!(events.event().await.name, "snapshot");
    let (status, foreign) = refused(&server, &path, &["Authorization: Bearer bob"]).await;
    let (unknown, absent) = refused(&server, "/orders/none/events", &["Authorization: Bearer bob"]).await;
    assert_eq!((status, unknown), (404, 404));
    assert_eq!(foreign, absent);
    assert_eq!(refused(&server, &path, &[]).await.0, 401);
    server.stop().await;
}

#[tokio::test]
async fn a_stream_ends_when_its_credential_expires() {
    let backend = LiveBackend::new();
    let server =
        backend.serve_with(|_| {}, |api| api.with_authenticator(std::sync::Arc::new(ShortLogins))).await;
    let headers = ["Authorization: Bearer 60000", "Content-Type: application/json"];
    let id = server.call("POST /orders", &headers, "{}").await.json()["order_id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let mut events = open(&server, &id, &["Authorization: Bearer 1500"]).await;
    assert_eq!(events.event().await.name, "snapshot");
    let end = events.event().await;
    assert_eq!((end.name.as_str(), end.data.as_str()), ("end", r#"{"reason":"credentials_expired"}"#));
    assert_eq!(events.next().await, None);
    server.stop().await;
}

#[tokio::test]
async fn heartbeats_outlast_the_time_limits_of_requests() {
    let backend = LiveBackend::new();
    let short = |config: &mut logistics_warp::Config| {
        (config.heartbeat_ms, config.idle_timeout_ms) = (300, 100);
        (config.header_timeout_ms, config.body_timeout_ms, config.write_timeout_ms) = (100, 100, 100);
    };
    let server = backend.serve_with(short, |api| api).await;
    let id = server.placed().await;
    let mut events = open(&server, &id, &[]).await;
    assert_eq!(events.event().await.name, "snapshot");
    for _ in 0..3 {
        events.heartbeat().await;
    }
    move_to(&server, &id, "CONFIRMED").await;
    assert_eq!(events.event().await.id, "2");
    server.stop().await;
}

#[tokio::test]
async fn a_stop_ends_streams_with_a_reason_and_a_later_server_resumes_them() {
    let backend = LiveBackend::new();
    let mut server = backend.serve_with(|config| config.drain_ms_max = 20_000, |api| api).await;
    let id = server.placed().await;
    let mut streams = Vec::new();
    for _ in 0..20 {
        let mut events = open(&server, &id, &[]).await;
        assert_eq!(events.event().await.name, "snapshot");
        streams.push(events);
    }
    let began = Instant::now();
    server.begin_stop();
    let mut retries = Vec::new();
    for events in &mut streams {
        let end = events.event().await;
        assert_eq!((end.name.as_str(), end.data.as_str()), ("end", r#"{"reason":"shutting_down"}"#));
        assert_eq!(events.next().await, None);
        assert_eq!(events.last_id, "1");
        retries.push(events.retry_ms);
    }
    server.stop().await;
    assert!(began.elapsed() < Duration::from_secs(15), "the drain did not wait for its limit");
    retries.dedup();
    assert!(retries.len() > 1, "clients come back at different times");
    let server = backend.serve().await;
    move_to(&server, &id, "CONFIRMED").await;
    let mut events = open(&server, &id, &[&format!("Last-Event-ID: {}", streams[0].last_id)]).await;
    assert_eq!(events.event().await.id, "2");
    server.stop().await;
}
