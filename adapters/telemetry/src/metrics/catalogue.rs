//! What exists: each family once, with its name, type, unit, labels and meaning. The text of a scrape and `docs/metrics.md` are made
//! from it.

use super::{
    breakers, build, http, log, notifications, orders, ports, process, processor, spans, store, streams,
    transactions,
};

/// A family of metrics: the series of one name.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Family {
    /// The name of its series. Those of a histogram add `_bucket`, `_sum` and `_count`.
    pub name: &'static str,
    /// The type.
    pub kind: Kind,
    /// What a value counts, such as `seconds`.
    pub unit: &'static str,
    /// What a value means, as one line.
    pub help: &'static str,
    /// The labels of each series, in the order in which they are written.
    pub labels: &'static [Label],
}

/// The type of a family.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Kind {
    /// Only grows, except that a restart sets it to 0.
    Counter,
    /// A state.
    Gauge,
    /// A distribution over buckets, by their upper bounds. A bucket without a bound follows.
    Histogram(&'static [f64]),
    /// Labels that describe the process. The value is 1.
    Info,
}

/// A label of a family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Label {
    /// The name.
    pub name: &'static str,
    /// The possible values, for people.
    pub values: &'static str,
}

/// The families of one subject.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Subject {
    /// The subject.
    pub title: &'static str,
    /// Which processes have the series, and what else holds for all of them.
    pub text: &'static str,
    /// The families.
    pub families: &'static [Family],
}

/// Every family that a process can have, by subject.
pub const CATALOGUE: &[Subject] = &[
    build::SUBJECT,
    http::SUBJECT,
    streams::SUBJECT,
    ports::SUBJECT,
    log::SUBJECT,
    processor::SUBJECT,
    transactions::SUBJECT,
    orders::SUBJECT,
    store::SUBJECT,
    breakers::SUBJECT,
    notifications::SUBJECT,
    spans::SUBJECT,
    process::SUBJECT,
];

/// The label of a partition.
pub(super) const PARTITION: Label = Label::new("partition", "the number of the partition, from 0");

/// The label of a status.
pub(super) const STATUS: Label = Label::new("status", "a status of the lifecycle, such as `PREPARING`");

impl Kind {
    /// The type in the text format.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram(_) => "histogram",
            Kind::Info => "info",
        }
    }
}

impl Label {
    pub(super) const fn new(name: &'static str, values: &'static str) -> Self {
        Self { name, values }
    }
}

impl Family {
    /// A counter. OpenMetrics requires that its name ends in `_total`.
    pub(super) const fn counter(
        name: &'static str,
        unit: &'static str,
        labels: &'static [Label],
        help: &'static str,
    ) -> Self {
        Self { name, kind: Kind::Counter, unit, help, labels }
    }

    pub(super) const fn gauge(
        name: &'static str,
        unit: &'static str,
        labels: &'static [Label],
        help: &'static str,
    ) -> Self {
        Self { name, kind: Kind::Gauge, unit, help, labels }
    }

    pub(super) const fn histogram(
        name: &'static str,
        (unit, buckets): (&'static str, &'static [f64]),
        labels: &'static [Label],
        help: &'static str,
    ) -> Self {
        Self { name, kind: Kind::Histogram(buckets), unit, help, labels }
    }

    /// The name in the metadata of the text format: without the ending that the type adds to its series.
    #[must_use]
    pub fn base_name(&self) -> &'static str {
        let ending = match self.kind {
            Kind::Counter => "_total",
            Kind::Info => "_info",
            Kind::Gauge | Kind::Histogram(_) => "",
        };
        self.name.strip_suffix(ending).unwrap_or(self.name)
    }

    /// The names that a query can use.
    #[must_use]
    pub fn series_names(&self) -> Vec<String> {
        match self.kind {
            Kind::Histogram(_) => {
                ["_bucket", "_sum", "_count"].map(|ending| format!("{}{ending}", self.name)).to_vec()
            }
            Kind::Counter | Kind::Gauge | Kind::Info => vec![self.name.to_owned()],
        }
    }

    /// The upper bounds of the buckets; empty if it is no histogram.
    #[must_use]
    pub fn buckets(&self) -> &'static [f64] {
        match self.kind {
            Kind::Histogram(buckets) => buckets,
            Kind::Counter | Kind::Gauge | Kind::Info => &[],
        }
    }
}
