//! The samples of one scrape, and how they differ from those of an earlier one.

use std::collections::HashMap;

/// The labels of a sample, in the order of the text. A process keeps this order from scrape to scrape.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Labels(Vec<(String, String)>);

impl Labels {
    pub(super) fn new(labels: Vec<(String, String)>) -> Self {
        Self(labels)
    }

    /// The value of a label.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(label, _)| label == name).map(|(_, value)| &**value)
    }

    /// The label `partition` as a number.
    pub(super) fn partition(&self) -> Option<u32> {
        self.value("partition")?.parse().ok()
    }
}

/// One number.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sample {
    pub(super) labels: Labels,
    pub(super) value: f64,
}

/// The samples of a scrape by name.
#[derive(Debug, Default)]
pub(super) struct Samples(HashMap<String, Vec<Sample>>);

impl Samples {
    pub(super) fn push(&mut self, name: &str, sample: Sample) {
        match self.0.get_mut(name) {
            Some(samples) => samples.push(sample),
            None => {
                self.0.insert(name.to_owned(), vec![sample]);
            }
        }
    }

    /// The samples with this name.
    pub(super) fn of(&self, name: &str) -> &[Sample] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }

    /// The finite values with this name.
    pub(super) fn finite(&self, name: &str) -> impl Iterator<Item = (&Labels, f64)> {
        let finite = self.of(name).iter().filter(|sample| sample.value.is_finite());
        finite.map(|sample| (&sample.labels, sample.value))
    }

    /// The only value of a family without labels.
    pub(super) fn value(&self, name: &str) -> Option<f64> {
        self.finite(name).map(|(_, value)| value).next()
    }

    /// How much each counter with this name grew since `earlier`, a scrape of the same process. A series that `earlier` lacks
    /// began at 0. A counter that shrank began again at 0, because the process restarted.
    pub(super) fn growth<'a>(&'a self, earlier: &'a Samples, name: &str) -> Vec<(&'a Labels, f64)> {
        let restarted = self.started() != earlier.started();
        let before: HashMap<&Labels, f64> =
            if restarted { HashMap::new() } else { earlier.finite(name).collect() };
        let grown = |(labels, value): (&'a Labels, f64)| {
            let before = before.get(labels).copied().filter(|before| *before <= value);
            (labels, value - before.unwrap_or(0.0))
        };
        self.finite(name).map(grown).collect()
    }

    fn started(&self) -> Option<f64> {
        self.value("process_start_time_seconds")
    }
}

/// Maximum number of different bounds of a histogram.
const BOUNDS_MAX: usize = 200;

/// The growth of the buckets of a histogram, by upper bound. Sums over series and processes.
#[derive(Debug, Default, Clone)]
pub(super) struct Buckets(Vec<(f64, f64)>);

impl Buckets {
    /// Adds observations of at most `le`.
    pub(super) fn add(&mut self, le: f64, count: f64) {
        let at = self.0.partition_point(|(bound, _)| *bound < le);
        // Another process chooses the bounds, so their number is limited.
        let has_room = self.0.len() < BOUNDS_MAX;
        match self.0.get_mut(at) {
            Some((bound, sum)) if *bound == le => *sum += count,
            _ if has_room => self.0.insert(at, (le, count)),
            _ => {}
        }
    }

    /// An estimate of the quantile `q`, as `histogram_quantile` of Prometheus makes it: linear within a bucket, and the greatest
    /// finite bound if it is beyond that. `None` without observations.
    pub(super) fn quantile(&self, q: f64) -> Option<f64> {
        let total = self.0.last().filter(|(le, total)| le.is_infinite() && *total > 0.0)?.1;
        let rank = q * total;
        let at = self.0.iter().position(|(_, count)| *count >= rank)?;
        let below = at.checked_sub(1).map(|at| self.0[at]);
        let (le, count) = self.0[at];
        if le.is_infinite() {
            return below.map(|(bound, _)| bound);
        }
        let (low, before) = below.unwrap_or((0.0, 0.0));
        let inside = count - before;
        Some(if inside > 0.0 { low + (le - low) * (rank - before) / inside } else { le })
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse::parse;
    use super::*;

    fn samples(text: &str) -> Samples {
        parse(text, false).expect("valid")
    }

    #[test]
    fn a_counter_grows_from_0_after_a_restart_or_when_it_is_new() {
        let grown = |earlier: &str, now: &str| -> Vec<f64> {
            let (earlier, now) = (samples(earlier), samples(now));
            now.growth(&earlier, "logistics_a_total").into_iter().map(|(_, grown)| grown).collect()
        };
        let one = "logistics_a_total{l=\"1\"} 10\n";
        assert_eq!(grown(one, "logistics_a_total{l=\"1\"} 15\nlogistics_a_total{l=\"2\"} 3\n"), [5.0, 3.0]);
        assert_eq!(grown(one, "logistics_a_total{l=\"1\"} 4\n"), [4.0]);
        let (before, after) = ("process_start_time_seconds 1\n", "process_start_time_seconds 2\n");
        assert_eq!(grown(&format!("{one}{before}"), &format!("{one}{after}")), [10.0]);
        assert_eq!(grown(one, "logistics_a_total{l=\"1\"} NaN\n"), [0.0; 0]);
    }

    #[test]
    fn a_quantile_is_linear_within_its_bucket() {
        let mut buckets = Buckets::default();
        assert_eq!(buckets.quantile(0.5), None);
        for (le, count) in [(f64::INFINITY, 5.0), (0.1, 2.0), (0.2, 4.0)] {
            buckets.add(le, count);
            buckets.add(le, count);
        }
        // 10 observations: 4 up to 0.1, 4 more up to 0.2, 2 beyond.
        assert_eq!(buckets.quantile(0.2).map(|seconds| (seconds * 1000.0).round()), Some(50.0));
        assert_eq!(buckets.quantile(0.5).map(|seconds| (seconds * 1000.0).round()), Some(125.0));
        assert_eq!(buckets.quantile(0.99), Some(0.2));
        let mut none = Buckets::default();
        none.add(f64::INFINITY, 0.0);
        assert_eq!(none.quantile(0.5), None);
    }
}
