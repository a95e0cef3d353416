//! The conformance suites over the engine.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use logistics_core::port::{EventBus, OrderStore};
use logistics_embedded::limits::TAIL_BYTES_MAX;
use logistics_embedded::{Config, Engine};
use logistics_testkit::conformance::{
    self, BusCapabilities, BusFixture, BusHarness, Harness, StoreCapabilities, StoreFixture, StoreHarness,
};
use tempfile::TempDir;

struct Embedded {
    /// Memory for recent records; without any, every read is from the file.
    tail_bytes: usize,
}

struct Fixture {
    directory: TempDir,
    tail_bytes: usize,
    engine: Engine,
}

impl Fixture {
    fn new(tail_bytes: usize) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let engine = Self::open(&directory, tail_bytes);
        Self { directory, tail_bytes, engine }
    }

    fn open(directory: &TempDir, tail_bytes: usize) -> Engine {
        let config = Config { tail_bytes, ..Config::new(directory.path()) };
        Engine::open(config).expect("the data file opens")
    }

    fn reopen(&mut self) {
        self.engine.close().expect("the engine closes");
        self.engine = Self::open(&self.directory, self.tail_bytes);
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        self.engine.close().expect("the engine closes");
    }
}

#[async_trait]
impl Harness for Embedded {
    async fn pause(&self) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[async_trait]
impl BusHarness for Embedded {
    fn capabilities(&self) -> BusCapabilities {
        BusCapabilities { several_members: true, restart: true }
    }

    async fn fresh(&self) -> Box<dyn BusFixture> {
        Box::new(Fixture::new(self.tail_bytes))
    }
}

#[async_trait]
impl BusFixture for Fixture {
    fn bus(&self) -> Arc<dyn EventBus> {
        self.engine.bus()
    }

    async fn restart(&mut self) {
        self.reopen();
    }
}

#[async_trait]
impl StoreHarness for Embedded {
    fn capabilities(&self) -> StoreCapabilities {
        StoreCapabilities { restart: true }
    }

    async fn fresh(&self) -> Box<dyn StoreFixture> {
        Box::new(Fixture::new(self.tail_bytes))
    }
}

#[async_trait]
impl StoreFixture for Fixture {
    fn partitions(&self) -> u32 {
        self.engine.partitions()
    }

    fn store(&self) -> Arc<dyn OrderStore> {
        self.engine.store()
    }

    async fn restart(&mut self) {
        self.reopen();
    }
}

#[tokio::test]
async fn the_engine_is_a_bus() {
    for tail_bytes in [TAIL_BYTES_MAX, 0] {
        let report = conformance::bus(&Embedded { tail_bytes }).await;
        assert!(report.skipped.is_empty() && report.passed.len() > 30, "{report}");
    }
}

#[tokio::test]
async fn the_engine_is_a_store() {
    let report = conformance::store(&Embedded { tail_bytes: TAIL_BYTES_MAX }).await;
    assert!(report.skipped.is_empty() && report.passed.len() > 20, "{report}");
}
