//! An exporter that counts, and logs each outage once.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};

use crate::SpanCounts;

/// Counts what another exporter does.
pub(super) struct CountingExporter<E> {
    exporter: E,
    waiting: Arc<AtomicUsize>,
    counts: Arc<SpanCounts>,
    /// The last export failed.
    down: AtomicBool,
}

impl<E> CountingExporter<E> {
    /// `waiting`: reduced by the spans of each export when it has ended.
    pub(super) fn new(exporter: E, waiting: Arc<AtomicUsize>, counts: Arc<SpanCounts>) -> Self {
        Self { exporter, waiting, counts, down: AtomicBool::new(false) }
    }

    fn log(&self, result: &OTelSdkResult) {
        let was_down = self.down.swap(result.is_err(), Ordering::Relaxed);
        match result {
            Err(error) if !was_down => tracing::warn!(
                cause = %error,
                "cannot export spans to the collector; orders are not affected; the next line about it reports its return"
            ),
            Ok(()) if was_down => {
                let (failed, dropped) = (self.counts.failed(), self.counts.dropped());
                tracing::info!(failed, dropped, "the collector accepts spans again");
            }
            _ => {}
        }
    }
}

impl<E> fmt::Debug for CountingExporter<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CountingExporter").field("counts", &self.counts).finish_non_exhaustive()
    }
}

impl<E: SpanExporter> SpanExporter for CountingExporter<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        let result = self.exporter.export(batch).await;
        match &result {
            Ok(()) => self.counts.add_exported(spans as u64),
            Err(_) => self.counts.add_failed(spans as u64),
        }
        self.waiting.fetch_sub(spans, Ordering::AcqRel);
        self.log(&result);
        result
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}
