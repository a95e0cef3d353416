//! Spans of attempts to deliver a notification.

use logistics_core::observe::{NotificationEnd, NotificationReport};
use opentelemetry::trace::SpanKind;

use super::Traces;
use super::span::Span;

impl Traces {
    pub(super) fn report_notification(&self, report: &NotificationReport<'_>) {
        let Some(context) = report.span else { return };
        let is_lost = matches!(report.end, NotificationEnd::Undeliverable(_));
        if !context.is_sampled() && !is_lost {
            return;
        }
        let name = format!("notify {}", report.channel);
        let times = (report.began, report.elapsed);
        let mut span = Span::new(context, report.parent, SpanKind::Consumer, name, times)
            .with("messaging.system", self.messaging_system)
            .with("messaging.operation.name", "notify")
            .with("messaging.operation.type", "process")
            .with("messaging.destination.name", "order_notifications")
            .with("messaging.destination.partition.id", report.partition.to_string())
            .with_number(self.offset_name(), report.offset.0)
            .with_text("logistics.channel", report.channel)
            .with("logistics.notification.outcome", report.end.code())
            .with("logistics.notification.attempt", i64::from(report.attempt));
        if let Some((order_id, version, status)) = report.order {
            span = span
                .with_text("logistics.order.id", order_id.as_str())
                .with_number("logistics.order.version", version.0)
                .with("logistics.order.status", status.name());
        }
        self.queue.push(match report.end {
            NotificationEnd::Retried(kind) | NotificationEnd::Undeliverable(kind) => span.failed(kind.code()),
            NotificationEnd::Undecodable => span.failed("undecodable"),
            _ => span,
        });
    }
}
