//! `GET /orders/{id}`, its history, and the list.

use std::collections::BTreeSet;
use std::sync::Arc;

use logistics_core::{Order, OrderId, partition_of};
use logistics_testkit::sample;
use serde_json::Value;

use crate::world::{PARTITIONS, World};

#[tokio::test]
async fn a_document_goes_through_with_its_version_as_the_tag() {
    let world = World::start().await;
    let id = world.placed().await;
    let path = format!("/orders/{id}");
    let reply = world.get(&path).await;
    assert_eq!((reply.status, reply.header("etag")), (200, "\"1\""));
    let order = Order::from_document(&reply.body).expect("the document as the core writes it");
    assert_eq!(order.to_document(), reply.body);
    let get = format!("GET {path}");
    for has in ["\"1\"", "W/\"1\"", "\"7\", \"1\"", "*"] {
        let reply = world.call(&get, &[&format!("If-None-Match: {has}")], "").await;
        assert_eq!((reply.status, reply.body.len(), reply.header("etag")), (304, 0, "\"1\""), "{has}");
    }
    assert_eq!(world.call(&get, &["If-None-Match: \"2\""], "").await.status, 200);
    let head = world.call(&format!("HEAD {path}"), &[], "").await;
    assert_eq!((head.status, head.body.len(), head.header("etag")), (200, 0, "\"1\""));
}

#[tokio::test]
async fn only_what_is_known_to_be_absent_is_not_found() {
    let world = World::start().await;
    for id in ["nobody", OrderId::generate(sample::time(-60_000), [1; 10]).as_str()] {
        let missing = world.get(&format!("/orders/{id}")).await;
        missing.error(404, "not_found");
        assert_eq!(
            String::from_utf8_lossy(&missing.body),
            r#"{"error":"Order not found","code":"not_found"}"#
        );
        world.get(&format!("/orders/{id}/events")).await.error(404, "not_found");
    }
    // It may stand in the log already.
    let young = world.get(&format!("/orders/{}", OrderId::generate(sample::time(-1000), [1; 10]))).await;
    young.error(503, "not_ready");
    assert_eq!(young.header("retry-after"), "1");
    // It may be what nobody has answered yet: the store is behind the log.
    world.pause();
    let placed = world.post("/orders", "").await.json()["order_id"].as_str().map(str::to_owned);
    let path = format!("/orders/{}", sample_in_the_partition_of(&placed.expect("an order id")));
    world.get(&path).await.error(503, "not_ready");
    world.go_on();
    world.get(&path).await.error(404, "not_found");
    // A store that never knew the partition may come to know it.
    let world = World::start().await;
    world.forget_partitions(true);
    let unknown = world.get("/orders/nobody").await;
    unknown.error(503, "not_ready");
    assert_eq!(unknown.header("retry-after"), "1");
}

/// Another id, of whose partition the log is not empty.
fn sample_in_the_partition_of(id: &str) -> OrderId {
    let id = OrderId::parse(id).expect("an order id");
    sample::order_id_in(partition_of(&id, PARTITIONS), PARTITIONS, 7)
}

#[tokio::test]
async fn an_order_that_is_about_to_be_there_is_waited_for() {
    let world = Arc::new(World::of_service(|options| options.lookup_wait_ms = 60_000).await);
    world.pause();
    let id = world.placed().await;
    let reading = {
        let world = world.clone();
        tokio::spawn(async move { world.get(&format!("/orders/{id}")).await })
    };
    world.until_looked_up(3).await;
    world.go_on();
    assert_eq!(reading.await.expect("an answer").status, 200);

    let id = world.placed().await;
    world.forget_partitions(true);
    let reading = {
        let world = world.clone();
        tokio::spawn(async move { world.get(&format!("/orders/{id}")).await })
    };
    world.until_looked_up(7).await;
    world.forget_partitions(false);
    assert_eq!(reading.await.expect("an answer").status, 200);
}

#[tokio::test]
async fn the_history_is_that_of_the_document() {
    let world = World::start().await;
    let id = world.placed().await;
    world.post(&format!("/orders/{id}/transitions"), r#"{"to":"CONFIRMED","reason":"we can"}"#).await;
    let document = world.get(&format!("/orders/{id}")).await.json();
    let reply = world.get(&format!("/orders/{id}/events")).await;
    assert_eq!((reply.status, reply.header("etag")), (200, "\"2\""));
    let history = reply.json();
    assert_eq!(history["events"], document["history"]);
    assert_eq!((&history["order_id"], &history["version"]), (&document["order_id"], &document["version"]));
    assert_eq!(
        (&history["events"][1]["status"], &history["events"][1]["reason"]),
        (&"CONFIRMED".into(), &"we can".into())
    );
    let path = format!("GET /orders/{id}/events");
    assert_eq!(world.call(&path, &["If-None-Match: \"2\""], "").await.status, 304);
}

#[tokio::test]
async fn pages_hold_every_order_once() {
    let world = World::start().await;
    let mut placed = BTreeSet::new();
    for n in 0..7 {
        let id = world.placed().await;
        if n % 2 == 0 {
            world.post(&format!("/orders/{id}/cancel"), "").await;
        }
        placed.insert(id);
    }
    let mut listed = Vec::new();
    let mut path = "/orders?limit=3&status=&cursor=".to_owned();
    loop {
        let page = world.get(&path).await.json();
        listed.extend(ids(&page));
        let Some(next) = page["next_cursor"].as_str() else { break };
        assert!(next.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)), "{next}");
        path = format!("/orders?limit=3&cursor={next}");
    }
    assert_eq!((listed.len(), listed.into_iter().collect()), (7, placed));
    assert_eq!(ids(&world.get("/orders?status=CANCELLED").await.json()).len(), 4);
    assert_eq!(ids(&world.get("/orders").await.json()).len(), 7);
    assert_eq!(world.get("/orders?status=DELIVERED").await.body, br#"{"orders":[],"next_cursor":null}"#);
}

#[tokio::test]
async fn a_list_that_cannot_be_is_refused_with_the_name_of_the_parameter() {
    let world = World::start().await;
    world.placed().await;
    world.placed().await;
    let unknown = world.get("/orders?status=SHIPPED").await.error_of(400, "invalid_request", "status");
    for status in logistics_core::lifecycle::STATUSES {
        assert!(unknown["error"].as_str().is_some_and(|error| error.contains(status.name())), "{unknown}");
    }
    for limit in ["0", "1001", "-1", "1.5", "many", "99999999999999999999999", "%31%"] {
        world.get(&format!("/orders?limit={limit}")).await.error_of(400, "invalid_request", "limit");
    }
    for cursor in ["x", "!!", "UExBQ0VE", "%ff", "AAAA"] {
        world.get(&format!("/orders?cursor={cursor}")).await.error_of(400, "invalid_request", "cursor");
    }
    let page = world.get("/orders?limit=1&status=PLACED").await.json();
    let next = page["next_cursor"].as_str().expect("a further page");
    let other = world.get(&format!("/orders?status=CONFIRMED&cursor={next}")).await;
    other.error_of(400, "invalid_request", "cursor");
    world.get("/orders?page=2").await.error_of(400, "invalid_request", "page");
    world.get("/orders?limit=1&limit=2").await.error_of(400, "invalid_request", "limit");
    assert_eq!(world.get("/orders?limit=%31").await.status, 200);
}

fn ids(page: &Value) -> Vec<String> {
    let orders = page["orders"].as_array().expect("orders").iter();
    orders.map(|order| order["order_id"].as_str().expect("an id").to_owned()).collect()
}

#[tokio::test]
async fn an_older_copy_of_the_store_is_never_shown_after_a_newer_state() {
    let world = World::start().await;
    let id = world.placed().await;
    let path = format!("/orders/{id}");
    let moved = world.post(&format!("{path}/transitions"), r#"{"to":"CONFIRMED"}"#).await;
    assert_eq!(moved.header("etag"), "\"2\"");
    world.restore_placement(&id);
    for path in [path.clone(), format!("{path}/events")] {
        let reply = world.get(&path).await;
        reply.error(503, "rebuilding");
        assert_eq!(reply.header("retry-after"), "1");
    }
}

#[tokio::test]
async fn an_order_whose_document_is_lost_is_never_404() {
    let world = World::start().await;
    let id = world.placed().await;
    world.lose_documents();
    world.get(&format!("/orders/{id}")).await.error(503, "rebuilding");
}

#[tokio::test]
async fn only_late_orders_are_listed_where_the_client_asks_for_them() {
    let world = World::start().await;
    world.placed().await;
    let late = world.placed().await;
    world.make_late(&late);
    let listed = world.get("/orders?late=true").await.json();
    let ids: Vec<_> =
        listed["orders"].as_array().expect("orders").iter().map(|order| &order["order_id"]).collect();
    assert_eq!(ids, [&late]);
    for all in ["/orders", "/orders?late=false"] {
        assert_eq!(world.get(all).await.json()["orders"].as_array().map(Vec::len), Some(2), "{all}");
    }
    world.get("/orders?late=soon").await.error_of(400, "invalid_request", "late");
}
