//! `GET /log/{topic}/{partition}`.

use std::sync::Arc;

use bytes::Bytes;
use logistics_core::port::{EventBus, NewRecord, Topic};
use logistics_core::{OrderId, Partition, partition_of};
use serde_json::{Value, json};

use crate::world::{PARTITIONS, World};

const P: Partition = Partition(2);

/// Puts a record into the log by hand.
fn put(world: &World, topic: Topic, key: Option<&'static [u8]>, payload: &'static [u8]) {
    let (key, payload) = (key.map(Bytes::from_static), Bytes::from_static(payload));
    world.log().with_broker(|broker| broker.append(topic, P, key, payload));
}

fn offsets(page: &Value) -> Vec<u64> {
    let records = page["records"].as_array().expect("records").iter();
    records.map(|record| record["offset"].as_u64().expect("an offset")).collect()
}

#[tokio::test]
async fn what_was_appended_stands_there_as_it_is() {
    let world = World::start().await;
    let id = world.placed().await;
    let partition = partition_of(&OrderId::parse(&id).expect("an id"), PARTITIONS);
    let page = world.get(&format!("/log/orders/{partition}")).await.json();
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
async fn pages_follow_each_other_to_the_end() {
    let world = World::start().await;
    (0..5).for_each(|_| put(&world, Topic::Notifications, Some(b"a"), b"{}"));
    let mut read = Vec::new();
    let mut from = 0;
    for expected in [2, 2, 1, 0] {
        let page = world.get(&format!("/log/order_notifications/2?from={from}&limit=2")).await.json();
        assert_eq!((offsets(&page).len(), &page["end"]), (expected, &json!(5)), "{page}");
        read.extend(offsets(&page));
        from = page["next"].as_u64().expect("where to read on");
    }
    assert_eq!((read, from), (vec![0, 1, 2, 3, 4], 5));
    let end = world.get("/log/order_notifications/2?from=end").await.json();
    assert_eq!((offsets(&end), &end["next"]), (vec![], &json!(5)));
    assert_eq!(offsets(&world.get("/log/order_notifications/1").await.json()), [0; 0]);
}

#[tokio::test]
async fn a_page_is_bounded_by_records_and_by_bytes() {
    let world = World::start().await;
    (0..150).for_each(|_| put(&world, Topic::Orders, None, b"1"));
    assert_eq!(offsets(&world.get("/log/orders/2").await.json()).len(), 100);
    assert_eq!(offsets(&world.get("/log/orders/2?limit=1000").await.json()).len(), 150);
    let long = Bytes::from(format!("\"{}\"", "x".repeat(200_000)));
    for _ in 0..20 {
        world.log().with_broker(|broker| broker.append(Topic::DeadLetters, P, None, long.clone()));
    }
    let page = offsets(&world.get("/log/orders.dlq/2").await.json()).len();
    assert!((1..20).contains(&page), "{page}");
}

#[tokio::test]
async fn what_is_no_json_or_no_text_stands_in_base64() {
    let world = World::start().await;
    put(&world, Topic::Orders, Some(b"\xff"), b"no JSON");
    put(&world, Topic::Orders, None, b"[1.50,\n\"\\u00e4\"]");
    let reply = world.get("/log/orders/2").await;
    let (json, body) = (reply.json(), String::from_utf8_lossy(&reply.body).into_owned());
    let first = &json["records"][0];
    assert_eq!((&first["key_base64"], &first["value_base64"]), (&json!("/w=="), &json!("bm8gSlNPTg==")));
    assert!(first["key"].is_null() && first["value"].is_null(), "{first}");
    assert!(body.contains("\"value\":[1.50,\n\"\\u00e4\"]"), "byte by byte: {body}");
    assert!(json["records"][1].get("key").is_none(), "{json}");
}

#[tokio::test]
async fn a_record_that_is_about_to_come_is_waited_for() {
    let world = Arc::new(World::start().await);
    let reading = {
        let world = world.clone();
        tokio::spawn(
            async move { world.call("GET /log/orders.dlq/2?from=end", &["Prefer: wait=60"], "").await },
        )
    };
    // From the end, so whatever came before its turn would not be shown: it is put until it is.
    let reply = loop {
        put(&world, Topic::DeadLetters, None, b"{\"come\":true}");
        tokio::task::yield_now().await;
        if reading.is_finished() {
            break reading.await.expect("an answer");
        }
    };
    assert_eq!(reply.json()["records"][0]["value"], json!({"come": true}));
}

#[tokio::test]
async fn without_a_record_the_page_is_empty_once_the_wait_is_over() {
    let world = World::of_service(|options| options.wait_ms_max = 20).await;
    for headers in [&[][..], &["Prefer: wait=0"], &["Prefer: wait=100000"], &["Prefer: wait=soon"]] {
        let page = world.call("GET /log/orders/2", headers, "").await.json();
        assert_eq!((offsets(&page), &page["next"]), (vec![], &json!(0)), "{headers:?}");
    }
}

#[tokio::test]
async fn a_server_that_stops_lets_nobody_wait() {
    let mut world = World::start().await;
    let address = world.address;
    let request = crate::client::request("GET /log/orders/2", &["Prefer: wait=60"], b"");
    let waiting = tokio::spawn(async move { crate::client::send(address, &request).await });
    // It is being served once the server has taken more connections than this one.
    assert_eq!(world.get("/health/live").await.status, 200);
    world.begin_stop();
    let reply = waiting.await.expect("an answer");
    assert!(reply.is_empty() || crate::client::Reply::parse(&reply).status == 200);
    world.stop().await;
}

#[tokio::test]
async fn what_nobody_committed_is_not_shown() {
    let world = World::start().await;
    world.log().with_broker(|broker| {
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
    let page = world.get("/log/orders/2").await.json();
    assert_eq!(page["records"].as_array().map(Vec::len), Some(1), "{page}");
    assert_eq!(page["records"][0]["value"], "shown");
    assert_eq!(page["next"], page["end"]);
}

#[tokio::test]
async fn what_is_gone_is_passed_over() {
    let world = World::start().await;
    (0..3).for_each(|_| put(&world, Topic::Notifications, None, b"{}"));
    world.log().with_broker(|broker| broker.truncate(Topic::Notifications, P, logistics_core::Offset(2)));
    let page = world.get("/log/order_notifications/2").await.json();
    assert_eq!((offsets(&page), &page["start"]), (vec![2], &json!(2)));
}

#[tokio::test]
async fn what_there_is_not_is_answered_with_what_there_is() {
    let world = World::start().await;
    let unknown = world.get("/log/order/0").await.error_of(404, "unknown_topic", "topic");
    for topic in Topic::ALL {
        assert!(unknown["error"].as_str().is_some_and(|error| error.contains(topic.name())), "{unknown}");
    }
    for partition in ["4", "-1", "all", "", "99999999999999999999", "%30"] {
        let path = format!("/log/orders/{partition}");
        let unknown = world.get(&path).await.error_of(404, "unknown_partition", "partition");
        assert_eq!(unknown["error"], "There is no such partition; there are 4, from 0 on");
    }
    assert_eq!(world.log().partitions(), 4);
}

#[tokio::test]
async fn a_page_that_cannot_be_is_refused_with_the_name_of_the_parameter() {
    let world = World::start().await;
    for from in ["-1", "start", "1.5", "99999999999999999999999", "1"] {
        let reply = world.get(&format!("/log/orders/2?from={from}")).await;
        reply.error_of(400, "invalid_request", "from");
    }
    for limit in ["0", "1001", "many"] {
        let reply = world.get(&format!("/log/orders/2?limit={limit}")).await;
        reply.error_of(400, "invalid_request", "limit");
    }
    world.get("/log/orders/2?offset=1").await.error_of(400, "invalid_request", "offset");
    world.call("POST /log/orders/2", &[], "").await.error(405, "method_not_allowed");
}
