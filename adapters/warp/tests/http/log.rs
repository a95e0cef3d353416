//! `GET /log/{topic}/{partition}`.

use std::sync::Arc;

use bytes::Bytes;
use logistics_core::port::{EventBus, NewRecord, Topic};
use logistics_core::{OrderId, Partition, partition_of};
use serde_json::{Value, json};

use crate::backend::PARTITIONS;
use crate::test_server::TestServer;

const P: Partition = Partition(2);

/// Appends a record to the log, past the API.
fn put(server: &TestServer, topic: Topic, key: Option<&'static [u8]>, payload: &'static [u8]) {
    let (key, payload) = (key.map(Bytes::from_static), Bytes::from_static(payload));
    server.log().with_broker(|broker| broker.append(topic, P, key, payload));
}

fn offsets(page: &Value) -> Vec<u64> {
    let records = page["records"].as_array().expect("records").iter();
    records.map(|record| record["offset"].as_u64().expect("an offset")).collect()
}

#[tokio::test]
async fn an_appended_record_is_shown_unchanged() {
    let server = TestServer::start().await;
    let id = server.placed().await;
    let partition = partition_of(&OrderId::parse(&id).expect("an id"), PARTITIONS);
    let page = server.get(&format!("/log/orders/{partition}")).await.json();
    let record = page["records"][0].clone();
    let expected = json!({
        "topic": "orders", "partition": partition.0, "partitions": PARTITIONS, "start": 0, "end": 1, "next": 1,
        "records": [record],
    });
    assert_eq!(page, expected);
    assert_eq!((&record["offset"], &record["key"]), (&json!(0), &json!(id)));
    assert_eq!(record["value"]["type"], "logistics.order.placement.requested");
    assert_eq!(record["value"]["data"]["order_id"], json!(id));
    assert!(record["at"].is_string(), "{record}");
}

#[tokio::test]
async fn pages_lead_to_the_end_of_the_log() {
    let server = TestServer::start().await;
    (0..5).for_each(|_| put(&server, Topic::Notifications, Some(b"a"), b"{}"));
    let mut read = Vec::new();
    let mut from = 0;
    for expected in [2, 2, 1, 0] {
        let page = server.get(&format!("/log/order_notifications/2?from={from}&limit=2")).await.json();
        assert_eq!((offsets(&page).len(), &page["end"]), (expected, &json!(5)), "{page}");
        read.extend(offsets(&page));
        from = page["next"].as_u64().expect("the next offset");
    }
    assert_eq!((read, from), (vec![0, 1, 2, 3, 4], 5));
    let end = server.get("/log/order_notifications/2?from=end").await.json();
    assert_eq!((offsets(&end), &end["next"]), (vec![], &json!(5)));
    assert_eq!(offsets(&server.get("/log/order_notifications/1").await.json()), [0; 0]);
}

#[tokio::test]
async fn a_page_is_limited_in_records_and_bytes() {
    let server = TestServer::start().await;
    (0..150).for_each(|_| put(&server, Topic::Orders, None, b"1"));
    assert_eq!(offsets(&server.get("/log/orders/2").await.json()).len(), 100);
    assert_eq!(offsets(&server.get("/log/orders/2?limit=1000").await.json()).len(), 150);
    let long = Bytes::from(format!("\"{}\"", "x".repeat(200_000)));
    for _ in 0..20 {
        server.log().with_broker(|broker| broker.append(Topic::DeadLetters, P, None, long.clone()));
    }
    let page = offsets(&server.get("/log/orders.dlq/2").await.json()).len();
    assert!((1..20).contains(&page), "{page}");
}

#[tokio::test]
async fn keys_and_values_that_are_no_text_or_json_are_in_base64() {
    let server = TestServer::start().await;
    put(&server, Topic::Orders, Some(b"\xff"), b"no JSON");
    put(&server, Topic::Orders, None, b"[1.50,\n\"\\u00e4\"]");
    let reply = server.get("/log/orders/2").await;
    let (json, body) = (reply.json(), String::from_utf8_lossy(&reply.body).into_owned());
    let first = &json["records"][0];
    assert_eq!((&first["key_base64"], &first["value_base64"]), (&json!("/w=="), &json!("bm8gSlNPTg==")));
    assert!(first["key"].is_null() && first["value"].is_null(), "{first}");
    assert!(body.contains("\"value\":[1.50,\n\"\\u00e4\"]"), "byte for byte: {body}");
    assert!(json["records"][1].get("key").is_none(), "{json}");
}

#[tokio::test]
async fn a_read_from_the_end_waits_for_a_record() {
    let server = Arc::new(TestServer::start().await);
    let reading = {
        let server = server.clone();
        tokio::spawn(
            async move { server.call("GET /log/orders.dlq/2?from=end", &["Prefer: wait=60"], "").await },
        )
    };
    // A record that precedes the read is not shown, so the test appends until one is.
    let reply = loop {
        put(&server, Topic::DeadLetters, None, b"{\"new\":true}");
        tokio::task::yield_now().await;
        if reading.is_finished() {
            break reading.await.expect("an answer");
        }
    };
    assert_eq!(reply.json()["records"][0]["value"], json!({"new": true}));
}

#[tokio::test]
async fn without_a_record_the_page_is_empty_after_the_wait() {
    let server = TestServer::of_service(|options| options.wait_ms_max = 20).await;
    for headers in [&[][..], &["Prefer: wait=0"], &["Prefer: wait=100000"], &["Prefer: wait=soon"]] {
        let page = server.call("GET /log/orders/2", headers, "").await.json();
        assert_eq!((offsets(&page), &page["next"]), (vec![], &json!(0)), "{headers:?}");
    }
}

#[tokio::test]
async fn a_server_that_stops_ends_waits_for_a_record() {
    let mut server = TestServer::start().await;
    let address = server.address;
    let request = crate::client::request("GET /log/orders/2", &["Prefer: wait=60"], b"");
    let waiting = tokio::spawn(async move { crate::client::send(address, &request).await });
    // The server accepts connections in order, so it serves the waiting one once it has served a later one.
    assert_eq!(server.get("/health/live").await.status, 200);
    server.begin_stop();
    let reply = waiting.await.expect("an answer");
    assert!(reply.is_empty() || crate::client::Reply::parse(&reply).status == 200);
    server.stop().await;
}

#[tokio::test]
async fn an_aborted_record_is_not_shown() {
    let server = TestServer::start().await;
    server.log().with_broker(|broker| {
        let record = |payload: &'static [u8]| NewRecord {
            topic: Topic::Orders,
            partition: P,
            key: None,
            payload: Bytes::from_static(payload),
        };
        let epoch = broker.acquire(P);
        broker.write(P, epoch, &[record(b"\"aborted\"")]).expect("the newest epoch");
        broker.abort(P, epoch).expect("the newest epoch");
        broker.append(Topic::Orders, P, None, Bytes::from_static(b"\"shown\""));
    });
    let page = server.get("/log/orders/2").await.json();
    assert_eq!(page["records"].as_array().map(Vec::len), Some(1), "{page}");
    assert_eq!(page["records"][0]["value"], "shown");
    assert_eq!(page["next"], page["end"]);
}

#[tokio::test]
async fn a_truncated_record_is_skipped() {
    let server = TestServer::start().await;
    (0..3).for_each(|_| put(&server, Topic::Notifications, None, b"{}"));
    server.log().with_broker(|broker| broker.truncate(Topic::Notifications, P, logistics_core::Offset(2)));
    let page = server.get("/log/order_notifications/2").await.json();
    assert_eq!((offsets(&page), &page["start"]), (vec![2], &json!(2)));
}

#[tokio::test]
async fn an_unknown_topic_or_partition_is_404_with_the_known_ones() {
    let server = TestServer::start().await;
    let unknown = server.get("/log/order/0").await.error_of(404, "unknown_topic", "topic");
    for topic in Topic::SHOWN {
        assert!(unknown["error"].as_str().is_some_and(|error| error.contains(topic.name())), "{unknown}");
    }
    // Its records contain secrets.
    server.get("/log/webhook_endpoints/0").await.error_of(404, "unknown_topic", "topic");
    for partition in ["4", "-1", "all", "", "99999999999999999999", "%30"] {
        let path = format!("/log/orders/{partition}");
        let unknown = server.get(&path).await.error_of(404, "unknown_partition", "partition");
        assert_eq!(unknown["error"], "There is no such partition; there are 4, from 0 on");
    }
    assert_eq!(server.log().partitions(), 4);
}

#[tokio::test]
async fn an_invalid_parameter_is_named() {
    let server = TestServer::start().await;
    for from in ["-1", "start", "1.5", "99999999999999999999999", "1"] {
        let reply = server.get(&format!("/log/orders/2?from={from}")).await;
        reply.error_of(400, "invalid_request", "from");
    }
    for limit in ["0", "1001", "many"] {
        let reply = server.get(&format!("/log/orders/2?limit={limit}")).await;
        reply.error_of(400, "invalid_request", "limit");
    }
    server.get("/log/orders/2?offset=1").await.error_of(400, "invalid_request", "offset");
    server.call("POST /log/orders/2", &[], "").await.error(405, "method_not_allowed");
}
