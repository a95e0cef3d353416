//! The bus's conformance suite against a real broker.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use logistics_containers::{Kafka, Suite};
use logistics_core::port::EventBus;
use logistics_core::testkit::conformance::{self, BusCapabilities, BusFixture, BusHarness, Harness};
use logistics_kafka::{Config, KafkaBus};

fn main() -> ExitCode {
    Suite::new().test("kafka_is_a_bus", kafka_is_a_bus).run()
}

async fn kafka_is_a_bus() {
    let broker = Broker { kafka: Kafka::start().await, cases: AtomicU32::new(0) };
    let report = conformance::bus(&broker).await;
    assert!(report.skipped.is_empty() && report.passed.len() > 30, "{report}");
}

struct Broker {
    kafka: Kafka,
    cases: AtomicU32,
}

#[async_trait]
impl Harness for Broker {
    async fn pause(&self) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[async_trait]
impl BusHarness for Broker {
    fn capabilities(&self) -> BusCapabilities {
        BusCapabilities { several_members: true, restart: true }
    }

    /// Topics and groups of its own for each case, at the one broker.
    async fn fresh(&self) -> Box<dyn BusFixture> {
        let case = self.cases.fetch_add(1, Ordering::Relaxed);
        let topic_prefix = format!("case-{case}.");
        let config = Config { topic_prefix, ..Config::new(self.kafka.address(), 3) };
        let bus = KafkaBus::new(config.clone()).expect("valid settings");
        bus.create_topics(None).await.expect("the topics are created");
        Box::new(Fixture { config, bus })
    }
}

struct Fixture {
    config: Config,
    bus: KafkaBus,
}

#[async_trait]
impl BusFixture for Fixture {
    fn bus(&self) -> Arc<dyn EventBus> {
        Arc::new(self.bus.clone())
    }

    async fn restart(&mut self) {
        self.bus = KafkaBus::new(self.config.clone()).expect("valid settings");
    }
}
