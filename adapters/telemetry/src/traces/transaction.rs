//! Spans of a transaction: the batch with its commit, and each decision in the trace of its order.

use std::time::Duration;

use logistics_core::observe::{DeadLetterReport, FactReport, RejectionReport, TransactionReport};
use logistics_core::{Partition, Timestamp, TraceContext};
use opentelemetry::KeyValue;
use opentelemetry::trace::SpanKind;

use super::Traces;
use super::span::Span;

/// Maximum number of links of a span, which is the SDK's.
const LINKS_MAX: usize = 128;
/// Maximum number of events of a span, which is the SDK's.
const EVENTS_MAX: usize = 128;

/// The batch of a transaction, as its decisions see it.
#[derive(Clone, Copy)]
struct Batch {
    partition: Partition,
    /// Its span; `None`: it is not exported.
    span: Option<TraceContext>,
    began: Timestamp,
    elapsed: Duration,
}

impl Traces {
    pub(super) fn report_transaction(&self, partition: Partition, report: &TransactionReport) {
        let elapsed = report.decide_elapsed + report.commit_elapsed;
        let span = self.batch_span(report);
        let batch = Batch { partition, span, began: report.began, elapsed };
        for fact in report.facts.iter().filter(|fact| is_sampled(fact.span)) {
            self.report_fact(batch, fact);
        }
        for rejection in report.rejections.iter().filter(|rejection| is_sampled(rejection.parent)) {
            self.report_rejection(batch, rejection);
        }
        if let Some(context) = span {
            self.report_batch(batch, context, report);
            self.unwritten().entry(partition).or_default().committed(report.next, context);
        }
    }

    /// The context of the batch, which is a trace of its own. Exported: one that links to a recorded trace, that lost an input to
    /// the dead letters, and otherwise by ratio.
    fn batch_span(&self, report: &TransactionReport) -> Option<TraceContext> {
        let context = self.sampler.new_span(None);
        let is_linked = links(report).next().is_some();
        (context.is_sampled() || is_linked || !report.dead_letters.is_empty())
            .then_some(context.with_sampled(true))
    }

    fn report_batch(&self, batch: Batch, context: TraceContext, report: &TransactionReport) {
        let times = (batch.began, batch.elapsed);
        let mut span = Span::new(context, None, SpanKind::Consumer, "process orders", times)
            .with("messaging.system", self.messaging_system)
            .with("messaging.operation.name", "process")
            .with("messaging.operation.type", "process")
            .with("messaging.destination.name", "orders")
            .with("messaging.destination.partition.id", batch.partition.to_string())
            .with_number("messaging.batch.message_count", report.inputs)
            .with_number("logistics.facts", report.facts.len())
            .with_number("logistics.rejections", report.rejections.len())
            .with_number("logistics.dead_letters", report.dead_letters.len())
            .linked(links(report), LINKS_MAX);
        for DeadLetterReport { offset, code, .. } in report.dead_letters.iter().take(EVENTS_MAX) {
            let offset = i64::try_from(offset.0).unwrap_or(i64::MAX);
            let what = vec![KeyValue::new(self.offset_name(), offset), KeyValue::new("error.type", *code)];
            span = span.event("dead letter", what);
        }
        self.queue.push(span);
        let decided = i64::try_from(report.decide_elapsed.as_millis()).unwrap_or(i64::MAX);
        let committing = Timestamp::from_millis(batch.began.as_millis().saturating_add(decided));
        let times = (committing, report.commit_elapsed);
        let commit = self.sampler.new_span(Some(context));
        let commit = Span::new(commit, Some(context), SpanKind::Internal, "commit", times)
            .with("messaging.system", self.messaging_system)
            .with("messaging.destination.partition.id", batch.partition.to_string())
            .with_number("logistics.next_offset", report.next.0);
        self.queue.push(commit);
    }

    fn report_fact(&self, batch: Batch, fact: &FactReport) {
        let Some(context) = fact.span else { return };
        let name = match fact.change {
            "late" => "decide LATE".to_owned(),
            "assigned" => "decide ASSIGNED".to_owned(),
            "tracking_revoked" => "decide TRACKING_REVOKED".to_owned(),
            _ => format!("decide {}", fact.status),
        };
        // A timer continues the fact that set it: that is its parent, and its link says why.
        let setter = fact.parent.filter(|_| fact.timer.is_some());
        let mut span = batch
            .decision(context, fact.parent, name)
            .linked(batch.span.into_iter().chain(setter), LINKS_MAX)
            .with_text("logistics.order.id", fact.order_id.as_str())
            .with_number("logistics.order.version", fact.version.0)
            .with("logistics.order.status", fact.status.name())
            .with("logistics.change", fact.change);
        if let Some((kind, due)) = fact.timer {
            let late = fact.at.as_millis().saturating_sub(due.as_millis()).max(0);
            span = span.with("logistics.timer", kind.name()).with_number("logistics.timer.lateness_ms", late);
        }
        self.queue.push(span);
    }

    fn report_rejection(&self, batch: Batch, rejection: &RejectionReport) {
        let context = self.sampler.new_span(rejection.parent);
        let span = batch
            .decision(context, rejection.parent, "decide rejected".to_owned())
            .linked(batch.span, LINKS_MAX)
            .with_text("logistics.order.id", rejection.order_id.as_str())
            .with("logistics.rejection.code", rejection.code);
        self.queue.push(span);
    }
}

impl Batch {
    /// A decision of the batch. It lasts until it is committed, because nothing of it exists before.
    fn decision(self, context: TraceContext, parent: Option<TraceContext>, name: String) -> Span {
        Span::new(context, parent, SpanKind::Internal, name, (self.began, self.elapsed))
            .with("messaging.destination.partition.id", self.partition.to_string())
    }
}

/// The recorded spans of the inputs. A timer's fact has no input.
fn links(report: &TransactionReport) -> impl Iterator<Item = TraceContext> {
    let facts = report.facts.iter().filter(|fact| fact.timer.is_none()).filter_map(|fact| fact.parent);
    let rejections = report.rejections.iter().filter_map(|rejection| rejection.parent);
    facts.chain(rejections).filter(|context| context.is_sampled())
}

fn is_sampled(context: Option<TraceContext>) -> bool {
    context.is_some_and(TraceContext::is_sampled)
}
