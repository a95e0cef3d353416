//! Facts: how many there are, and what they say about time.

use std::array;

use logistics_core::lifecycle::STATUSES;
use logistics_core::observe::FactReport;
use logistics_core::{DeadlineKind, Status, Timestamp};

use super::page::{OTHER, Page};
use super::readings::seconds;
use super::transactions::{DELIVERED, FACTS, LATENESS, LATENESS_BUCKETS, ORDER_BUCKETS, STATUS_DURATION};
use super::value::{Counter, Exemplar, Histogram, Tally, TracedHistogram, trace_id_of};

/// Exemplars of one transaction. More would replace each other before a scrape sees them.
const EXEMPLARS_PER_TRANSACTION_MAX: usize = 4;

/// The kinds of changes. A later core may have more: these count as the last.
const CHANGES: [&str; 6] = ["placed", "moved", "late", "assigned", "tracking_revoked", OTHER];

/// The kinds of deadlines, in the order of [`kind_index`].
const KINDS: [&str; 4] = ["advance", "expire", "return", "late"];

/// The metrics of facts.
pub(super) struct Facts {
    /// By status and change.
    counts: [[Counter; CHANGES.len()]; STATUSES.len()],
    /// By the status that the order left.
    in_status: [TracedHistogram; STATUSES.len()],
    delivered: TracedHistogram,
    /// By the kind of the deadline.
    lateness: [Histogram; KINDS.len()],
}

/// The facts of one transaction, added up.
#[derive(Default)]
struct Sum {
    counts: [[u32; CHANGES.len()]; STATUSES.len()],
    in_status: [Tally; STATUSES.len()],
    delivered: Tally,
    lateness: [Tally; KINDS.len()],
}

impl Facts {
    pub(super) fn new() -> Self {
        Self {
            counts: Default::default(),
            in_status: array::from_fn(|_| TracedHistogram::new(ORDER_BUCKETS)),
            delivered: TracedHistogram::new(ORDER_BUCKETS),
            lateness: array::from_fn(|_| Histogram::new(LATENESS_BUCKETS)),
        }
    }

    /// Adds the facts of a transaction. They are added up on the stack first, because threads share the counters.
    pub(super) fn add(&self, facts: &[FactReport]) {
        let mut sum = Sum::default();
        let mut exemplars_left = EXEMPLARS_PER_TRANSACTION_MAX;
        for fact in facts {
            sum.counts[fact.status.index()][change_index(fact.change)] += 1;
            if let Some((kind, due)) = fact.timer {
                let index = kind_index(kind);
                self.lateness[index].tally(&mut sum.lateness[index], between(due, fact.at));
            }
            let Some((left, entered_at)) = fact.left else { continue };
            let trace_id = trace_id_of(fact.span).filter(|_| exemplars_left > 0);
            exemplars_left -= usize::from(trace_id.is_some());
            let tally = &mut sum.in_status[left.index()];
            self.in_status[left.index()].add_fact(tally, between(entered_at, fact.at), trace_id, fact.at);
            if fact.status == Status::Delivered {
                let elapsed = between(fact.placed_at, fact.at);
                self.delivered.add_fact(&mut sum.delivered, elapsed, trace_id, fact.at);
            }
        }
        self.add_sum(&sum);
    }

    fn add_sum(&self, sum: &Sum) {
        let counts = self.counts.iter().flatten().zip(sum.counts.iter().flatten());
        for (count, more) in counts.filter(|(_, more)| **more > 0) {
            count.add(u64::from(*more));
        }
        for (histogram, tally) in self.in_status.iter().zip(&sum.in_status) {
            histogram.values.add(tally);
        }
        self.delivered.values.add(&sum.delivered);
        for (histogram, tally) in self.lateness.iter().zip(&sum.lateness) {
            histogram.add(tally);
        }
    }

    pub(super) fn expose(&self, page: &mut Page) {
        let mut series = page.family(&FACTS);
        for (status, counts) in STATUSES.into_iter().zip(&self.counts) {
            for (change, count) in CHANGES.into_iter().zip(counts).filter(|(_, count)| count.value() > 0) {
                series.count(&[status.name(), change], count.value());
            }
        }
        let mut series = page.family(&LATENESS);
        for (kind, lateness) in KINDS.into_iter().zip(&self.lateness) {
            series.histogram(&[kind], &lateness.snapshot(), &[]);
        }
        let mut series = page.family(&STATUS_DURATION);
        // No order leaves a terminal status, unless another release changed the lifecycle.
        let left = STATUSES.into_iter().zip(&self.in_status);
        for (status, spent) in
            left.filter(|(status, spent)| !status.is_terminal() || !spent.values.is_empty())
        {
            series.histogram(&[status.name()], &spent.values.snapshot(), &spent.exemplars());
        }
        let delivered = &self.delivered;
        page.family(&DELIVERED).histogram(&[], &delivered.values.snapshot(), &delivered.exemplars());
    }
}

impl TracedHistogram {
    /// Adds the time of a fact to a tally, and shows its exemplar.
    fn add_fact(&self, tally: &mut Tally, value: f64, trace_id: Option<u128>, at: Timestamp) {
        let bucket = self.values.tally(tally, value);
        if let Some(trace_id) = trace_id {
            self.show(bucket, Exemplar { trace_id, value, at });
        }
    }
}

/// Seconds between two times; 0 if the second is the earlier one.
fn between(from: Timestamp, to: Timestamp) -> f64 {
    seconds(to.millis_since(from))
}

fn change_index(change: &str) -> usize {
    CHANGES.iter().position(|known| *known == change).unwrap_or(CHANGES.len() - 1)
}

fn kind_index(kind: DeadlineKind) -> usize {
    match kind {
        DeadlineKind::Advance => 0,
        DeadlineKind::Expire => 1,
        DeadlineKind::Return => 2,
        DeadlineKind::Late => 3,
    }
}
