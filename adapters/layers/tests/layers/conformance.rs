//! Bus and store behind all layers pass their suites.

use std::sync::Arc;

use logistics_core::observe::Observers;
use logistics_layers::{BreakerSettings, CircuitBreaker, Layer, Layered, Observed, Retry, TimeLimit};
use logistics_testkit::{MemoryHarness, conformance};

type Stack<P> = Layered<Layered<Layered<Layered<P, TimeLimit>, CircuitBreaker>, Retry>, Observed>;

fn stack<P>(port: P) -> Arc<Stack<P>> {
    let port = TimeLimit::new(10_000).over(Arc::new(port));
    let port = Retry::default().over(CircuitBreaker::new("memory", BreakerSettings::default()).over(port));
    Observed::new(Arc::new(Observers::default())).over(port)
}

#[tokio::test]
async fn a_bus_behind_all_layers_is_a_bus() {
    let report = conformance::bus(async || MemoryHarness::bus(|bus| stack(bus))).await;
    assert!(report.skipped.is_empty() && report.passed.len() > 30, "{report}");
}

#[tokio::test]
async fn a_store_behind_all_layers_is_a_store() {
    let report = conformance::store(async || MemoryHarness::store(|store| stack(store))).await;
    assert!(report.skipped.is_empty() && report.passed.len() > 20, "{report}");
}
