//! Log lines for the events of processors.

use logistics_core::observe::Observer;
use logistics_core::processor::{ProcessorEvent, Skew};
use logistics_core::{Partition, TraceContext};
use tracing::{Level, error, field, info, warn};

use crate::order_lines::OrderLines;

/// Writes each event of a processor as one log line. Port calls are not logged.
///
/// It wants order events if the level INFO is logged when the processors start, and it logs any order.
#[derive(Debug, Clone, Copy, Default)]
pub struct LogObserver {
    /// The orders whose events are logged.
    orders: OrderLines,
}

impl LogObserver {
    /// Logs the events of these orders, and every other event.
    #[must_use]
    pub fn new(orders: OrderLines) -> Self {
        Self { orders }
    }

    /// An event of one order.
    fn order_event(&self, partition: Partition, event: &ProcessorEvent) {
        match event {
            ProcessorEvent::Received { order_id, status, trace } if self.orders.has(order_id) => {
                let (trace_id, span_id) = ids(*trace);
                info!(%partition, %order_id, trace_id, span_id, "Received order {order_id} with status {status}");
            }
            ProcessorEvent::Moved { order_id, status, trace } if self.orders.has(order_id) => {
                let (trace_id, span_id) = ids(*trace);
                info!(%partition, %order_id, trace_id, span_id, "Moved order {order_id} → {status}");
            }
            ProcessorEvent::Rejected { order_id, code, trace } if self.orders.has(order_id) => {
                let (trace_id, span_id) = ids(*trace);
                info!(%partition, %order_id, code, trace_id, span_id, "request rejected");
            }
            _ => {}
        }
    }
}

/// The ids of a span as fields of a line. Without a span, the line lacks both.
pub(crate) fn ids(
    trace: Option<TraceContext>,
) -> (Option<field::DisplayValue<String>>, Option<field::DisplayValue<String>>) {
    let trace_id = trace.map(|trace| field::display(trace.trace_id_hex()));
    let span_id = trace.map(|trace| field::display(trace.span_id_hex()));
    (trace_id, span_id)
}

impl Observer for LogObserver {
    fn processor_event(&self, partition: Partition, event: &ProcessorEvent, cause: Option<&str>) {
        match event {
            ProcessorEvent::Received { .. }
            | ProcessorEvent::Moved { .. }
            | ProcessorEvent::Rejected { .. } => self.order_event(partition, event),
            ProcessorEvent::DeadLettered { offset, code, reason } => {
                warn!(%partition, %offset, code = code.code(), reason, "invalid record dead-lettered; continuing");
            }
            ProcessorEvent::Foreign { offset, reason } => error!(
                %partition, %offset, reason,
                "foreign record: it claims to be an owner's and is not; it changes no order and is dead-lettered"
            ),
            ProcessorEvent::Rebuilding { reason } => error!(
                %partition, reason,
                "the store does not match this log; rebuilding the partition's documents from the log"
            ),
            ProcessorEvent::Indexing => info!(
                %partition,
                "an earlier release wrote the store; replaying the log to list the orders of each party"
            ),
            ProcessorEvent::NotIndexed { start } => warn!(
                %partition, %start,
                "an earlier release wrote the store, and the log lacks its first records; the lists of parties lack orders that \
                 do not change any more"
            ),
            ProcessorEvent::ClockSkew(Skew { ours, log, by_log, .. }) => error!(
                %partition, %ours, %log, by_log,
                "this process's clock differs from the log's by more than --clock-skew-max; no timer fires until the clocks \
                 agree"
            ),
            ProcessorEvent::ClocksAgree => info!(%partition, "the clocks agree again; timers fire again"),
            ProcessorEvent::Interrupted { code, phase, why, retry_after_ms } => warn!(
                %partition, code = code.code(), phase, why, cause, retry_after_ms,
                "the partition was interrupted; retrying"
            ),
            ProcessorEvent::Live { from, replayed } => info!(%partition, %from, replayed, "partition live"),
            ProcessorEvent::Halted { code, reason } => error!(
                %partition, code = code.code(), reason, cause,
                "the partition halted; the others continue; remove the cause, then restart this process"
            ),
            other => info!(%partition, event = other.name(), "processor event"),
        }
    }

    fn wants_order_events(&self) -> bool {
        self.orders.any() && tracing::enabled!(Level::INFO)
    }
}
