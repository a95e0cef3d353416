//! The cost of looking up absent orders, and the replies of a store that went back.

use std::sync::Arc;

use logistics_core::{OrderId, Partition, partition_of};
use logistics_testkit::sample;

use crate::backend::PARTITIONS;
use crate::test_server::TestServer;

/// Ids of one partition that no order has. They carry no time, so no lookup waits for them.
fn unknown_ids(ids: usize) -> Vec<String> {
    let ours = |id: &String| {
        let id = OrderId::parse(id).expect("an id");
        partition_of(&id, PARTITIONS) == Partition(2)
    };
    (0..).map(|number| format!("unknown-{number}")).filter(ours).take(ids).collect()
}

/// Looks all of them up at once.
async fn all_are(status: u16, server: &Arc<TestServer>, ids: Vec<String>) {
    let lookups = ids.into_iter().map(|id| {
        let server = server.clone();
        tokio::spawn(async move { server.get(&format!("/orders/{id}")).await.status })
    });
    for answer in lookups.collect::<Vec<_>>() {
        assert_eq!(answer.await.expect("an answer"), status);
    }
}

#[tokio::test]
async fn one_lookup_serves_all_concurrent_reads_of_an_id() {
    let server = Arc::new(TestServer::start().await);
    server.slow_down(50);
    all_are(404, &server, vec![unknown_ids(1).remove(0); 200]).await;
    let (lookups, bounds) = server.port_calls();
    assert!(lookups <= 20 && bounds <= 20, "{lookups}, {bounds}");
}

#[tokio::test]
async fn one_read_of_the_end_of_a_partition_serves_all_that_wait_for_it() {
    let server = Arc::new(TestServer::start().await);
    server.slow_down(50);
    all_are(404, &server, unknown_ids(200)).await;
    let (lookups, bounds) = server.port_calls();
    assert!(lookups == 200 && bounds <= 20, "{lookups}, {bounds}");
}

#[tokio::test]
async fn the_pauses_between_lookups_of_a_young_id_grow() {
    let server = Arc::new(TestServer::of_service(|options| options.lookup_wait_ms = 2_500).await);
    let young = OrderId::generate(sample::time(0), [7; 10]).to_string();
    all_are(503, &server, vec![young.clone()]).await;
    let (one, _) = server.port_calls();
    all_are(503, &server, vec![young; 100]).await;
    let hundred = server.port_calls().0 - one;
    assert!((5..=13).contains(&one), "{one}");
    assert!(hundred <= 150, "{hundred}");
}

#[tokio::test]
async fn a_partition_whose_answered_offset_went_back_is_rebuilding_and_no_order_of_it_is_404() {
    let server = TestServer::start().await;
    let [first, second] = unknown_ids(2).try_into().expect("two");
    for _ in 0..9 {
        server.log().with_broker(|broker| {
            let payload = bytes::Bytes::from_static(b"{}");
            broker.append(logistics_core::port::Topic::Orders, Partition(2), None, payload);
        });
    }
    server.answer_until(9);
    server.get(&format!("/orders/{first}")).await.error(404, "not_found");
    assert!(server.get("/orders").await.json().get("incomplete").is_none());
    server.answer_until(4);
    for id in [&first, &second] {
        let reply = server.get(&format!("/orders/{id}")).await;
        reply.error(503, "rebuilding");
        assert_eq!(reply.header("retry-after"), "1");
    }
    assert_eq!(server.get("/orders").await.json()["incomplete"], true);
    server.answer_until(9);
    server.get(&format!("/orders/{second}")).await.error(404, "not_found");
    assert!(server.get("/orders").await.json().get("incomplete").is_none());
}

#[tokio::test]
async fn the_first_lists_of_a_process_are_incomplete_while_the_store_is_behind_the_log() {
    let server = TestServer::start().await;
    for _ in 0..9 {
        server.log().with_broker(|broker| {
            let payload = bytes::Bytes::from_static(b"{}");
            broker.append(logistics_core::port::Topic::Orders, Partition(2), None, payload);
        });
    }
    server.forget_partitions(true);
    assert_eq!(server.get("/orders").await.json()["incomplete"], true, "the store is empty");
    server.forget_partitions(false);
    server.answer_until(4);
    assert_eq!(server.get("/orders").await.json()["incomplete"], true, "the replay is half done");
    server.answer_until(9);
    assert!(server.get("/orders").await.json().get("incomplete").is_none());
    // Later records do not make a list incomplete: they are new, not lost.
    server.answer_until(8);
    assert!(server.get("/orders").await.json().get("incomplete").is_none());
}

#[tokio::test]
async fn a_store_that_lost_its_checkpoint_is_rebuilding() {
    let server = TestServer::start().await;
    let [id] = unknown_ids(1).try_into().expect("one");
    server.forget_partitions(true);
    server.get(&format!("/orders/{id}")).await.error(503, "not_ready");
    server.forget_partitions(false);
    server.get(&format!("/orders/{id}")).await.error(404, "not_found");
    server.forget_partitions(true);
    server.get(&format!("/orders/{id}")).await.error(503, "rebuilding");
    assert_eq!(server.get("/orders").await.json()["incomplete"], true);
}

#[tokio::test]
async fn a_new_log_is_shorter_and_its_answered_offset_counts_from_zero() {
    let server = TestServer::start().await;
    let [id] = unknown_ids(1).try_into().expect("one");
    server.answer_until(1_000);
    server.get(&format!("/orders/{id}")).await.error(404, "not_found");
    // The log has no record, so the store that has answered all of it is at its end.
    server.answer_until(0);
    server.get(&format!("/orders/{id}")).await.error(404, "not_found");
}
