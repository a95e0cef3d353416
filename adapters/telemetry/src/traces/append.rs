//! Spans of appends: producer spans.

use logistics_core::observe::AppendReport;
use opentelemetry::trace::SpanKind;

use super::Traces;
use super::span::Span;

impl Traces {
    pub(super) fn report_append(&self, report: &AppendReport<'_>) {
        let Some(context) = report.span else { return };
        if !context.is_sampled() && report.outcome.is_ok() {
            return;
        }
        let times = (report.began, report.elapsed);
        let span = Span::new(context, report.parent, SpanKind::Producer, "send orders", times)
            .with("messaging.system", self.messaging_system)
            .with("messaging.operation.name", "send")
            .with("messaging.operation.type", "send")
            .with("messaging.destination.name", "orders")
            .with("messaging.destination.partition.id", report.partition.to_string())
            .with_number("messaging.message.body.size", report.bytes)
            .with_text("messaging.message.id", report.request.as_str())
            .with_text("logistics.order.id", report.order_id.as_str());
        self.queue.push(match report.outcome {
            Ok(offset) => span.with_number(self.offset_name(), offset.0),
            Err(kind) => span.failed(kind.code()),
        });
    }

    /// The attribute that contains an offset. Only Kafka's is in the semantic conventions.
    pub(super) fn offset_name(&self) -> &'static str {
        if self.messaging_system == "kafka" { "messaging.kafka.offset" } else { "messaging.logistics.offset" }
    }
}
