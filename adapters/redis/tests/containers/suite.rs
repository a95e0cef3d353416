//! The conformance suite.

use std::sync::Arc;

use async_trait::async_trait;
use logistics_core::port::OrderStore;
use logistics_redis::RedisStore;
use logistics_testkit::conformance::{self, StoreHarness};

use super::server::{Kind, PARTITIONS, Server};

struct Redis {
    server: Arc<Server>,
    store: RedisStore,
}

#[async_trait]
impl StoreHarness for Redis {
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
    let fresh = async || {
        server.cli::<()>(&["FLUSHALL"]).await;
        Redis { server: server.clone(), store: server.store() }
    };
    let report = conformance::store(fresh).await;
    assert!(report.skipped.is_empty() && report.passed.len() > 25, "{report}");
}
