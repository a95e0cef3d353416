//! Exemplars: the trace of one observation of a bucket.

use std::sync::{Mutex, PoisonError};

use logistics_core::{Timestamp, TraceContext};

use super::histogram::{BUCKETS_MAX, Histogram};

/// The trace of an observation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::metrics) struct Exemplar {
    /// The trace.
    pub(in crate::metrics) trace_id: u128,
    /// The observed value.
    pub(in crate::metrics) value: f64,
    /// When it was observed.
    pub(in crate::metrics) at: Timestamp,
}

/// The trace of a span, if it is recorded. An exemplar of another trace would lead nowhere.
pub(in crate::metrics) fn trace_id_of(span: Option<TraceContext>) -> Option<u128> {
    span.filter(|span| span.is_sampled()).map(TraceContext::trace_id)
}

type Buckets = [Option<Exemplar>; BUCKETS_MAX + 1];

/// A distribution that shows the latest exemplar of each bucket.
#[derive(Debug)]
pub(in crate::metrics) struct TracedHistogram {
    pub(in crate::metrics) values: Histogram,
    exemplars: Mutex<Buckets>,
}

impl TracedHistogram {
    pub(in crate::metrics) const fn new(bounds: &'static [f64]) -> Self {
        Self { values: Histogram::new(bounds), exemplars: Mutex::new([None; BUCKETS_MAX + 1]) }
    }

    pub(in crate::metrics) fn observe(&self, value: f64, trace_id: Option<u128>, at: Timestamp) {
        self.values.observe(value);
        if let Some(trace_id) = trace_id {
            self.show(self.values.bucket(value), Exemplar { trace_id, value, at });
        }
    }

    /// Shows the exemplar, unless a later one is shown or another thread is at the exemplars: none is worth waiting.
    pub(in crate::metrics) fn show(&self, bucket: usize, exemplar: Exemplar) {
        let Ok(mut exemplars) = self.exemplars.try_lock() else { return };
        let shown = &mut exemplars[bucket];
        // Prometheus rejects an exemplar that is older than the last one of its series.
        if shown.is_none_or(|shown| shown.at <= exemplar.at) {
            *shown = Some(exemplar);
        }
    }

    /// The exemplars, by bucket.
    pub(in crate::metrics) fn exemplars(&self) -> Buckets {
        *self.exemplars.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
