//! Topics that operators changed.

use logistics_core::port::{PortErrorKind, Topic};
use logistics_kafka::KafkaBus;

use crate::lines;
use crate::system::System;

pub(crate) async fn refuse() {
    let system = System::start(1).await;
    let orders = system.topic(Topic::Orders);
    assert_eq!(lines::with(&orders), Vec::<String>::new(), "a created topic has no warnings");

    let cases = [
        (Topic::Orders, "max.message.bytes", "20000", "1048588"),
        (Topic::DeadLetters, "max.message.bytes", "20000", "1048588"),
        (Topic::Notifications, "cleanup.policy", "compact", "delete"),
        (Topic::Orders, "retention.ms", "604800000", "-1"),
        (Topic::Orders, "min.insync.replicas", "2", "1"),
    ];
    for (topic, setting, wrong, right) in cases {
        system.set(topic, setting, wrong).await;
        let refused = system.bus.check_topics().await.expect_err("it is wrong");
        assert_eq!(refused.kind(), PortErrorKind::Refused, "{refused}");
        let text = refused.to_string();
        let name = system.topic(topic);
        let command = format!("--entity-name {name} --add-config {setting}={right}`");
        for part in [&format!("the topic {name} at "), &format!(" has {setting}={wrong}: "), &command] {
            assert!(text.contains(part), "{part:?} is not in {text}");
        }
        system.set(topic, setting, right).await;
        system.bus.check_topics().await.expect("the command of the error corrects the setting");
    }

    system.set(Topic::Orders, "compression.type", "zstd").await;
    system.set(Topic::Orders, "message.timestamp.type", "CreateTime").await;
    let bus = KafkaBus::new(system.config.clone()).expect("valid settings");
    for _ in 0..3 {
        bus.check_topics().await.expect("an unwise setting is no error");
    }
    for setting in ["compression.type=zstd", "message.timestamp.type=CreateTime"] {
        let logged = lines::with(&format!("the topic {orders} has {setting}: "));
        assert_eq!(logged.len(), 1, "once: {logged:?}");
    }
}
