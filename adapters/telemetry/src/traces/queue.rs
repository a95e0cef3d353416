//! The queue of spans to the exporter, on the SDK's batch processor and its thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{BatchConfigBuilder, BatchSpanProcessor, SpanExporter, SpanProcessor};

use super::EXPORT_EVERY;
use super::exporter::CountingExporter;
use super::span::Span;
use crate::SpanCounts;

/// Maximum number of waiting spans.
const WAITING_SPANS_MAX: usize = 8192;
/// Maximum number of spans in one export.
const EXPORT_SPANS_MAX: usize = 1024;

/// A bounded queue of spans. A full queue drops spans.
pub(super) struct SpanQueue {
    processor: BatchSpanProcessor,
    /// Spans that were queued and whose export has not ended. It never exceeds [`WAITING_SPANS_MAX`], so the processor's own
    /// queue, which counts what it drops for its log alone, is never full.
    waiting: Arc<AtomicUsize>,
    counts: Arc<SpanCounts>,
}

impl SpanQueue {
    pub(super) fn start(exporter: impl SpanExporter + 'static, resource: &Resource) -> Self {
        let (waiting, counts) = (Arc::<AtomicUsize>::default(), Arc::<SpanCounts>::default());
        let exporter = CountingExporter::new(exporter, waiting.clone(), counts.clone());
        let config = BatchConfigBuilder::default()
            .with_max_queue_size(WAITING_SPANS_MAX)
            .with_max_export_batch_size(EXPORT_SPANS_MAX)
            .with_scheduled_delay(EXPORT_EVERY)
            .build();
        let mut processor = BatchSpanProcessor::new(exporter, config);
        processor.set_resource(resource);
        Self { processor, waiting, counts }
    }

    pub(super) fn push(&self, span: Span) {
        let added = self.waiting.fetch_update(Ordering::AcqRel, Ordering::Acquire, |waiting| {
            (waiting < WAITING_SPANS_MAX).then_some(waiting + 1)
        });
        if added.is_err() {
            self.counts.add_dropped(1);
            return;
        }
        self.processor.on_end(span.into_data());
    }

    pub(super) fn counts(&self) -> Arc<SpanCounts> {
        self.counts.clone()
    }

    pub(super) fn stop(&self, limit: Duration) {
        // The exporter has logged an outage, and counted what it could not export.
        let _ = self.processor.shutdown_with_timeout(limit);
    }
}
