//! The bus's conformance suite.

use std::sync::Arc;

use async_trait::async_trait;
use logistics_core::port::EventBus;
use logistics_kafka::KafkaBus;
use logistics_testkit::conformance::{self, BusHarness};

use crate::system::System;

pub(crate) async fn kafka_is_a_bus() {
    // Each case has topics and groups of its own, on the one broker.
    let report = conformance::bus(async || Kafka(System::start(3).await)).await;
    assert!(report.skipped.is_empty() && report.passed.len() > 30, "{report}");
}

struct Kafka(System);

#[async_trait]
impl BusHarness for Kafka {
    fn bus(&self) -> Arc<dyn EventBus> {
        Arc::new(self.0.bus.clone())
    }

    async fn restart(&mut self) {
        self.0.bus = KafkaBus::new(self.0.config.clone()).expect("valid settings");
    }
}
