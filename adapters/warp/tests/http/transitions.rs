//! `POST /orders/{id}/cancel` and `/transitions`.

use logistics_core::{Actor, Version};
use serde_json::json;

use crate::test_server::TestServer;

#[tokio::test]
async fn an_order_moves_to_a_terminal_status() {
    let server = TestServer::start().await;
    let path = format!("/orders/{}/transitions", server.placed().await);
    for (version, to) in [(2, "CONFIRMED"), (3, "PREPARING"), (4, "OUT_FOR_DELIVERY"), (5, "DELIVERED")] {
        let reply = server.post(&path, format!(r#"{{"to":"{to}"}}"#)).await;
        assert_eq!((reply.status, reply.header("etag")), (200, &*format!("\"{version}\"")));
        assert_eq!(reply.json()["status"], to);
    }
    // A transition to the current status succeeds and changes nothing.
    let again = server.post(&path, r#"{"to":"DELIVERED"}"#).await;
    assert_eq!((again.status, again.header("etag")), (200, "\"5\""));
}

#[tokio::test]
async fn a_rejected_transition_is_409_with_the_allowed_ones() {
    let server = TestServer::start().await;
    let path = format!("/orders/{}/transitions", server.placed().await);
    let illegal = server.post(&path, r#"{"to":"DELIVERED"}"#).await.error(409, "illegal_transition");
    assert_eq!(illegal["allowed_transitions"], json!(["CONFIRMED", "REJECTED", "CANCELLED"]));
    assert_eq!(illegal["error"], "An order that is PLACED cannot become DELIVERED");
    let others =
        server.post(&path, r#"{"to":"CONFIRMED","actor":"customer"}"#).await.error(409, "not_permitted");
    assert_eq!(others["allowed_transitions"], json!(["CANCELLED"]));
    assert_eq!(server.post(&path, r#"{"to":"REJECTED","actor":"merchant"}"#).await.status, 200);
    let terminal = server.post(&path, r#"{"to":"CONFIRMED"}"#).await.error(409, "illegal_transition");
    assert_eq!(terminal["allowed_transitions"], json!([]));
}

#[tokio::test]
async fn an_order_is_cancelled_with_or_without_a_body() {
    let server = TestServer::start().await;
    let (first, second) = (server.placed().await, server.placed().await);
    let reply = server.call(&format!("POST /orders/{first}/cancel"), &[], "").await;
    assert_eq!((reply.status, &reply.json()["status"]), (200, &json!("CANCELLED")));
    let body = r#"{"actor":"customer","reason":"changed_my_mind"}"#;
    let reply = server.post(&format!("/orders/{second}/cancel"), body).await;
    let entry = reply.json()["history"][1].clone();
    assert_eq!((&entry["actor"], &entry["reason"]), (&json!("customer"), &json!("changed_my_mind")));
    assert_eq!(server.requests()[2].actor, Actor::Operator);
    server.post("/orders/unknown/cancel", "").await.error(404, "not_found");
    server.post("/orders/unknown/transitions", r#"{"to":"CONFIRMED"}"#).await.error(404, "not_found");
}

#[tokio::test]
async fn a_stale_version_is_412_and_changes_nothing() {
    let server = TestServer::start().await;
    let id = server.placed().await;
    let path = format!("POST /orders/{id}/transitions");
    let call = async |to: &str, if_match: &str| {
        let headers = [&*format!("If-Match: {if_match}"), "Content-Type: application/json"];
        server.call(&path, &headers, format!(r#"{{"to":"{to}"}}"#)).await
    };
    let stale = call("CONFIRMED", "\"2\"").await;
    assert_eq!(stale.error_of(412, "stale_version", "If-Match")["current_version"], 1);
    assert_eq!(stale.header("etag"), "\"1\"");
    assert_eq!(call("CONFIRMED", "\"1\"").await.status, 200);
    assert_eq!(call("PREPARING", "W/\"2\"").await.status, 200);
    assert_eq!(call("OUT_FOR_DELIVERY", "*").await.status, 200);
    assert_eq!(server.requests()[1].expected_version, Some(Version(2)));
    assert_eq!(server.requests()[4].expected_version, None);
    for wrong in ["1", "\"x\"", "\"\"", "\"1\", \"2\"", "\"184467440737095516160\""] {
        call("DELIVERED", wrong).await.error_of(400, "invalid_request", "If-Match");
    }
    assert_eq!(server.requests().len(), 5, "an invalid request is not appended");
}

#[tokio::test]
async fn an_undecided_request_is_202() {
    let server = TestServer::of_service(|options| options.default_wait_ms = 10).await;
    let id = server.placed().await;
    server.pause();
    for headers in [&["Prefer: wait=0"][..], &["Prefer: wait=later"], &[]] {
        let reply = server.call(&format!("POST /orders/{id}/cancel"), headers, "").await;
        assert_eq!(reply.status, 202, "{headers:?}");
        let request = server.requests().pop().expect("the request is in the log");
        assert!(request.awaited);
        let expected = json!({"message": "Accepted", "order_id": id, "request_id": request.id.as_str()});
        assert_eq!(reply.json(), expected);
    }
    server.resume();
    assert_eq!(server.get(&format!("/orders/{id}")).await.json()["status"], "CANCELLED");
}

#[tokio::test]
async fn a_wait_is_limited_by_the_server() {
    let server = TestServer::of_service(|options| options.wait_ms_max = 10).await;
    let id = server.placed().await;
    server.pause();
    let reply = server.call(&format!("POST /orders/{id}/cancel"), &["Prefer: wait=100000"], "").await;
    assert_eq!(reply.status, 202);
}

#[tokio::test]
async fn a_client_cannot_act_as_the_system() {
    let server = TestServer::start().await;
    let path = format!("/orders/{}", server.placed().await);
    for (route, body) in
        [("transitions", r#"{"to":"CONFIRMED","actor":"system"}"#), ("cancel", r#"{"actor":"system"}"#)]
    {
        let reply = server.post(&format!("{path}/{route}"), body).await;
        reply.error_of(403, "reserved_actor", "actor");
    }
    assert_eq!(server.requests().len(), 1, "the request is not appended");
}

#[tokio::test]
async fn a_retry_with_if_match_after_success_returns_the_order() {
    let server = TestServer::start().await;
    let line = format!("POST /orders/{}/transitions", server.placed().await);
    let headers = ["If-Match: \"1\"", "Content-Type: application/json"];
    for _ in 0..2 {
        let reply = server.call(&line, &headers, r#"{"to":"CONFIRMED"}"#).await;
        assert_eq!((reply.status, reply.header("etag")), (200, "\"2\""));
    }
}

#[tokio::test]
async fn one_key_is_one_delivery_attempt() {
    let server = TestServer::start().await;
    let id = server.placed().await;
    let line = format!("POST /orders/{id}/transitions");
    let call = async |to: &str, key: &str| {
        let headers = [&*format!("Idempotency-Key: {key}"), "Content-Type: application/json"];
        server.call(&line, &headers, format!(r#"{{"to":"{to}"}}"#)).await
    };
    for (at, to) in [
        "CONFIRMED",
        "PREPARING",
        "OUT_FOR_DELIVERY",
        "DELIVERY_FAILED",
        "OUT_FOR_DELIVERY",
        "DELIVERY_FAILED",
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(call(to, &format!("key-{at}")).await.status, 200, "{to}");
    }
    // This key belongs to the second attempt, so a retry is no third attempt.
    let again = call("OUT_FOR_DELIVERY", "key-4").await;
    assert_eq!(again.status, 200);
    assert_eq!(
        (&again.json()["status"], &again.json()["delivery_attempts"]),
        (&json!("DELIVERY_FAILED"), &json!(2))
    );
    // The same holds after the outcome has expired in the store.
    server.forget_outcomes();
    assert_eq!(call("OUT_FOR_DELIVERY", "key-4").await.json()["delivery_attempts"], 2);
    server.forget_outcomes();
    call("RETURNED", "key-4").await.error_of(422, "id_conflict", "Idempotency-Key");
    // The outcome in the store is not the outcome of a request with another body, which is decided later.
    assert_eq!(call("OUT_FOR_DELIVERY", "key-4").await.status, 200);
    server.pause();
    let requests = server.requests().len();
    let (other, ()) = tokio::join!(call("RETURNED", "key-4"), async {
        while server.requests().len() == requests {
            tokio::task::yield_now().await;
        }
        server.resume();
    });
    other.error_of(422, "id_conflict", "Idempotency-Key");
    assert_eq!(call("OUT_FOR_DELIVERY", "key-4").await.json()["delivery_attempts"], 2);
    // Keys are scoped to an order.
    let other = format!("POST /orders/{}/cancel", server.placed().await);
    assert_eq!(server.call(&other, &["Idempotency-Key: key-4"], "").await.json()["status"], "CANCELLED");
}

#[tokio::test]
async fn the_location_of_a_202_serves_the_outcome() {
    let server = TestServer::start().await;
    let id = server.placed().await;
    server.pause();
    let reply = server.call(&format!("POST /orders/{id}/cancel"), &["Prefer: wait=0"], "").await;
    let location = reply.header("location").to_owned();
    assert_eq!(location, format!("/orders/{id}/requests/{}", reply.json()["request_id"].as_str().unwrap()));
    server.get(&location).await.error(404, "outcome_unknown");
    server.resume();
    let expected = json!({
        "order_id": id, "request_id": reply.json()["request_id"], "outcome": "happened", "version": 2,
        "status": "CANCELLED",
    });
    assert_eq!(server.get(&location).await.json(), expected);
    server.forget_outcomes();
    assert_eq!(server.get(&location).await.json(), expected, "the order's history contains it");
    // The store keeps a rejection for some minutes.
    server
        .post(&format!("/orders/{id}/transitions"), r#"{"to":"CONFIRMED"}"#)
        .await
        .error(409, "illegal_transition");
    let rejected = server.requests().pop().expect("the request is in the log").id;
    let rejected = server.get(&format!("/orders/{id}/requests/{rejected}")).await.json();
    assert_eq!(
        (&rejected["outcome"], &rejected["rejection"]["code"]),
        (&json!("rejected"), &json!("illegal_transition"))
    );
    server.get(&format!("/orders/{id}/requests/{}", "x".repeat(5000))).await.error_of(
        400,
        "invalid_request",
        "request_id",
    );
}

#[tokio::test]
async fn a_service_without_its_store_is_ready_and_degraded() {
    let server = TestServer::with(|config| config.degradable_parts = vec!["store".to_owned()]).await;
    server.miss(&["store"]);
    let reply = server.get("/health/ready").await;
    assert_eq!((reply.status, &reply.json()["degraded"]), (200, &json!(["store"])));
    server.miss(&["store", "log"]);
    let body = server.get("/health/ready").await.error(503, "not_ready");
    assert_eq!((&body["missing"], &body["degraded"]), (&json!(["log"]), &json!(["store"])));
}
