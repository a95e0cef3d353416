//! The bus's conformance suite.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use logistics_core::port::EventBus;
use logistics_kafka::KafkaBus;
use logistics_testkit::conformance::{self, BusCapabilities, BusFixture, BusHarness, Harness};

use crate::system::System;

/// Most cases wait for the group.
const SIDE_BY_SIDE: NonZeroUsize = NonZeroUsize::new(3).unwrap();

pub(crate) async fn kafka_is_a_bus() {
    let report = conformance::bus(&Broker).await;
    assert!(report.skipped.is_empty() && report.passed.len() > 30, "{report}");
}

struct Broker;

#[async_trait]
impl Harness for Broker {
    async fn pause(&self) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    fn side_by_side(&self) -> NonZeroUsize {
        SIDE_BY_SIDE
    }
}

#[async_trait]
impl BusHarness for Broker {
    fn capabilities(&self) -> BusCapabilities {
        BusCapabilities { several_members: true, restart: true }
    }

    /// Separate topics and groups for each case, at the same broker.
    async fn fresh(&self) -> Box<dyn BusFixture> {
        Box::new(Fixture(System::start(3).await))
    }
}

struct Fixture(System);

#[async_trait]
impl BusFixture for Fixture {
    fn bus(&self) -> Arc<dyn EventBus> {
        Arc::new(self.0.bus.clone())
    }

    async fn restart(&mut self) {
        self.0.bus = KafkaBus::new(self.0.config.clone()).expect("valid settings");
    }
}
