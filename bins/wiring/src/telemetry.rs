//! What a process shows of itself: metrics, and what observes its parts.

use std::sync::Arc;

use clap::Args;
use logistics_cli_kit::Failure;
use logistics_core::observe::{Exposition, Gauges, Observers};
use logistics_layers::Observed;
use logistics_telemetry::{BuildInfo, Metrics};

/// Flags of every process that can be observed.
#[derive(Args, Debug, Clone, Default)]
pub struct TelemetryArgs {}

impl TelemetryArgs {
    /// Starts the telemetry of this process. `instance`: its name.
    ///
    /// # Errors
    /// If a flag is invalid.
    pub fn start(&self, program: &'static str, instance: &str) -> Result<Telemetry, Failure> {
        Ok(Telemetry::new(program, instance))
    }
}

/// The metrics of a process, and the observers of its parts. Clones share them.
#[derive(Clone)]
pub struct Telemetry {
    metrics: Arc<Metrics>,
    observers: Observers,
}

impl Telemetry {
    /// Metrics alone.
    #[must_use]
    pub fn new(program: &'static str, instance: &str) -> Self {
        let build = BuildInfo { program, version: env!("CARGO_PKG_VERSION"), instance: instance.to_owned() };
        let metrics = Arc::new(Metrics::new(build));
        let observers = Observers::default().with(metrics.clone());
        Self { metrics, observers }
    }

    /// Metrics, and one more observer.
    #[cfg(test)]
    pub(crate) fn observed_by(observer: Arc<dyn logistics_core::observe::Observer>) -> Self {
        let telemetry = Self::new("test", "test");
        let observers = telemetry.observers().with(observer);
        Self { observers, ..telemetry }
    }

    /// What observes the parts of the process. The log lines of processors are not among it.
    #[must_use]
    pub fn observers(&self) -> Observers {
        self.observers.clone()
    }

    /// The layer of a port whose calls are reported. [`crate::Services`] adds it to the ports of processors itself.
    #[must_use]
    pub fn layer(&self) -> Observed {
        Observed::new(Arc::new(self.observers()))
    }

    /// The text of `/metrics`.
    #[must_use]
    pub fn exposition(&self) -> Arc<dyn Exposition> {
        self.metrics.clone()
    }

    /// Asks this part for its state at each scrape.
    pub fn watch(&self, gauges: Arc<dyn Gauges>) {
        self.metrics.watch(gauges);
    }
}
