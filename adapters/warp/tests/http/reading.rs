//! `GET /orders/{id}`, its history, and the list.

use std::collections::BTreeSet;
use std::sync::Arc;

use logistics_core::{Order, OrderId, partition_of};
use logistics_testkit::sample;
use serde_json::Value;

use crate::backend::PARTITIONS;
use crate::test_server::TestServer;

#[tokio::test]
async fn a_document_is_served_unchanged_with_its_version_as_the_tag() {
    let server = TestServer::start().await;
    let id = server.placed().await;
    let path = format!("/orders/{id}");
    let reply = server.get(&path).await;
    assert_eq!((reply.status, reply.header("etag")), (200, "\"1\""));
    let order = Order::from_document(&reply.body).expect("the document as the core writes it");
    assert_eq!(order.to_document(), reply.body);
    let get = format!("GET {path}");
    for has in ["\"1\"", "W/\"1\"", "\"7\", \"1\"", "*"] {
        let reply = server.call(&get, &[&format!("If-None-Match: {has}")], "").await;
        assert_eq!((reply.status, reply.body.len(), reply.header("etag")), (304, 0, "\"1\""), "{has}");
    }
    assert_eq!(server.call(&get, &["If-None-Match: \"2\""], "").await.status, 200);
    let head = server.call(&format!("HEAD {path}"), &[], "").await;
    assert_eq!((head.status, head.body.len(), head.header("etag")), (200, 0, "\"1\""));
}

#[tokio::test]
async fn only_an_order_that_is_known_to_be_absent_is_404() {
    let server = TestServer::start().await;
    for id in ["unknown", OrderId::generate(sample::time(-60_000), [1; 10]).as_str()] {
        let missing = server.get(&format!("/orders/{id}")).await;
        missing.error(404, "not_found");
        assert_eq!(
            String::from_utf8_lossy(&missing.body),
            r#"{"error":"Order not found","code":"not_found"}"#
        );
        server.get(&format!("/orders/{id}/events")).await.error(404, "not_found");
    }
    // The order of a young id may be in the log already.
    let young = server.get(&format!("/orders/{}", OrderId::generate(sample::time(-1000), [1; 10]))).await;
    young.error(503, "not_ready");
    assert_eq!(young.header("retry-after"), "1");
    // The store is behind the log, so an unanswered request may place the order.
    server.pause();
    let placed = server.post("/orders", "").await.json()["order_id"].as_str().map(str::to_owned);
    let path = format!("/orders/{}", sample_in_the_partition_of(&placed.expect("an order id")));
    server.get(&path).await.error(503, "not_ready");
    server.resume();
    server.get(&path).await.error(404, "not_found");
    // A store without a checkpoint of the partition may get one.
    let server = TestServer::start().await;
    server.forget_partitions(true);
    let unknown = server.get("/orders/unknown").await;
    unknown.error(503, "not_ready");
    assert_eq!(unknown.header("retry-after"), "1");
}

/// Another id of the same partition.
fn sample_in_the_partition_of(id: &str) -> OrderId {
    let id = OrderId::parse(id).expect("an order id");
    sample::order_id_in(partition_of(&id, PARTITIONS), PARTITIONS, 7)
}

#[tokio::test]
async fn a_read_waits_for_an_order_that_is_being_placed() {
    let server = Arc::new(TestServer::of_service(|options| options.lookup_wait_ms = 60_000).await);
    server.pause();
    let id = server.placed().await;
    let reading = {
        let server = server.clone();
        tokio::spawn(async move { server.get(&format!("/orders/{id}")).await })
    };
    server.until_looked_up(3).await;
    server.resume();
    assert_eq!(reading.await.expect("an answer").status, 200);

    let id = server.placed().await;
    server.forget_partitions(true);
    let reading = {
        let server = server.clone();
        tokio::spawn(async move { server.get(&format!("/orders/{id}")).await })
    };
    server.until_looked_up(7).await;
    server.forget_partitions(false);
    assert_eq!(reading.await.expect("an answer").status, 200);
}

#[tokio::test]
async fn the_history_equals_that_of_the_document() {
    let server = TestServer::start().await;
    let id = server.placed().await;
    server.post(&format!("/orders/{id}/transitions"), r#"{"to":"CONFIRMED","reason":"we can"}"#).await;
    let document = server.get(&format!("/orders/{id}")).await.json();
    let reply = server.get(&format!("/orders/{id}/events")).await;
    assert_eq!((reply.status, reply.header("etag")), (200, "\"2\""));
    let history = reply.json();
    assert_eq!(history["events"], document["history"]);
    assert_eq!((&history["order_id"], &history["version"]), (&document["order_id"], &document["version"]));
    assert_eq!(
        (&history["events"][1]["status"], &history["events"][1]["reason"]),
        (&"CONFIRMED".into(), &"we can".into())
    );
    let path = format!("GET /orders/{id}/events");
    assert_eq!(server.call(&path, &["If-None-Match: \"2\""], "").await.status, 304);
}

#[tokio::test]
async fn pages_contain_every_order_once() {
    let server = TestServer::start().await;
    let mut placed = BTreeSet::new();
    for n in 0..7 {
        let id = server.placed().await;
        if n % 2 == 0 {
            server.post(&format!("/orders/{id}/cancel"), "").await;
        }
        placed.insert(id);
    }
    let mut listed = Vec::new();
    let mut path = "/orders?limit=3&status=&cursor=".to_owned();
    loop {
        let page = server.get(&path).await.json();
        listed.extend(ids(&page));
        let Some(next) = page["next_cursor"].as_str() else { break };
        assert!(next.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)), "{next}");
        path = format!("/orders?limit=3&cursor={next}");
    }
    assert_eq!((listed.len(), listed.into_iter().collect()), (7, placed));
    assert_eq!(ids(&server.get("/orders?status=CANCELLED").await.json()).len(), 4);
    assert_eq!(ids(&server.get("/orders").await.json()).len(), 7);
    assert_eq!(server.get("/orders?status=DELIVERED").await.body, br#"{"orders":[],"next_cursor":null}"#);
}

#[tokio::test]
async fn a_list_is_of_one_party_and_since_a_time() {
    let server = TestServer::start().await;
    let mut placed = Vec::new();
    for body in [
        r#"{"customer_id":"amir & \u017c","merchant_id":"m"}"#,
        r#"{"customer_id":"m","courier_id":"m"}"#,
        "{}",
    ] {
        let order = server.post("/orders", body).await.json();
        placed.push(order["order_id"].as_str().expect("an id").to_owned());
    }
    let [first, second, _] = &placed[..] else { panic!("three orders: {placed:?}") };
    for (list, wanted) in [
        ("customer_id=amir+%26+%c5%bc", vec![first]),
        ("merchant_id=m", vec![first]),
        ("customer_id=m&status=PLACED", vec![second]),
        ("customer_id=m&status=CONFIRMED", vec![]),
        ("courier_id=m&since=2020-01-01T00:00:00%2B02:00", vec![second]),
        ("courier_id=m&since=2999-01-01T00:00:00Z", vec![]),
        ("merchant_id=unknown", vec![]),
    ] {
        let page = server.get(&format!("/orders?{list}")).await.json();
        assert_eq!(ids(&page).iter().collect::<Vec<_>>(), wanted, "{list}");
    }
    let since = server.get("/orders?since=2999-01-01T00:00:00Z&customer_id=&merchant_id=").await.json();
    assert_eq!(ids(&since).len(), 0);
}

#[tokio::test]
async fn an_invalid_parameter_of_a_list_is_named() {
    let server = TestServer::start().await;
    server.placed().await;
    server.placed().await;
    let unknown = server.get("/orders?status=SHIPPED").await.error_of(400, "invalid_request", "status");
    for status in logistics_core::lifecycle::STATUSES {
        assert!(unknown["error"].as_str().is_some_and(|error| error.contains(status.name())), "{unknown}");
    }
    for limit in ["0", "1001", "-1", "1.5", "many", "99999999999999999999999", "%31%"] {
        server.get(&format!("/orders?limit={limit}")).await.error_of(400, "invalid_request", "limit");
    }
    for cursor in ["x", "!!", "UExBQ0VE", "%ff", "AAAA"] {
        server.get(&format!("/orders?cursor={cursor}")).await.error_of(400, "invalid_request", "cursor");
    }
    let page = server.get("/orders?limit=1&status=PLACED").await.json();
    let next = page["next_cursor"].as_str().expect("a further page");
    let other = server.get(&format!("/orders?status=CONFIRMED&cursor={next}")).await;
    other.error_of(400, "invalid_request", "cursor");
    let of_all = server.get("/orders?limit=1").await.json();
    let next = of_all["next_cursor"].as_str().expect("a further page");
    let other = server.get(&format!("/orders?customer_id=amir&cursor={next}")).await;
    other.error_of(400, "invalid_request", "cursor");
    for (list, field) in [
        ("customer_id=a&merchant_id=b", "merchant_id"),
        ("courier_id=a&customer_id=b", "courier_id"),
        ("courier_id=%0a", "courier_id"),
        ("customer_id=a&customer_id=a", "customer_id"),
        ("since=yesterday", "since"),
        ("since=2026-01-01T00:00:00", "since"),
        ("since=2026-01-01T00:00:00+02:00", "since"),
    ] {
        server.get(&format!("/orders?{list}")).await.error_of(400, "invalid_request", field);
    }
    let long = "x".repeat(129);
    server.get(&format!("/orders?merchant_id={long}")).await.error_of(400, "invalid_request", "merchant_id");
    server.get("/orders?page=2").await.error_of(400, "invalid_request", "page");
    server.get("/orders?limit=1&limit=2").await.error_of(400, "invalid_request", "limit");
    assert_eq!(server.get("/orders?limit=%31").await.status, 200);
}

fn ids(page: &Value) -> Vec<String> {
    let orders = page["orders"].as_array().expect("orders").iter();
    orders.map(|order| order["order_id"].as_str().expect("an id").to_owned()).collect()
}

#[tokio::test]
async fn an_older_copy_of_the_store_is_never_served_after_a_newer_state() {
    let server = TestServer::start().await;
    let id = server.placed().await;
    let path = format!("/orders/{id}");
    let moved = server.post(&format!("{path}/transitions"), r#"{"to":"CONFIRMED"}"#).await;
    assert_eq!(moved.header("etag"), "\"2\"");
    server.restore_placement(&id);
    for path in [path.clone(), format!("{path}/events")] {
        let reply = server.get(&path).await;
        reply.error(503, "rebuilding");
        assert_eq!(reply.header("retry-after"), "1");
    }
}

#[tokio::test]
async fn an_order_whose_document_is_lost_is_never_404() {
    let server = TestServer::start().await;
    let id = server.placed().await;
    server.lose_documents();
    server.get(&format!("/orders/{id}")).await.error(503, "rebuilding");
}

#[tokio::test]
async fn late_true_lists_late_orders_only() {
    let server = TestServer::start().await;
    server.placed().await;
    let late = server.placed().await;
    server.make_late(&late);
    let listed = server.get("/orders?late=true").await.json();
    let ids: Vec<_> =
        listed["orders"].as_array().expect("orders").iter().map(|order| &order["order_id"]).collect();
    assert_eq!(ids, [&late]);
    for all in ["/orders", "/orders?late=false"] {
        assert_eq!(server.get(all).await.json()["orders"].as_array().map(Vec::len), Some(2), "{all}");
    }
    server.get("/orders?late=soon").await.error_of(400, "invalid_request", "late");
}
