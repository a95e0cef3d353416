//! The text of a scrape: OpenMetrics 1.0.
//!
//! Written here and not by a client library: those known to us neither add many observations at once nor take an exemplar that was made
//! elsewhere, and the hot path needs both.

use std::fmt::{Display, Write};

use super::catalogue::{Family, Kind};
use super::value::{Exemplar, Snapshot};

/// The value of a label that does not fit into the bound of a family.
pub(super) const OTHER: &str = "_OTHER";

/// The text of one scrape, as far as it is written.
#[derive(Debug, Default)]
pub(super) struct Page {
    text: String,
}

impl Page {
    pub(super) fn with_capacity(bytes: usize) -> Self {
        Self { text: String::with_capacity(bytes) }
    }

    /// The series of a family, which follow one another. A family without series leaves no trace in the text.
    pub(super) fn family(&mut self, family: &'static Family) -> Series<'_> {
        Series { family, text: &mut self.text, has_head: false }
    }

    /// The complete text.
    pub(super) fn finish(mut self) -> String {
        self.text.push_str("# EOF\n");
        self.text
    }
}

/// Writes the series of a family. `labels` are the values of the family's labels, in their order.
pub(super) struct Series<'a> {
    family: &'static Family,
    text: &'a mut String,
    has_head: bool,
}

impl Series<'_> {
    /// A whole number.
    pub(super) fn count(&mut self, labels: &[&str], value: u64) {
        self.sample("", labels, None, value);
        self.text.push('\n');
    }

    /// A number. One that is not finite is written as NaN.
    pub(super) fn value(&mut self, labels: &[&str], value: f64) {
        self.sample("", labels, None, Number(value));
        self.text.push('\n');
    }

    /// A distribution, and up to one exemplar a bucket.
    pub(super) fn histogram(&mut self, labels: &[&str], snapshot: &Snapshot, exemplars: &[Option<Exemplar>]) {
        let bounds = self.family.buckets();
        let mut count = 0;
        for (index, in_bucket) in snapshot.counts[..=bounds.len()].iter().enumerate() {
            count += in_bucket;
            let bound = bounds.get(index).map_or(f64::INFINITY, |bound| *bound);
            self.sample("_bucket", labels, Some(bound), count);
            if let Some(exemplar) = exemplars.get(index).copied().flatten() {
                self.exemplar(exemplar);
            }
            self.text.push('\n');
        }
        self.sample("_sum", labels, None, Number(snapshot.sum));
        self.text.push('\n');
        self.sample("_count", labels, None, count);
        self.text.push('\n');
    }

    fn sample(&mut self, ending: &str, labels: &[&str], bound: Option<f64>, value: impl Display) {
        debug_assert_eq!(labels.len(), self.family.labels.len(), "the labels of {}", self.family.name);
        self.head();
        self.text.push_str(self.family.name);
        self.text.push_str(ending);
        let mut separator = '{';
        for (label, value) in self.family.labels.iter().zip(labels) {
            self.text.push(separator);
            self.text.push_str(label.name);
            self.text.push_str("=\"");
            escape(self.text, value);
            self.text.push('"');
            separator = ',';
        }
        // Writing to a `String` does not fail.
        let _ = match bound {
            Some(bound) if bound.is_infinite() => write!(self.text, "{separator}le=\"+Inf\"}} "),
            // With a fraction, also for whole numbers: the canonical form of OpenMetrics.
            Some(bound) => write!(self.text, "{separator}le=\"{bound:?}\"}} "),
            None => self.text.write_str(if separator == ',' { "} " } else { " " }),
        };
        let _ = write!(self.text, "{value}");
    }

    fn exemplar(&mut self, exemplar: Exemplar) {
        let Exemplar { trace_id, value, at } = exemplar;
        let (seconds, millis) = (at.as_millis() / 1000, at.as_millis() % 1000);
        // Writing to a `String` does not fail.
        let _ =
            write!(self.text, " # {{trace_id=\"{trace_id:032x}\"}} {} {seconds}.{millis:03}", Number(value));
    }

    /// The metadata, before the first series.
    fn head(&mut self) {
        if std::mem::replace(&mut self.has_head, true) {
            return;
        }
        let (name, kind) = (self.family.base_name(), self.family.kind.name());
        // Writing to a `String` does not fail.
        let _ = writeln!(self.text, "# HELP {name} {}", self.family.help);
        let _ = writeln!(self.text, "# TYPE {name} {kind}");
        // OpenMetrics requires that a name ends with its unit, and an info has none.
        let unit = ["seconds", "bytes"].into_iter().find(|unit| name.ends_with(unit));
        if let Some(unit) = unit.filter(|_| self.family.kind != Kind::Info) {
            let _ = writeln!(self.text, "# UNIT {name} {unit}");
        }
    }
}

struct Number(f64);

impl Display for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_finite() { write!(f, "{}", self.0) } else { f.write_str("NaN") }
    }
}

/// Writes the value of a label so that no text can end it.
fn escape(text: &mut String, value: &str) {
    for c in value.chars() {
        match c {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            '\n' => text.push_str("\\n"),
            c => text.push(c),
        }
    }
}
