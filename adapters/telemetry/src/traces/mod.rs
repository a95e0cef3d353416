//! Traces: spans that are made from reports, and exported by OTLP.
//!
//! Reports contain the ids of their spans, so no span is open anywhere: a span is made when its report arrives, and is exported
//! within [`EXPORT_EVERY`]. Nothing here waits for the collector.

mod api;
mod append;
mod exporter;
mod notification;
mod otlp;
mod queue;
mod sampler;
mod span;
mod store_write;
mod transaction;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use logistics_core::observe::{
    ApiCall, AppendReport, NotificationReport, Observer, StoreWriteReport, TransactionReport,
};
use logistics_core::{Partition, TraceContext};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SpanExporter;

pub use otlp::{OtlpConfig, OtlpProtocol, TraceError};

use crate::{BuildInfo, SpanCounts};
use queue::SpanQueue;
use sampler::Sampler;
use store_write::Unwritten;

/// Maximum time between the end of a span and its export, without an outage. Short, so that stuck work is visible while it is
/// stuck.
const EXPORT_EVERY: Duration = Duration::from_secs(1);

/// How a process traces.
#[derive(Debug, Clone)]
pub struct TracesConfig {
    /// The program and the name of the process.
    pub build: BuildInfo,
    /// What the log runs on, for `messaging.system`: `kafka` or `logistics`.
    pub messaging_system: &'static str,
    /// The share of new traces that are recorded, 0 to 1. A caller that sends a context decides itself.
    pub sample_ratio: f64,
}

/// Makes spans from reports and exports them.
pub struct Traces {
    sampler: Sampler,
    messaging_system: &'static str,
    queue: SpanQueue,
    /// The transactions of each partition whose changes the store does not have yet.
    unwritten: Mutex<BTreeMap<Partition, Unwritten>>,
}

impl Traces {
    /// Starts the export to a collector. For gRPC, call it in a tokio runtime that outlives [`Self::stop`].
    ///
    /// # Errors
    /// If the endpoint or a header is invalid. A collector that does not answer is no error.
    pub fn start(config: TracesConfig, otlp: &OtlpConfig) -> Result<Self, TraceError> {
        Ok(Self::new(config, otlp.exporter()?))
    }

    fn new(config: TracesConfig, exporter: impl SpanExporter + 'static) -> Self {
        let TracesConfig { build, messaging_system, sample_ratio } = config;
        let queue = SpanQueue::start(exporter, &resource(build));
        let sampler = Sampler::new(sample_ratio);
        Self { sampler, messaging_system, queue, unwritten: Mutex::default() }
    }

    /// How many spans had which end, for `logistics_spans_total`.
    #[must_use]
    pub fn counts(&self) -> Arc<SpanCounts> {
        self.queue.counts()
    }

    /// Exports what waits, for at most `limit`, and stops. It blocks.
    pub fn stop(&self, limit: Duration) {
        self.queue.stop(limit);
    }

    fn unwritten(&self) -> MutexGuard<'_, BTreeMap<Partition, Unwritten>> {
        self.unwritten.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the spans are of. `OTEL_RESOURCE_ATTRIBUTES` adds to it, and does not replace the names of the process.
fn resource(build: BuildInfo) -> Resource {
    let BuildInfo { program, version, instance } = build;
    let names = [("service.version", version.to_owned()), ("service.instance.id", instance)];
    let names = names.map(|(name, value)| opentelemetry::KeyValue::new(name, value));
    Resource::builder().with_service_name(program).with_attributes(names).build()
}

impl Observer for Traces {
    fn transaction(&self, partition: Partition, report: &TransactionReport) {
        self.report_transaction(partition, report);
    }

    fn store_write(&self, report: &StoreWriteReport) {
        self.report_store_write(report);
    }

    fn api_call(&self, call: &ApiCall<'_>) {
        self.report_api_call(call);
    }

    fn append(&self, report: &AppendReport<'_>) {
        self.report_append(report);
    }

    fn notification(&self, report: &NotificationReport<'_>) {
        self.report_notification(report);
    }

    fn new_span(&self, parent: Option<TraceContext>) -> Option<TraceContext> {
        Some(self.sampler.new_span(parent))
    }

    fn wants_transactions(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests;
