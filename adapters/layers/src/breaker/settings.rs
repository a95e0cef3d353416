//! When a circuit breaker opens, and how it closes again.

use std::time::Duration;

/// Results in a window, at most.
const WINDOW_CALLS_MAX: usize = 10_000;

/// An hour. Longer outages are probed all the same.
const OPEN_MS_MAX: u64 = 3_600_000;

/// When a circuit breaker opens, and how it closes again. Change fields of `BreakerSettings::default()`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct BreakerSettings {
    /// The number of calls that the failure rate is of: the last ones. Until more calls than that have ended since it closed,
    /// the breaker stays closed. From 1 to 10,000. Default 20.
    pub window_calls: usize,
    /// The share of failures at which the breaker opens, in percent. From 1 to 100. Default 50.
    pub failures_percent: u32,
    /// Milliseconds between the opening and the first probe, and the time for which a probe without a result holds its place.
    /// At most an hour. Default 2,000.
    pub open_ms: u64,
    /// Maximum probes at a time, at least 1. Default 1.
    pub probes_max: usize,
}

impl Default for BreakerSettings {
    fn default() -> Self {
        Self { window_calls: 20, failures_percent: 50, open_ms: 2_000, probes_max: 1 }
    }
}

impl BreakerSettings {
    /// The same within the ranges.
    pub(super) fn bounded(self) -> Self {
        Self {
            window_calls: self.window_calls.clamp(1, WINDOW_CALLS_MAX),
            failures_percent: self.failures_percent.clamp(1, 100),
            open_ms: self.open_ms.min(OPEN_MS_MAX),
            probes_max: self.probes_max.max(1),
        }
    }

    pub(super) fn open_time(&self) -> Duration {
        Duration::from_millis(self.open_ms)
    }
}
