//! `POST /orders/{id}/assignment`.

use serde_json::json;

use crate::test_server::TestServer;

#[tokio::test]
async fn a_courier_is_set_and_cleared_and_the_status_stays() {
    let server = TestServer::start().await;
    let path = format!("/orders/{}/assignment", server.placed().await);
    let body = r#"{"courier_id":"c-1","reason":"nearby"}"#;
    let set = server.post(&path, body).await;
    assert_eq!((set.status, set.header("etag")), (200, "\"2\""));
    let order = set.json();
    assert_eq!((&order["courier_id"], &order["status"]), (&json!("c-1"), &json!("PLACED")));
    let entry = &order["history"][1];
    assert_eq!((&entry["assignment"], &entry["reason"]), (&json!({"courier_id": "c-1"}), &json!("nearby")));
    // The same courier changes nothing.
    assert_eq!(server.post(&path, r#"{"courier_id":"c-1"}"#).await.header("etag"), "\"2\"");
    let cleared = server.post(&path, r#"{"courier_id":null,"actor":"merchant"}"#).await.json();
    assert_eq!(cleared.get("courier_id"), None);
    let change = json!({"courier_id": null, "previous_courier_id": "c-1"});
    assert_eq!((&cleared["version"], &cleared["history"][2]["assignment"]), (&json!(3), &change));
}

#[tokio::test]
async fn the_table_the_version_and_the_key_decide() {
    let server = TestServer::start().await;
    let id = server.placed().await;
    let path = format!("/orders/{id}/assignment");
    let body = r#"{"courier_id":"c-1"}"#;
    let refused = server.post(&path, r#"{"courier_id":"c-1","actor":"customer"}"#).await;
    let refused = refused.error(409, "assignment_not_permitted");
    assert_eq!(
        refused["error"],
        "Customer may not change the courier of an order that is PLACED in this way"
    );
    assert_eq!(refused.get("allowed_transitions"), None);
    let line = format!("POST {path}");
    let json = "Content-Type: application/json";
    let stale = server.call(&line, &["If-Match: \"9\"", json], body).await;
    assert_eq!(stale.error_of(412, "stale_version", "If-Match")["current_version"], 1);
    for _ in 0..2 {
        let reply = server.call(&line, &["If-Match: \"1\"", "Idempotency-Key: k", json], body).await;
        assert_eq!((reply.status, reply.header("etag")), (200, "\"2\""));
    }
    let other = server.call(&line, &["Idempotency-Key: k", json], r#"{"courier_id":"c-2"}"#).await;
    other.error(422, "id_conflict");
    assert_eq!(server.post(&format!("/orders/{id}/cancel"), "").await.status, 200);
    server.post(&path, r#"{"courier_id":"c-2"}"#).await.error(409, "assignment_not_permitted");
    server.post("/orders/unknown/assignment", body).await.error(404, "not_found");
}

#[tokio::test]
async fn an_incomplete_or_reserved_request_is_not_appended() {
    let server = TestServer::start().await;
    let path = format!("/orders/{}/assignment", server.placed().await);
    for body in ["", "{}", r#"{"actor":"merchant"}"#, r#"{"courier_id":7}"#, r#"{"courier_id":""}"#] {
        server.post(&path, body).await.error_of(400, "invalid_request", "courier_id");
    }
    let system = server.post(&path, r#"{"courier_id":"c-1","actor":"system"}"#).await;
    system.error_of(403, "reserved_actor", "actor");
    assert_eq!(server.call(&format!("GET {path}"), &[], "").await.header("allow"), "POST");
    assert_eq!(server.requests().len(), 1);
}
