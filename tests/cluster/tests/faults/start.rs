//! Unsuitable settings and dependencies.

use logistics_cluster_tests::api;
use logistics_cluster_tests::process::Process;
use logistics_cluster_tests::services::Services;
use logistics_cluster_tests::system::System;
use logistics_containers::{Kafka, Redis};

const SECRET: &str = "correct-horse";
const SERVICES: [&str; 3] = ["order-api", "order-processor", "notification-service"];

async fn assert_rejected(mut process: Process, sentence: &str) {
    let status = process.ended().await;
    let output = process.output();
    assert_eq!(status.code(), Some(2), "{output}");
    assert!(output.contains(sentence), "{sentence:?} is not in {output}");
    assert!(!output.contains(SECRET), "a secret is in {output}");
}

pub(crate) async fn a_service_waits_for_a_missing_topic(system: System) {
    let later = system.start(
        "order-processor",
        &[("LOGISTICS_KAFKA_TOPIC_PREFIX", "later."), ("LOGISTICS_HEALTH_DETAILS", "true")],
    );
    later.until_printed("has no topic later.orders").await;
    let ready = api::get(later.address(), "/health/ready").await.expect("an answer");
    assert!(ready.status == 503 && ready.body.contains("has no topic"), "{}", ready.body);
    let live = api::get(later.address(), "/health/live").await.expect("an answer");
    assert_eq!(live.status, 200);
    let mut config =
        logistics_kafka::Config::new(system.kafka().address(), logistics_cluster_tests::PARTITIONS);
    config.topic_prefix = "later.".to_owned();
    let bus = logistics_kafka::KafkaBus::new(config).expect("valid settings");
    bus.create_topics(None).await.expect("topics");
    later.until_ready().await;
    later.stop().await;
}

pub(crate) async fn another_partition_count_is_rejected(system: System) {
    for service in SERVICES {
        let process = system.start(service, &[("LOGISTICS_PARTITIONS", "3")]);
        assert_rejected(process, "has 4 partitions and the settings say 3").await;
    }
}

pub(crate) async fn a_topic_with_finite_retention_is_rejected(system: System) {
    // The broker's default retention is a week.
    for topic in logistics_core::port::Topic::ALL {
        let name = format!("week.{}", topic.name());
        let create = ["kafka-topics.sh", "--create", "--topic", &name, "--partitions", "4"];
        let printed = system.kafka().tool(&create).await;
        assert!(printed.contains("Created topic"), "{printed}");
    }
    let process = system.start("order-processor", &[("LOGISTICS_KAFKA_TOPIC_PREFIX", "week.")]);
    assert_rejected(process, "has retention.ms=604800000: orders would be lost").await;
}

pub(crate) async fn a_store_that_evicts_is_rejected(system: System) {
    system.redis().cli(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]).await;
    assert_rejected(system.processor(), "noeviction").await;
    system.redis().cli(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]).await;
    Services::start(&system, 1).await.stop().await;
}

pub(crate) async fn a_wrong_password_is_rejected_and_not_shown(system: System) {
    let redis = Redis::start_with(|_| vec!["--requirepass".to_owned(), "right".to_owned()]).await;
    let settings = [("LOGISTICS_REDIS_URL", redis.url()), ("LOGISTICS_REDIS_PASSWORD", SECRET.to_owned())];
    assert_rejected(
        system.start("order-processor", &settings.each_ref().map(|(n, v)| (*n, v.as_str()))),
        "password",
    )
    .await;
    drop(redis);

    let kafka = Kafka::start_with_password("orders", "right").await;
    let with = |password: &str| {
        let settings = [
            ("LOGISTICS_KAFKA_BROKERS", kafka.address()),
            ("LOGISTICS_KAFKA_SECURITY_PROTOCOL", "sasl_plaintext".to_owned()),
            ("LOGISTICS_KAFKA_SASL_MECHANISM", "plain".to_owned()),
            ("LOGISTICS_KAFKA_SASL_USERNAME", "orders".to_owned()),
            ("LOGISTICS_KAFKA_SASL_PASSWORD", password.to_owned()),
        ];
        system.start("order-processor", &settings.each_ref().map(|(n, v)| (*n, v.as_str())))
    };
    assert_rejected(with(SECRET), "password").await;
    let right = with("right");
    right.until_printed("has no topic").await;
    right.stop().await;
}
