//! The conformance suite.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use logistics_core::port::OrderStore;
use logistics_redis::RedisStore;
use logistics_testkit::conformance::{self, Harness, StoreCapabilities, StoreFixture, StoreHarness};

use super::server::{Kind, PARTITIONS, Server};

struct Suite(Arc<Server>);

struct Fixture {
    server: Arc<Server>,
    store: RedisStore,
}

#[async_trait]
impl Harness for Suite {
    async fn pause(&self) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[async_trait]
impl StoreHarness for Suite {
    fn capabilities(&self) -> StoreCapabilities {
        StoreCapabilities { restart: true }
    }

    async fn fresh(&self) -> Box<dyn StoreFixture> {
        self.0.cli::<()>(&["FLUSHALL"]).await;
        Box::new(Fixture { server: self.0.clone(), store: self.0.store() })
    }
}

#[async_trait]
impl StoreFixture for Fixture {
    fn partitions(&self) -> u32 {
        PARTITIONS
    }

    fn store(&self) -> Arc<dyn OrderStore> {
        Arc::new(self.store.clone())
    }

    async fn restart(&mut self) {
        self.server.restart().await;
        self.store = self.server.store();
    }
}

pub(crate) async fn passes(kind: Kind) {
    let server = Arc::new(Server::start(kind, &[]).await);
    let report = conformance::store(&Suite(server)).await;
    assert!(report.skipped.is_empty() && report.passed.len() > 25, "{report}");
}
