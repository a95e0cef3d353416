//! The conformance suites over the engine.

use std::sync::Arc;

use async_trait::async_trait;
use logistics_core::port::{EventBus, OrderStore};
use logistics_embedded::limits::TAIL_BYTES_MAX;
use logistics_embedded::{Config, Engine};
use logistics_testkit::conformance::{self, BusHarness, StoreHarness};
use tempfile::TempDir;

struct Embedded {
    engine: Engine,
    tail_bytes: usize,
    directory: TempDir,
}

fn open(directory: &TempDir, tail_bytes: usize) -> Engine {
    Engine::open(Config { tail_bytes, ..Config::new(directory.path()) }).expect("the data file opens")
}

/// An engine on a new file. `tail_bytes`: memory for recent records; with 0, every read is from the file.
fn fresh(tail_bytes: usize) -> Embedded {
    let directory = tempfile::tempdir().expect("a temporary directory");
    Embedded { engine: open(&directory, tail_bytes), tail_bytes, directory }
}

impl Embedded {
    fn reopen(&mut self) {
        self.engine.close().expect("the engine closes");
        self.engine = open(&self.directory, self.tail_bytes);
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.engine.close().expect("the engine closes");
    }
}

#[async_trait]
impl BusHarness for Embedded {
    fn bus(&self) -> Arc<dyn EventBus> {
        self.engine.bus()
    }

    async fn restart(&mut self) {
        self.reopen();
    }
}

#[async_trait]
impl StoreHarness for Embedded {
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
        let report = conformance::bus(async || fresh(tail_bytes)).await;
        assert!(report.skipped.is_empty() && report.passed.len() > 30, "{report}");
    }
}

#[tokio::test]
async fn the_engine_is_a_store() {
    let report = conformance::store(async || fresh(TAIL_BYTES_MAX)).await;
    assert!(report.skipped.is_empty() && report.passed.len() > 20, "{report}");
}
