//! What looking for orders costs that are not there, and what it says of a store that went back.

use std::sync::Arc;

use logistics_core::{OrderId, Partition, partition_of};
use logistics_testkit::sample;

use crate::world::{PARTITIONS, World};

/// Ids of one partition that no order has; they are older than any that is waited for.
fn unknown_ids(ids: usize) -> Vec<String> {
    let ours = |id: &String| {
        let id = OrderId::parse(id).expect("an id");
        partition_of(&id, PARTITIONS) == Partition(2)
    };
    (0..).map(|number| format!("unknown-{number}")).filter(ours).take(ids).collect()
}

/// Asks for all of them at once.
async fn all_are(status: u16, world: &Arc<World>, ids: Vec<String>) {
    let asked = ids.into_iter().map(|id| {
        let world = world.clone();
        tokio::spawn(async move { world.get(&format!("/orders/{id}")).await.status })
    });
    for answer in asked.collect::<Vec<_>>() {
        assert_eq!(answer.await.expect("an answer"), status);
    }
}

#[tokio::test]
async fn one_look_up_serves_all_that_ask_for_the_same_id_at_once() {
    let world = Arc::new(World::start().await);
    world.slow_down(50);
    all_are(404, &world, vec![unknown_ids(1).remove(0); 200]).await;
    let (lookups, bounds) = world.asked();
    assert!(lookups <= 20 && bounds <= 20, "{lookups}, {bounds}");
}

#[tokio::test]
async fn one_question_for_the_end_of_a_partition_serves_all_that_wait_for_it() {
    let world = Arc::new(World::start().await);
    world.slow_down(50);
    all_are(404, &world, unknown_ids(200)).await;
    let (lookups, bounds) = world.asked();
    assert!(lookups == 200 && bounds <= 20, "{lookups}, {bounds}");
}

#[tokio::test]
async fn a_young_id_is_looked_for_less_and_less_often() {
    let world = Arc::new(World::of_service(|options| options.lookup_wait_ms = 2_500).await);
    let young = OrderId::generate(sample::time(0), [7; 10]).to_string();
    all_are(503, &world, vec![young.clone()]).await;
    let (one, _) = world.asked();
    all_are(503, &world, vec![young; 100]).await;
    let hundred = world.asked().0 - one;
    assert!((5..=13).contains(&one), "{one}");
    assert!(hundred <= 150, "{hundred}");
}

#[tokio::test]
async fn a_partition_whose_answers_went_back_is_rebuilding_and_no_order_is_missed_in_it() {
    let world = World::start().await;
    let [first, second] = unknown_ids(2).try_into().expect("two");
    for _ in 0..9 {
        world.log().with_broker(|broker| {
            let payload = bytes::Bytes::from_static(b"{}");
            broker.append(logistics_core::port::Topic::Orders, Partition(2), None, payload);
        });
    }
    world.answer_until(9);
    world.get(&format!("/orders/{first}")).await.error(404, "not_found");
    assert!(world.get("/orders").await.json().get("incomplete").is_none());
    world.answer_until(4);
    for id in [&first, &second] {
        let reply = world.get(&format!("/orders/{id}")).await;
        reply.error(503, "rebuilding");
        assert_eq!(reply.header("retry-after"), "1");
    }
    assert_eq!(world.get("/orders").await.json()["incomplete"], true);
    world.answer_until(9);
    world.get(&format!("/orders/{second}")).await.error(404, "not_found");
    assert!(world.get("/orders").await.json().get("incomplete").is_none());
}

#[tokio::test]
async fn a_list_of_a_process_that_has_just_started_says_that_the_store_is_behind_the_log() {
    let world = World::start().await;
    for _ in 0..9 {
        world.log().with_broker(|broker| {
            let payload = bytes::Bytes::from_static(b"{}");
            broker.append(logistics_core::port::Topic::Orders, Partition(2), None, payload);
        });
    }
    world.forget_partitions(true);
    assert_eq!(world.get("/orders").await.json()["incomplete"], true, "a store that was wiped");
    world.forget_partitions(false);
    world.answer_until(4);
    assert_eq!(world.get("/orders").await.json()["incomplete"], true, "a replay that is half done");
    world.answer_until(9);
    assert!(world.get("/orders").await.json().get("incomplete").is_none());
    // What comes after that is only young.
    world.answer_until(8);
    assert!(world.get("/orders").await.json().get("incomplete").is_none());
}

#[tokio::test]
async fn a_store_that_lost_what_it_knew_of_a_partition_is_rebuilding() {
    let world = World::start().await;
    let [id] = unknown_ids(1).try_into().expect("one");
    world.forget_partitions(true);
    world.get(&format!("/orders/{id}")).await.error(503, "not_ready");
    world.forget_partitions(false);
    world.get(&format!("/orders/{id}")).await.error(404, "not_found");
    world.forget_partitions(true);
    world.get(&format!("/orders/{id}")).await.error(503, "rebuilding");
    assert_eq!(world.get("/orders").await.json()["incomplete"], true);
}

#[tokio::test]
async fn a_log_that_was_made_anew_is_shorter_and_its_answers_count_from_the_start() {
    let world = World::start().await;
    let [id] = unknown_ids(1).try_into().expect("one");
    world.answer_until(1_000);
    world.get(&format!("/orders/{id}")).await.error(404, "not_found");
    // The log has no record, so the store that has answered all of it is at its end.
    world.answer_until(0);
    world.get(&format!("/orders/{id}")).await.error(404, "not_found");
}
