//! Calls of ports, and appends of requests.

use std::sync::OnceLock;

use logistics_core::observe::{AppendReport, PortCall};
use logistics_core::port::PortErrorKind;

use super::catalogue::{Family, Label, Subject};
use super::page::{OTHER, Page};
use super::value::{Histogram, Table};

/// Pairs of a port and an operation with series of their own. The ports have about 30.
const OPERATIONS_MAX: usize = 128;

/// Of calls of the log and the store, in seconds.
pub(super) const BUCKETS: &[f64] =
    &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// `ok`, then the kinds of errors.
const OUTCOMES: usize = PortErrorKind::ALL.len() + 1;

const PORT: Label = Label::new("port", "the port, such as `event_bus` or `owner_store`");

const OPERATION: Label = Label::new(
    "operation",
    "the method of the port, such as `append`; `_OTHER` beyond 128 pairs of port and operation",
);

const OUTCOME: Label = Label::new(
    "outcome",
    "`ok`, `unavailable`, `storage_full`, `refused`, `corrupt`, `truncated`, `too_large`, `closed`",
);

const CALLS: Family = Family::histogram(
    "logistics_port_call_duration_seconds",
    ("seconds", BUCKETS),
    &[PORT, OPERATION, OUTCOME],
    "Duration of a call of the log, the store or the group, without calls that wait by design.",
);

const APPENDS: Family = Family::histogram(
    "logistics_append_duration_seconds",
    ("seconds", BUCKETS),
    &[OUTCOME],
    "Duration of the append of a request to the log.",
);

pub(super) const SUBJECT: Subject = Subject {
    title: "Calls of the log and the store",
    text: "Of every process. A series appears with the first call that has its outcome.",
    families: &[CALLS, APPENDS],
};

/// The durations of calls.
pub(super) struct Ports {
    calls: Table<(&'static str, &'static str), Outcomes>,
    appends: Outcomes,
}

/// The durations by outcome.
#[derive(Default)]
struct Outcomes([OnceLock<Box<Histogram>>; OUTCOMES]);

impl Outcomes {
    fn of<T>(&self, outcome: &Result<T, PortErrorKind>) -> &Histogram {
        let kind = outcome.as_ref().err();
        let place = kind.and_then(|kind| PortErrorKind::ALL.iter().position(|known| known == kind));
        // The list has every kind, so only a success has no place in it.
        self.0[place.map_or(0, |place| place + 1)].get_or_init(|| Box::new(Histogram::new(BUCKETS)))
    }

    fn iter(&self) -> impl Iterator<Item = (&'static str, &Histogram)> {
        let errors = PortErrorKind::ALL.into_iter().map(PortErrorKind::code);
        let names = ["ok"].into_iter().chain(errors);
        names.zip(&self.0).filter_map(|(name, cell)| Some((name, cell.get()?.as_ref())))
    }
}

impl Ports {
    pub(super) fn new() -> Self {
        let calls = Table::new(OPERATIONS_MAX, (OTHER, OTHER), Outcomes::default);
        Self { calls, appends: Outcomes::default() }
    }

    pub(super) fn called(&self, call: &PortCall) {
        if !call.waits {
            let outcomes = self.calls.get(&(call.port, call.operation));
            outcomes.of(&call.outcome).observe_duration(call.elapsed);
        }
    }

    pub(super) fn appended(&self, report: &AppendReport<'_>) {
        self.appends.of(&report.outcome).observe_duration(report.elapsed);
    }

    pub(super) fn expose(&self, page: &mut Page) {
        let mut series = page.family(&CALLS);
        for ((port, operation), outcomes) in self.calls.iter() {
            for (outcome, duration) in outcomes.iter() {
                series.histogram(&[port, operation, outcome], &duration.snapshot(), &[]);
            }
        }
        let mut series = page.family(&APPENDS);
        for (outcome, duration) in self.appends.iter() {
            series.histogram(&[outcome], &duration.snapshot(), &[]);
        }
    }
}
