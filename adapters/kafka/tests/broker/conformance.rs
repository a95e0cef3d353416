//! The bus's conformance suite.

use std::num::NonZeroUsize;
use std::sync::Arc;

use async_trait::async_trait;
use logistics_core::port::EventBus;
use logistics_kafka::KafkaBus;
use logistics_testkit::conformance::{self, BusHarness};

use crate::system::System;

/// Most cases wait for the group.
const SIDE_BY_SIDE: NonZeroUsize = NonZeroUsize::new(3).unwrap();

pub(crate) async fn kafka_is_a_bus() {
    // Each case has its own topics and groups on the one broker.
    let report = conformance::bus_side_by_side(SIDE_BY_SIDE, async || Kafka(System::start(3).await)).await;
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
