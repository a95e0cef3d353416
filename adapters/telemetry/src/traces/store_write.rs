//! Spans of store writes. A write contains the changes of one or more transactions, so it is below the latest of them and
//! linked to the others.

use std::collections::VecDeque;

use logistics_core::observe::StoreWriteReport;
use logistics_core::{Offset, TraceContext};
use opentelemetry::trace::SpanKind;

use super::Traces;
use super::span::Span;

/// Maximum number of transactions that are kept per partition until a write contains them.
const BATCHES_MAX: usize = 32;

/// The spans of the transactions of a partition that no store write contains yet.
#[derive(Default)]
pub(super) struct Unwritten(VecDeque<(Offset, TraceContext)>);

impl Unwritten {
    /// `next`: the offset behind the inputs of the transaction.
    pub(super) fn committed(&mut self, next: Offset, batch: TraceContext) {
        if self.0.len() == BATCHES_MAX {
            self.0.pop_front();
        }
        self.0.push_back((next, batch));
    }

    /// Takes out the transactions that a write up to `answered` contains.
    fn written(&mut self, answered: Offset) -> Vec<TraceContext> {
        // A new owner may continue at an earlier offset than the latest transaction of this process.
        let contained = self.0.iter().take_while(|(next, _)| *next <= answered).count();
        self.0.drain(..contained).map(|(_, batch)| batch).collect()
    }
}

impl Traces {
    pub(super) fn report_store_write(&self, report: &StoreWriteReport) {
        let mut unwritten = self.unwritten();
        let Some(batches) = unwritten.get_mut(&report.partition) else { return };
        let mut contained = batches.written(report.answered);
        drop(unwritten);
        let Some(latest) = contained.pop() else { return };
        let context = self.sampler.new_span(Some(latest));
        let times = (report.began, report.elapsed);
        let span = Span::new(context, Some(latest), SpanKind::Client, "store write", times)
            .with("messaging.destination.partition.id", report.partition.to_string())
            .with_number("logistics.documents", report.documents)
            .with_number("logistics.answered_offset", report.answered.0)
            .linked(contained, BATCHES_MAX);
        self.queue.push(match report.outcome {
            Ok(()) => span,
            Err(kind) => span.failed(kind.code()),
        });
    }
}
