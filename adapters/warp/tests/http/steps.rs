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
    let world = World::of_service(|options| options.default_wait_ms = 10).await;
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
    let world = World::of_service(|options| options.wait_ms_max = 10).await;
    let id = world.placed().await;
    world.pause();
    let reply = world.call(&format!("POST /orders/{id}/cancel"), &["Prefer: wait=100000"], "").await;
    assert_eq!(reply.status, 202);
}

#[tokio::test]
async fn no_client_acts_as_the_system() {
    let world = World::start().await;
    let path = format!("/orders/{}", world.placed().await);
    for (route, body) in
        [("transitions", r#"{"to":"CONFIRMED","actor":"system"}"#), ("cancel", r#"{"actor":"system"}"#)]
    {
        let reply = world.post(&format!("{path}/{route}"), body).await;
        reply.error_of(403, "reserved_actor", "actor");
    }
    assert_eq!(world.requests().len(), 1, "such a request is not appended");
}

#[tokio::test]
async fn a_retry_of_ones_own_success_with_if_match_is_the_order() {
    let world = World::start().await;
    let line = format!("POST /orders/{}/transitions", world.placed().await);
    let headers = ["If-Match: \"1\"", "Content-Type: application/json"];
    for _ in 0..2 {
        let reply = world.call(&line, &headers, r#"{"to":"CONFIRMED"}"#).await;
        assert_eq!((reply.status, reply.header("etag")), (200, "\"2\""));
    }
}

#[tokio::test]
async fn one_key_is_one_delivery_attempt() {
    let world = World::start().await;
    let id = world.placed().await;
    let line = format!("POST /orders/{id}/transitions");
    let ask = async |to: &str, key: &str| {
        let headers = [&*format!("Idempotency-Key: {key}"), "Content-Type: application/json"];
        world.call(&line, &headers, format!(r#"{{"to":"{to}"}}"#)).await
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
        assert_eq!(ask(to, &format!("key-{at}")).await.status, 200, "{to}");
    }
    // The second attempt was under this key: its repetition is no third one.
    let again = ask("OUT_FOR_DELIVERY", "key-4").await;
    assert_eq!(again.status, 200);
    assert_eq!(
        (&again.json()["status"], &again.json()["delivery_attempts"]),
        (&json!("DELIVERY_FAILED"), &json!(2))
    );
    // Once the outcome has left the store too.
    world.forget_outcomes();
    assert_eq!(ask("OUT_FOR_DELIVERY", "key-4").await.json()["delivery_attempts"], 2);
    world.forget_outcomes();
    ask("RETURNED", "key-4").await.error_of(422, "id_conflict", "Idempotency-Key");
    // Nor does the outcome that the store still holds stand for a request with another body, which is decided later.
    assert_eq!(ask("OUT_FOR_DELIVERY", "key-4").await.status, 200);
    world.pause();
    let requests = world.requests().len();
    let (other, ()) = tokio::join!(ask("RETURNED", "key-4"), async {
        while world.requests().len() == requests {
            tokio::task::yield_now().await;
        }
        world.go_on();
    });
    other.error_of(422, "id_conflict", "Idempotency-Key");
    assert_eq!(ask("OUT_FOR_DELIVERY", "key-4").await.json()["delivery_attempts"], 2);
    // Another order has keys of its own.
    let other = format!("POST /orders/{}/cancel", world.placed().await);
    assert_eq!(world.call(&other, &["Idempotency-Key: key-4"], "").await.json()["status"], "CANCELLED");
}

#[tokio::test]
async fn a_202_names_where_the_outcome_is_found_for_ever() {
    let world = World::start().await;
    let id = world.placed().await;
    world.pause();
    let reply = world.call(&format!("POST /orders/{id}/cancel"), &["Prefer: wait=0"], "").await;
    let location = reply.header("location").to_owned();
    assert_eq!(location, format!("/orders/{id}/requests/{}", reply.json()["request_id"].as_str().unwrap()));
    world.get(&location).await.error(404, "outcome_unknown");
    world.go_on();
    let expected = json!({
        "order_id": id, "request_id": reply.json()["request_id"], "outcome": "happened", "version": 2,
        "status": "CANCELLED",
    });
    assert_eq!(world.get(&location).await.json(), expected);
    world.forget_outcomes();
    assert_eq!(world.get(&location).await.json(), expected, "the history of the order knows it");
    // A rejection is in the store, for a while.
    world
        .post(&format!("/orders/{id}/transitions"), r#"{"to":"CONFIRMED"}"#)
        .await
        .error(409, "illegal_transition");
    let rejected = world.requests().pop().expect("it is in the log").id;
    let rejected = world.get(&format!("/orders/{id}/requests/{rejected}")).await.json();
    assert_eq!(
        (&rejected["outcome"], &rejected["rejection"]["code"]),
        (&json!("rejected"), &json!("illegal_transition"))
    );
    world.get(&format!("/orders/{id}/requests/{}", "x".repeat(5000))).await.error_of(
        400,
        "invalid_request",
        "request_id",
    );
}

#[tokio::test]
async fn a_service_without_its_store_takes_orders_and_says_that_it_is_degraded() {
    let world = World::with(|config| config.degradable_parts = vec!["store".to_owned()]).await;
    world.miss(&["store"]);
    let reply = world.get("/health/ready").await;
    assert_eq!((reply.status, &reply.json()["degraded"]), (200, &json!(["store"])));
    world.miss(&["store", "log"]);
    let body = world.get("/health/ready").await.error(503, "not_ready");
    assert_eq!((&body["missing"], &body["degraded"]), (&json!(["log"]), &json!(["store"])));
}
