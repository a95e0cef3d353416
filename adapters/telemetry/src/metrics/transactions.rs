//! What the transactions of processors decided. This is the hot path: a report has up to a thousand facts.

use logistics_core::observe::TransactionReport;

use super::catalogue::{Family, Label, STATUS, Subject};
use super::facts::Facts;
use super::page::{OTHER, Page};
use super::ports;
use super::value::{Counter, Histogram, Table};

/// Codes of rejections, and of dead letters, with series of their own. A core has about 10 of each.
const CODES_MAX: usize = 64;

/// Inputs of a transaction.
const INPUT_BUCKETS: &[f64] = &[1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0];

/// Time in a status, from seconds to a day.
pub(super) const ORDER_BUCKETS: &[f64] =
    &[1.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0, 7200.0, 14400.0, 86400.0];

pub(super) const LATENESS_BUCKETS: &[f64] = &[0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0];

const BATCH_INPUTS: Family = Family::histogram(
    "logistics_processor_batch_inputs",
    ("inputs", INPUT_BUCKETS),
    &[],
    "Inputs that one transaction answers. 0: it consists of timers.",
);

const DECIDE: Family = Family::histogram(
    "logistics_processor_decide_duration_seconds",
    ("seconds", ports::BUCKETS),
    &[],
    "Processing time of the decisions of one transaction, without waiting for documents.",
);

const COMMIT: Family = Family::histogram(
    "logistics_processor_commit_duration_seconds",
    ("seconds", ports::BUCKETS),
    &[],
    "Duration of the commit of one transaction.",
);

pub(super) const FACTS: Family = Family::counter(
    "logistics_facts_total",
    "facts",
    &[STATUS, Label::new("change", "`placed`, `moved`, `late`, `assigned` or `tracking_revoked`")],
    "Committed facts, by the status of the order after the fact and by the change.",
);

const REJECTIONS: Family = Family::counter(
    "logistics_rejections_total",
    "rejections",
    &[Label::new("code", "the code of a rejection, such as `illegal_transition`; `_OTHER` beyond 64")],
    "Requests that were rejected by the lifecycle.",
);

const DEAD_LETTERS: Family = Family::counter(
    "logistics_dead_letters_total",
    "records",
    &[Label::new("reason", "why the record is no input, as a code; `_OTHER` beyond 64")],
    "Records that were dead-lettered.",
);

pub(super) const LATENESS: Family = Family::histogram(
    "logistics_timer_lateness_seconds",
    ("seconds", LATENESS_BUCKETS),
    &[Label::new("kind", "`advance`, `expire`, `return` or `late`")],
    "Time from a deadline to the fact that it caused.",
);

pub(super) const STATUS_DURATION: Family = Family::histogram(
    "logistics_order_status_duration_seconds",
    ("seconds", ORDER_BUCKETS),
    &[STATUS],
    "Time that an order spent in the status that it left.",
);

pub(super) const DELIVERED: Family = Family::histogram(
    "logistics_order_placed_to_delivered_seconds",
    ("seconds", ORDER_BUCKETS),
    &[],
    "Time from placing an order to its delivery.",
);

pub(super) const SUBJECT: Subject = Subject {
    title: "Decisions",
    text: "Of processes with processors, from committed transactions. A transaction with an unknown outcome is not counted.",
    families: &[
        BATCH_INPUTS,
        DECIDE,
        COMMIT,
        FACTS,
        REJECTIONS,
        DEAD_LETTERS,
        LATENESS,
        STATUS_DURATION,
        DELIVERED,
    ],
};

/// The metrics of transactions.
pub(super) struct Transactions {
    batch_inputs: Histogram,
    decide: Histogram,
    commit: Histogram,
    facts: Facts,
    rejections: Table<&'static str, Counter>,
    dead_letters: Table<&'static str, Counter>,
}

impl Transactions {
    pub(super) fn new() -> Self {
        Self {
            batch_inputs: Histogram::new(INPUT_BUCKETS),
            decide: Histogram::new(ports::BUCKETS),
            commit: Histogram::new(ports::BUCKETS),
            facts: Facts::new(),
            rejections: Table::new(CODES_MAX, OTHER, Counter::default),
            dead_letters: Table::new(CODES_MAX, OTHER, Counter::default),
        }
    }

    pub(super) fn committed(&self, report: &TransactionReport) {
        // A transaction has at most a few thousand inputs.
        self.batch_inputs.observe(f64::from(u32::try_from(report.inputs).unwrap_or(u32::MAX)));
        self.decide.observe_duration(report.decide_elapsed);
        self.commit.observe_duration(report.commit_elapsed);
        self.facts.add(&report.facts);
        for rejection in &report.rejections {
            self.rejections.get(&rejection.code).add(1);
        }
        for letter in &report.dead_letters {
            self.dead_letters.get(&letter.code).add(1);
        }
    }

    pub(super) fn expose(&self, page: &mut Page) {
        page.family(&BATCH_INPUTS).histogram(&[], &self.batch_inputs.snapshot(), &[]);
        page.family(&DECIDE).histogram(&[], &self.decide.snapshot(), &[]);
        page.family(&COMMIT).histogram(&[], &self.commit.snapshot(), &[]);
        self.facts.expose(page);
        let mut series = page.family(&REJECTIONS);
        for (code, count) in self.rejections.iter() {
            series.count(&[code], count.value());
        }
        let mut series = page.family(&DEAD_LETTERS);
        for (code, count) in self.dead_letters.iter() {
            series.count(&[code], count.value());
        }
    }
}
