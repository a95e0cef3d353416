//! `POST /orders/{id}/cancel` and `/transitions`.

use logistics_core::{Actor, Version};
use serde_json::json;

use crate::world::World;

#[tokio::test]
async fn an_order_walks_to_its_end() {
    let world = World::start().await;
    let path = format!("/orders/{}/transitions", world.placed().await);
    for (version, to) in [(2, "CONFIRMED"), (3, "PREPARING"), (4, "OUT_FOR_DELIVERY"), (5, "DELIVERED")] {
        let reply = world.post(&path, format!(r#"{{"to":"{to}"}}"#)).await;
        assert_eq!((reply.status, reply.header("etag")), (200, &*format!("\"{version}\"")));
        assert_eq!(reply.json()["status"], to);
    }
    // Asking for what is so already is a success that changes nothing.
    let again = world.post(&path, r#"{"to":"DELIVERED"}"#).await;
    assert_eq!((again.status, again.header("etag")), (200, "\"5\""));
}

#[tokio::test]
async fn what_the_lifecycle_refuses_is_a_conflict_with_what_it_allows() {
    let world = World::start().await;
    let path = format!("/orders/{}/transitions", world.placed().await);
    let illegal = world.post(&path, r#"{"to":"DELIVERED"}"#).await.error(409, "illegal_transition");
    assert_eq!(illegal["allowed_transitions"], json!(["CONFIRMED", "REJECTED", "CANCELLED"]));
    assert_eq!(illegal["error"], "An order that is PLACED cannot become DELIVERED");
    let others =
        world.post(&path, r#"{"to":"CONFIRMED","actor":"customer"}"#).await.error(409, "not_permitted");
    assert_eq!(others["allowed_transitions"], json!(["CANCELLED"]));
    assert_eq!(world.post(&path, r#"{"to":"REJECTED","actor":"merchant"}"#).await.status, 200);
    let terminal = world.post(&path, r#"{"to":"CONFIRMED"}"#).await.error(409, "illegal_transition");
    assert_eq!(terminal["allowed_transitions"], json!([]));
}

#[tokio::test]
async fn an_order_is_cancelled_with_or_without_a_body() {
    let world = World::start().await;
    let (first, second) = (world.placed().await, world.placed().await);
    let reply = world.call(&format!("POST /orders/{first}/cancel"), &[], "").await;
    assert_eq!((reply.status, &reply.json()["status"]), (200, &json!("CANCELLED")));
    let body = r#"{"actor":"customer","reason":"changed_my_mind"}"#;
    let reply = world.post(&format!("/orders/{second}/cancel"), body).await;
    let entry = reply.json()["history"][1].clone();
    assert_eq!((&entry["actor"], &entry["reason"]), (&json!("customer"), &json!("changed_my_mind")));
    assert_eq!(world.requests()[2].actor, Actor::Operator);
    world.post("/orders/nobody/cancel", "").await.error(404, "not_found");
    world.post("/orders/nobody/transitions", r#"{"to":"CONFIRMED"}"#).await.error(404, "not_found");
}

#[tokio::test]
async fn a_stale_version_changes_nothing() {
    let world = World::start().await;
    let id = world.placed().await;
    let path = format!("POST /orders/{id}/transitions");
    let ask = async |to: &str, if_match: &str| {
        let headers = [&*format!("If-Match: {if_match}"), "Content-Type: application/json"];
        world.call(&path, &headers, format!(r#"{{"to":"{to}"}}"#)).await
    };
    let stale = ask("CONFIRMED", "\"2\"").await;
    assert_eq!(stale.error_of(412, "stale_version", "If-Match")["current_version"], 1);
    assert_eq!(stale.header("etag"), "\"1\"");
    assert_eq!(ask("CONFIRMED", "\"1\"").await.status, 200);
    assert_eq!(ask("PREPARING", "W/\"2\"").await.status, 200);
    assert_eq!(ask("OUT_FOR_DELIVERY", "*").await.status, 200);
    assert_eq!(world.requests()[1].expected_version, Some(Version(2)));
    assert_eq!(world.requests()[4].expected_version, None);
    for wrong in ["1", "\"x\"", "\"\"", "\"1\", \"2\"", "\"184467440737095516160\""] {
        ask("DELIVERED", wrong).await.error_of(400, "invalid_request", "If-Match");
    }
    assert_eq!(world.requests().len(), 5, "a request that cannot be read is not appended");
}

#[tokio::test]
async fn an_undecided_request_is_accepted() {
    let world = World::with(|config| config.default_wait_ms = 10).await;
    let id = world.placed().await;
    world.pause();
    for headers in [&["Prefer: wait=0"][..], &["Prefer: wait=later"], &[]] {
        let reply = world.call(&format!("POST /orders/{id}/cancel"), headers, "").await;
        assert_eq!(reply.status, 202, "{headers:?}");
        let request = world.requests().pop().expect("it stands in the log");
        assert!(request.awaited);
        let expected = json!({"message": "Accepted", "order_id": id, "request_id": request.id.as_str()});
        assert_eq!(reply.json(), expected);
    }
    world.go_on();
    assert_eq!(world.get(&format!("/orders/{id}")).await.json()["status"], "CANCELLED");
}

#[tokio::test]
async fn nobody_waits_longer_than_the_server_allows() {
    let world = World::with(|config| config.wait_ms_max = 10).await;
    let id = world.placed().await;
    world.pause();
    let reply = world.call(&format!("POST /orders/{id}/cancel"), &["Prefer: wait=100000"], "").await;
    assert_eq!(reply.status, 202);
}
