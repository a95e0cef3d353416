//! Distributions over fixed buckets.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The maximum number of buckets with a bound.
pub(in crate::metrics) const BUCKETS_MAX: usize = 17;

/// A distribution. Many threads add to it without a lock.
#[derive(Debug)]
pub(in crate::metrics) struct Histogram {
    bounds: &'static [f64],
    /// By bucket, each observation once; the last has no bound.
    counts: [AtomicU64; BUCKETS_MAX + 1],
    /// The bits of an `f64`. A whole number of a small unit would overflow within days at full load.
    sum: AtomicU64,
}

/// Observations that are added together, so that the shared memory is touched once per bucket.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::metrics) struct Tally {
    counts: [u32; BUCKETS_MAX + 1],
    sum: f64,
    any: bool,
}

/// A distribution at one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in crate::metrics) struct Snapshot {
    /// By bucket, each observation once.
    pub(in crate::metrics) counts: [u64; BUCKETS_MAX + 1],
    /// The sum of the observations.
    pub(in crate::metrics) sum: f64,
}

impl Histogram {
    /// An empty distribution over at most [`BUCKETS_MAX`] bounds.
    pub(in crate::metrics) const fn new(bounds: &'static [f64]) -> Self {
        assert!(bounds.len() <= BUCKETS_MAX);
        Self { bounds, counts: [const { AtomicU64::new(0) }; BUCKETS_MAX + 1], sum: AtomicU64::new(0) }
    }

    /// The bucket of a value. Counting all bounds below it is faster than ending at the first: no branch depends on the value.
    pub(in crate::metrics) fn bucket(&self, value: f64) -> usize {
        self.bounds.iter().map(|bound| usize::from(value > *bound)).sum()
    }

    pub(in crate::metrics) fn observe(&self, value: f64) {
        self.counts[self.bucket(value)].fetch_add(1, Ordering::Relaxed);
        self.add_to_sum(value);
    }

    pub(in crate::metrics) fn observe_duration(&self, duration: Duration) {
        self.observe(duration.as_secs_f64());
    }

    /// Adds an observation to a tally of this distribution, and returns its bucket.
    pub(in crate::metrics) fn tally(&self, tally: &mut Tally, value: f64) -> usize {
        let bucket = self.bucket(value);
        tally.counts[bucket] += 1;
        tally.sum += value;
        tally.any = true;
        bucket
    }

    /// Adds the observations of a tally.
    pub(in crate::metrics) fn add(&self, tally: &Tally) {
        if !tally.any {
            return;
        }
        for (count, more) in self.counts.iter().zip(tally.counts).filter(|(_, more)| *more > 0) {
            count.fetch_add(u64::from(more), Ordering::Relaxed);
        }
        self.add_to_sum(tally.sum);
    }

    fn add_to_sum(&self, value: f64) {
        let add = |bits| Some((f64::from_bits(bits) + value).to_bits());
        // The update always returns a value, so it does not fail.
        let _ = self.sum.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }

    /// The state. While others add, the sum may have an observation that the buckets lack, and the reverse.
    pub(in crate::metrics) fn snapshot(&self) -> Snapshot {
        let counts = std::array::from_fn(|bucket| self.counts[bucket].load(Ordering::Relaxed));
        Snapshot { counts, sum: f64::from_bits(self.sum.load(Ordering::Relaxed)) }
    }

    /// There are no observations.
    pub(in crate::metrics) fn is_empty(&self) -> bool {
        self.counts.iter().all(|count| count.load(Ordering::Relaxed) == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_belongs_to_its_bucket() {
        let histogram = Histogram::new(&[1.0, 2.0]);
        for value in [0.0, 1.0, 1.5, 2.0, 2.1] {
            histogram.observe(value);
        }
        let snapshot = histogram.snapshot();
        assert_eq!(snapshot.counts[..3], [2, 2, 1]);
        assert!((snapshot.sum - 6.6).abs() < 1e-9, "{snapshot:?}");
    }

    #[test]
    fn a_tally_adds_what_single_observations_add() {
        let (one, many) = (Histogram::new(&[1.0, 2.0]), Histogram::new(&[1.0, 2.0]));
        let mut tally = Tally::default();
        for value in [0.5, 0.25, 4.0] {
            one.observe(value);
            many.tally(&mut tally, value);
        }
        assert!(many.is_empty());
        many.add(&tally);
        assert_eq!(many.snapshot(), one.snapshot());
    }
}
