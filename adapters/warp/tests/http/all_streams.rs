//! Server-sent events of all orders.

use std::sync::Arc;

use logistics_service::StreamLimits;
use serde_json::Value;

use crate::event_source::EventSource;
use crate::live_backend::{LiveBackend, ShortLogins};
use crate::test_server::TestServer;

async fn follow(server: &TestServer, path: &str, headers: &[&str]) -> EventSource {
    let mut events = EventSource::open(server.address, path, headers).await;
    // The position at which the stream begins.
    while events.last_id.is_empty() {
        events.read_more().await;
    }
    events
}

async fn cancel(server: &TestServer, id: &str) {
    assert_eq!(server.post(&format!("/orders/{id}/cancel"), "").await.status, 200);
}

/// The order and the version of the next fact.
async fn fact(events: &mut EventSource) -> (String, u64) {
    let event = events.event().await;
    assert_eq!(event.name, "fact", "{event:?}");
    let json = event.json();
    let version = json["version"].as_u64().expect("a version");
    (json["order_id"].as_str().expect("an id").to_owned(), version)
}

#[tokio::test]
async fn an_operator_follows_every_order_and_resumes_at_every_position() {
    let backend = LiveBackend::new();
    let server = backend.serve().await;
    server.placed().await;
    let mut events = follow(&server, "/events", &[]).await;
    let start = events.last_id.clone();
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(server.placed().await);
    }
    cancel(&server, &ids[0]).await;
    let mut all = Vec::new();
    let mut positions = vec![start];
    for _ in 0..6 {
        all.push(fact(&mut events).await);
        positions.push(events.last_id.clone());
    }
    let mut expected: Vec<_> = ids.iter().map(|id| (id.clone(), 1)).collect();
    expected.push((ids[0].clone(), 2));
    let sorted = |facts: &[(String, u64)]| {
        let mut facts = facts.to_vec();
        facts.sort();
        facts
    };
    assert_eq!(sorted(&all), sorted(&expected));
    // A later stream has what the first one had behind each position. Facts of different partitions have no order.
    for (at, position) in positions.iter().enumerate() {
        let mut later = follow(&server, &format!("/events?last_event_id={position}"), &[]).await;
        let mut rest = Vec::new();
        for _ in at..all.len() {
            rest.push(fact(&mut later).await);
        }
        assert_eq!(sorted(&rest), sorted(&all[at..]), "behind {at}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_party_follows_its_own_orders() {
    let backend = LiveBackend::new();
    let server = backend.serve_with(|_| {}, |api| api.with_authenticator(Arc::new(ShortLogins))).await;
    let place = |who: &'static str| {
        let server = &server;
        async move {
            let login = format!("Authorization: Bearer {who}");
            let headers = [login.as_str(), "Content-Type: application/json"];
            let body = format!(r#"{{"customer_id":"{who}"}}"#);
            let reply = server.call("POST /orders", &headers, body).await;
            reply.json()["order_id"].as_str().expect("an id").to_owned()
        }
    };
    let mut hers = follow(&server, "/events", &["Authorization: Bearer ann"]).await;
    let mut every = follow(&server, "/events", &["Authorization: Bearer 60000"]).await;
    let (foreign, own) = (place("bob").await, place("ann").await);
    assert_eq!(fact(&mut hers).await, (own.clone(), 1));
    let mut both = [fact(&mut every).await.0, fact(&mut every).await.0];
    both.sort();
    let mut expected = [foreign, own];
    expected.sort();
    assert_eq!(both, expected);
    server.stop().await;
}

#[tokio::test]
async fn a_stream_has_the_wanted_statuses_only() {
    let backend = LiveBackend::new();
    let server = backend.serve().await;
    let mut events = follow(&server, "/events?status=CANCELLED&status=DELIVERED", &[]).await;
    let (first, second) = (server.placed().await, server.placed().await);
    cancel(&server, &second).await;
    assert_eq!(fact(&mut events).await, (second, 2));
    cancel(&server, &first).await;
    assert_eq!(fact(&mut events).await, (first, 2));
    server.stop().await;
}

#[tokio::test]
async fn an_invalid_position_or_status_is_refused() {
    let backend = LiveBackend::new();
    let server = backend.serve().await;
    // Of two partitions, and far behind the end of the log.
    for wrong in
        ["last_event_id=x", "last_event_id=AQIAAA", "last_event_id=AQR_f39_", "status=GONE", "other=1"]
    {
        let reply = server.get(&format!("/events?{wrong}")).await;
        assert_eq!((reply.status, &reply.json()["code"]), (400, &Value::from("invalid_request")), "{wrong}");
    }
    assert_eq!(server.call("HEAD /events", &[], "").await.status, 405);
    assert_eq!(TestServer::start().await.get("/events").await.status, 501);
    server.stop().await;
}

#[tokio::test]
async fn streams_beyond_the_limits_are_refused_until_one_ends() {
    let backend = LiveBackend::new();
    let mut limits = StreamLimits::default();
    (limits.streams_max, limits.caller_streams_max) = (3, 2);
    let server = backend
        .serve_with(|_| {}, |_| backend.api_with(limits).with_authenticator(Arc::new(ShortLogins)))
        .await;
    let ann = ["Authorization: Bearer ann"];
    let first = follow(&server, "/events", &ann).await;
    let _second = follow(&server, "/events", &ann).await;
    let reply = server.call("GET /events", &ann, "").await;
    assert_eq!((reply.status, reply.header("retry-after")), (429, "1"));
    assert_eq!(reply.json()["code"], "too_many_streams_of_caller");
    drop(first);
    // The server notices the end of the connection.
    loop {
        let mut stream = EventSource::try_open(server.address, "/events", &ann).await;
        if stream.head.status == 200 {
            stream.read_more().await;
            break;
        }
        assert_eq!(stream.head.status, 429);
    }
    server.stop().await;
}
