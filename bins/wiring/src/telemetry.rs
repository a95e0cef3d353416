//! What a process shows of itself: metrics, and what observes its parts.

use std::sync::Arc;

use clap::Args;
use logistics_cli_kit::Failure;
use logistics_core::observe::{Exposition, Gauges, Observers};
use logistics_layers::{BreakerSettings, CircuitBreaker, Observed};
use logistics_telemetry::{BuildInfo, Metrics};

/// Flags of every process that can be observed.
#[derive(Args, Debug, Clone, Default)]
pub struct TelemetryArgs {
    #[cfg(feature = "otlp")]
    #[command(flatten)]
    otlp: crate::otlp::OtlpArgs,
}

impl TelemetryArgs {
    /// Starts the telemetry of this process. `instance`: its name; `log`: what its log runs on.
    ///
    /// # Errors
    /// If a flag is invalid.
    #[cfg_attr(not(feature = "otlp"), allow(unused_variables, reason = "only spans name the log"))]
    pub fn start(&self, program: &'static str, instance: &str, log: LogSystem) -> Result<Telemetry, Failure> {
        let telemetry = Telemetry::new(program, instance);
        #[cfg(feature = "otlp")]
        let telemetry =
            telemetry.tracing(self.otlp.start(build_info(program, instance), log.messaging_system())?);
        Ok(telemetry)
    }
}

/// What the log of a process runs on. A build can contain both, so the engine in use decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogSystem {
    /// The topics of Kafka.
    Kafka,
    /// The file of the embedded engine.
    Embedded,
}

#[cfg(feature = "otlp")]
impl LogSystem {
    /// The attribute `messaging.system`.
    fn messaging_system(self) -> &'static str {
        match self {
            Self::Kafka => "kafka",
            Self::Embedded => "logistics",
        }
    }
}

fn build_info(program: &'static str, instance: &str) -> BuildInfo {
    BuildInfo { program, version: env!("CARGO_PKG_VERSION"), instance: instance.to_owned() }
}

/// The metrics of a process, and the observers of its parts. Clones share them.
#[derive(Clone)]
pub struct Telemetry {
    metrics: Arc<Metrics>,
    observers: Observers,
    #[cfg(feature = "otlp")]
    traces: Option<Arc<logistics_telemetry::Traces>>,
}

impl Telemetry {
    /// Metrics alone.
    #[must_use]
    pub fn new(program: &'static str, instance: &str) -> Self {
        let metrics = Arc::new(Metrics::new(build_info(program, instance)));
        let observers = Observers::default().with(metrics.clone());
        Self {
            metrics,
            observers,
            #[cfg(feature = "otlp")]
            traces: None,
        }
    }

    /// The same, with traces if there are any.
    #[cfg(feature = "otlp")]
    fn tracing(mut self, traces: Option<Arc<logistics_telemetry::Traces>>) -> Self {
        if let Some(traces) = &traces {
            self.metrics.watch_spans(traces.counts());
            self.observers = self.observers.with(traces.clone());
        }
        self.traces = traces;
        self
    }

    /// Exports the last spans, within a limited time. Call it once, when everything that is observed has ended.
    pub async fn stop(self) {
        #[cfg(feature = "otlp")]
        if let Some(traces) = self.traces {
            let stop = move || traces.stop(crate::otlp::FLUSH_MAX);
            // The thread waits for the exporter, and must not keep the runtime from driving a gRPC connection.
            let _ = tokio::task::spawn_blocking(stop).await;
        }
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

    /// The circuit breaker of a dependency, with its state and its transitions in the metrics.
    #[must_use]
    pub fn breaker(&self, dependency: &'static str, settings: BreakerSettings) -> CircuitBreaker {
        let breaker = CircuitBreaker::observed(dependency, settings, Arc::new(self.observers()));
        self.watch(Arc::new(breaker.clone()));
        breaker
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
