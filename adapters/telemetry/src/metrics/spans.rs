//! Spans on their way to the collector.

use super::catalogue::{Family, Label, Subject};
use super::page::Page;
use super::value::Counter;

const OUTCOME: Label = Label::new(
    "outcome",
    "`exported`: a collector accepted the span; `dropped`: the queue was full; `failed`: no collector accepted it",
);

const SPANS: Family =
    Family::counter("logistics_spans_total", "spans", &[OUTCOME], "Recorded spans, by what became of them.");

pub(super) const SUBJECT: Subject =
    Subject { title: "Traces", text: "Of processes that export traces.", families: &[SPANS] };

/// Counts what became of recorded spans.
#[derive(Debug, Default)]
pub struct SpanCounts {
    exported: Counter,
    dropped: Counter,
    failed: Counter,
}

impl SpanCounts {
    /// Spans that a collector accepted.
    #[must_use]
    pub fn exported(&self) -> u64 {
        self.exported.value()
    }

    /// Spans that were discarded because the queue was full.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped.value()
    }

    /// Spans that were discarded because no collector accepted them.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.failed.value()
    }

    /// A collector accepted this number of spans.
    pub fn add_exported(&self, spans: u64) {
        self.exported.add(spans);
    }

    /// This number of spans was discarded, because the queue was full.
    pub fn add_dropped(&self, spans: u64) {
        self.dropped.add(spans);
    }

    /// This number of spans was discarded, because no collector accepted them.
    pub fn add_failed(&self, spans: u64) {
        self.failed.add(spans);
    }

    pub(super) fn expose(&self, page: &mut Page) {
        let mut series = page.family(&SPANS);
        let Self { exported, dropped, failed } = self;
        for (outcome, count) in [("exported", exported), ("dropped", dropped), ("failed", failed)] {
            series.count(&[outcome], count.value());
        }
    }
}
