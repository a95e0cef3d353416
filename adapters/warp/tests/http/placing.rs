//! `POST /orders`.

use std::sync::Arc;

use logistics_core::{Command, OrderId};
use serde_json::json;

use crate::client::{Reply, send};
use crate::test_server::TestServer;

#[tokio::test]
async fn an_order_without_a_body_is_placed_under_a_new_id() {
    let server = TestServer::start().await;
    let reply = server.call("POST /orders", &[], "").await;
    assert_eq!(reply.status, 200);
    let json = reply.json();
    let id: OrderId = json["order_id"].as_str().expect("an id").parse().expect("an order id");
    assert!(id.generated_at().is_some(), "{id} is no UUIDv7");
    assert_eq!(json, json!({"message": "Order created", "order_id": id.as_str()}));
    let order = server.get(&format!("/orders/{id}")).await;
    assert_eq!((order.status, order.json()["status"].as_str()), (200, Some("PLACED")));
    assert_ne!(server.placed().await, id.as_str());
}

#[tokio::test]
async fn the_log_holds_the_placement_of_the_body() {
    let server = TestServer::start().await;
    let body =
        r#" {"customer_id": "c-1", "merchant_id": null, "details": {"z": [1, 2.50], "a": "\u00e4"} } "#;
    let id = server.post("/orders", body).await.json()["order_id"].as_str().expect("an id").to_owned();
    let [request] = &server.requests()[..] else { panic!("one request") };
    assert!(!request.awaited, "a placement without a key awaits no decision");
    let Command::Place(placement) = &request.command else { panic!("{request:?}") };
    assert_eq!(placement.customer_id.as_ref().map(|id| id.as_str()), Some("c-1"));
    assert_eq!(placement.merchant_id, None);
    // Byte for byte: the details keep the client's numbers and the order of its keys.
    assert_eq!(
        placement.details.as_ref().map(|details| details.as_str()),
        Some(r#"{"z": [1, 2.50], "a": "\u00e4"}"#)
    );
    let document = server.get(&format!("/orders/{id}")).await.json();
    assert_eq!(document["details"]["a"], "ä");
}

#[tokio::test]
async fn a_placement_is_answered_while_the_processor_is_paused() {
    let server = TestServer::start().await;
    server.pause();
    assert_eq!(server.post("/orders", r#"{"details":1}"#).await.status, 200);
}

#[tokio::test]
async fn a_key_identifies_one_order() {
    let server = TestServer::start().await;
    let place = async |key: &str, body: &str| {
        let key = format!("Idempotency-Key: {key}");
        server.call("POST /orders", &[&key, "Content-Type: application/json"], body).await
    };
    let first = place("k-1", r#"{"details":{"a":1,"b":2}}"#).await;
    assert_eq!(first.status, 200);
    let again = place("k-1", r#"{"details":{"b":2,"a":1}}"#).await;
    assert_eq!((again.status, again.json()), (200, first.json()));
    assert_ne!(place("k-2", "").await.json(), first.json());
    place("k-1", "").await.error_of(422, "id_conflict", "Idempotency-Key");
    place(&"k".repeat(255), "").await.json();
    let too_long = "k".repeat(256);
    for wrong in ["", "two words", "kä", "a\tb", too_long.as_str()] {
        place(wrong, "").await.error_of(400, "invalid_request", "Idempotency-Key");
    }
    let twice = server.call("POST /orders", &["Idempotency-Key: a", "Idempotency-Key: b"], "").await;
    twice.error_of(400, "invalid_request", "Idempotency-Key");
    let id = first.json()["order_id"].as_str().expect("an id").to_owned();
    assert_eq!(id, OrderId::from_idempotency_key("anonymous", "k-1").as_str());
}

#[tokio::test]
async fn a_placement_with_a_key_waits_for_its_decision_within_the_preferred_wait() {
    let server = Arc::new(TestServer::start().await);
    server.pause();
    let undecided = server.call("POST /orders", &["Idempotency-Key: a", "Prefer: wait=0"], "").await;
    assert_eq!(undecided.status, 202);
    let id = OrderId::from_idempotency_key("anonymous", "a");
    assert_eq!(undecided.json()["order_id"], id.as_str());
    assert_eq!(undecided.json()["request_id"], server.requests()[0].id.as_str());

    let waiting = {
        let server = server.clone();
        tokio::spawn(async move { server.call("POST /orders", &["Idempotency-Key: a"], "").await })
    };
    server.until_appended(2).await;
    server.resume();
    let decided = waiting.await.expect("an answer");
    assert_eq!((decided.status, decided.json()["order_id"].as_str()), (200, Some(id.as_str())));
}

#[tokio::test]
async fn a_trace_context_is_passed_on_and_a_malformed_one_is_dropped() {
    let server = TestServer::start().await;
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    server.call("POST /orders", &[&format!("traceparent: {trace}")], "").await;
    server.call("POST /orders", &["traceparent: no trace"], "").await;
    let traces: Vec<_> = server.requests().into_iter().map(|request| request.trace).collect();
    assert_eq!(traces[0].as_ref().map(|trace| trace.as_str()), Some(trace));
    assert_eq!(traces[1], None);
}

#[tokio::test]
async fn a_body_may_be_chunked() {
    let server = TestServer::start().await;
    let head = "POST /orders HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\
                Content-Type: application/json; charset=utf-8\r\n\r\n";
    let request = format!("{head}9\r\n{{\"custome\r\na\r\nr_id\":\"c\"}}\r\n0\r\n\r\n");
    let reply = Reply::parse(&send(server.address, request.as_bytes()).await);
    assert_eq!(reply.status, 200, "{reply:?}");
    let Command::Place(placement) = &server.requests()[0].command else { panic!() };
    assert!(placement.customer_id.is_some());
}
