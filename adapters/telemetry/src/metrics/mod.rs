//! The metrics of a process.

use std::sync::{Arc, Mutex, PoisonError};

use logistics_core::observe::{Exposition, Gauges, Observer, Reading};
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

/// Names the build and the process in `logistics_build_info`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct BuildInfo {
    /// The program, such as `order-api`.
    pub program: &'static str,
    /// Its version.
    pub version: &'static str,
    /// The name of this process.
    pub instance: String,
}

/// The metrics of a process: an observer, and the text that a scrape returns.
pub struct Metrics {
    registry: Registry,
    gauges: Mutex<Vec<Arc<dyn Gauges>>>,
}

impl Metrics {
    /// The metrics of a process, all 0.
    #[must_use]
    pub fn new(build: BuildInfo) -> Self {
        let mut registry = Registry::default();
        let BuildInfo { program, version, instance } = build;
        let labels =
            vec![("program", program.to_owned()), ("version", version.to_owned()), ("name", instance)];
        registry.register("logistics_build", "The build and the name of this process", Info::new(labels));
        Self { registry, gauges: Mutex::default() }
    }

    /// Asks this source for its state at each scrape.
    pub fn watch(&self, gauges: Arc<dyn Gauges>) {
        self.gauges.lock().unwrap_or_else(PoisonError::into_inner).push(gauges);
    }
}

impl Observer for Metrics {}

impl Exposition for Metrics {
    fn content_type(&self) -> &'static str {
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    }

    fn text(&self) -> String {
        let mut readings: Vec<Reading> = Vec::new();
        for gauges in self.gauges.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            gauges.read(&mut |reading| readings.push(reading));
        }
        let mut text = String::new();
        // Writing to a `String` does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}
