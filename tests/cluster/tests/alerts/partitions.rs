//! Faults of partitions, of producers, and of merchants.

use std::sync::Arc;
use std::time::Duration;

use logistics_cluster_tests::PARTITIONS;
use logistics_cluster_tests::api;
use logistics_cluster_tests::services::Services;
use logistics_cluster_tests::system::System;
use logistics_core::port::Topic;
use logistics_core::{Offset, Outcome, OutcomeKind, Partition, Timestamp, wire};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use tokio::task::spawn_blocking;

use crate::monitor::Monitor;
use crate::scene::Scene;

/// What an owner of the release after the next writes.
pub(crate) const OF_A_NEWER_RELEASE: &[u8] = br#"{"specversion":"1.0","dataschema":"urn:logistics:order:99","source":"/logistics/processor","type":"logistics.order.confirmed","id":"x","data":{}}"#;

/// More than a processor decides within a minute.
const FLOOD: u64 = 150_000;

/// Seconds that an order may stay in each status.
const DEADLINE: u32 = 10;

pub(crate) async fn a_flood_of_orders_waits(system: System) {
    let mut scene = Scene::start(system, 1).await;
    let orders = (0..FLOOD).map(|number| format!("flood-{number}"));
    let records = scene.system.records();
    records
        .write_all(orders.map(|order_id| {
            let payload = format!(r#"{{"order_id":"{order_id}","status":"PLACED"}}"#);
            (order_id, payload.into_bytes())
        }))
        .await;
    scene.fires_and_clears("LogLagGrows", async |_| ()).await;
}

pub(crate) async fn an_invalid_record_is_dead_lettered(system: System) {
    let mut scene = Scene::start(system, 1).await;
    scene.system.records().write(Some(0), None, b"garbage").await;
    scene.fires_and_clears("DeadLetters", async |_| ()).await;
}

pub(crate) async fn a_record_claims_to_be_an_owners(system: System) {
    let mut scene = Scene::start(system, 1).await;
    let result = OutcomeKind::DeadLettered { reason: "forged".to_owned() };
    let ahead = Outcome::new(Offset(999_999), result);
    let forged = wire::encode_outcome(&ahead, Partition(0), Timestamp::default());
    scene.system.records().write(Some(0), Some("key"), &forged).await;
    scene.fires_and_clears("ForeignRecords", async |_| ()).await;
}

/// Requests make the transitions. The order waits for its merchant until the customer cancels it.
pub(crate) async fn a_merchant_does_not_answer(system: System) {
    let services = Services {
        api: system.api(),
        processors: vec![system.start("order-processor", &[("LOGISTICS_MODE", "manual")])],
        notifications: system.notifications(),
    };
    services.processors[0].until_ready().await;
    services.api.until_ready().await;
    let mut scene = Scene { system, services, monitor: Monitor::start(Some(DEADLINE)) };
    scene.scrape(&[]);
    scene.monitor.until_quiet(3).await;
    let api = scene.services.api.address();
    let placed = api::post(api, "/orders").await.expect("an answer").json();
    let order_id = placed["order_id"].as_str().expect("an order id").to_owned();
    let repair = async |_: &mut Scene| {
        let path = format!("/orders/{order_id}/cancel");
        let cancelled = api::post(api, &path).await.expect("an answer");
        assert_eq!(cancelled.status, 200, "{}", cancelled.body);
    };
    scene.fires_and_clears("OrderOverdue", repair).await;
}

/// The group gives partitions to a program that decides nothing.
pub(crate) async fn another_program_joins_the_group(system: System) {
    let mut scene = Scene::start(system, 2).await;
    let load = scene.load();
    let mut settings = ClientConfig::new();
    settings.set("bootstrap.servers", scene.system.kafka().address());
    settings.set("group.id", scene.system.group("order-processor"));
    settings.set("partition.assignment.strategy", "cooperative-sticky");
    settings.set("enable.auto.commit", "false");
    let member: BaseConsumer = settings.create().expect("a consumer");
    member.subscribe(&[&scene.system.topic(Topic::Orders)]).expect("a subscription");
    let stays = Arc::new(());
    let staying = Arc::downgrade(&stays);
    // A member that does not poll is removed from the group. A failed test drops `stays`, too.
    let member = spawn_blocking(move || {
        while staying.strong_count() > 0 {
            let _ = member.poll(Duration::from_millis(500));
        }
    });
    let repair = async |_: &mut Scene| {
        drop(stays);
        member.await.expect("it does not panic");
    };
    scene.fires_and_clears("PartitionUnowned", repair).await;
    load.end().await;
}

/// The record stays in the log, so the alert does not clear.
pub(crate) async fn a_partition_meets_a_newer_release(system: System) {
    let mut scene = Scene::start(system, 1).await;
    scene.system.records().write(Some(PARTITIONS - 1), Some("key"), OF_A_NEWER_RELEASE).await;
    scene.monitor.fires("PartitionHalted").await;
}
