//! How long to wait before trying again, as data.

use std::time::Duration;

/// How long to wait before trying again: twice as long after each failure, within bounds, and partly at random so that
/// processes that failed together do not come back together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Backoff {
    /// Milliseconds before the second attempt.
    pub delay_ms_min: u64,
    /// Milliseconds between two attempts at most.
    pub delay_ms_max: u64,
    /// The share of a delay that is random, 0 to 100: with 20, a delay lies between 80 % and 100 % of what it would be.
    pub jitter_percent: u32,
}

impl Default for Backoff {
    /// From 100 ms to 10 s, a fifth of it random.
    fn default() -> Self {
        Self { delay_ms_min: 100, delay_ms_max: 10_000, jitter_percent: 20 }
    }
}

impl Backoff {
    /// The wait after this many failures in a row before the latest one. `random`: a number from 0 to 1.
    #[must_use]
    pub fn delay(&self, failures_before: u32, random: f64) -> Duration {
        let factor = 1_u64.checked_shl(failures_before).unwrap_or(u64::MAX);
        let whole_ms = self.delay_ms_min.saturating_mul(factor).min(self.delay_ms_max);
        let share = f64::from(self.jitter_percent.min(100)) / 100.0;
        Duration::from_millis(whole_ms).mul_f64(1.0 - share * random.clamp(0.0, 1.0))
    }
}

/// Attempts at one thing.
#[derive(Debug)]
pub(crate) struct Attempts {
    backoff: Backoff,
    failures: u32,
}

impl Attempts {
    pub(crate) fn new(backoff: Backoff) -> Self {
        Self { backoff, failures: 0 }
    }

    /// It failed again: how long to wait now.
    pub(crate) fn failed(&mut self) -> Duration {
        let delay = self.backoff.delay(self.failures, rand::random());
        self.failures = self.failures.saturating_add(1);
        delay
    }

    pub(crate) fn succeeded(&mut self) {
        self.failures = 0;
    }

    /// Failures since the last success.
    pub(crate) fn failures(&self) -> u32 {
        self.failures
    }
}

/// A wait for people and logs.
pub(crate) fn as_ms(delay: Duration) -> u64 {
    u64::try_from(delay.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKOFF: Backoff = Backoff { delay_ms_min: 100, delay_ms_max: 1000, jitter_percent: 20 };

    #[test]
    fn delays_double_up_to_the_limit() {
        let delays: Vec<u128> = (0..6).map(|failures| BACKOFF.delay(failures, 0.0).as_millis()).collect();
        assert_eq!(delays, [100, 200, 400, 800, 1000, 1000]);
        assert_eq!(BACKOFF.delay(u32::MAX, 0.0).as_millis(), 1000);
    }

    #[test]
    fn jitter_shortens_by_its_share_at_most() {
        assert_eq!(BACKOFF.delay(0, 1.0).as_millis(), 80);
        assert_eq!(Backoff { jitter_percent: 250, ..BACKOFF }.delay(0, 1.0).as_millis(), 0);
    }

    #[test]
    fn a_success_begins_anew() {
        let mut attempts = Attempts::new(Backoff { jitter_percent: 0, ..BACKOFF });
        assert_eq!(
            (attempts.failed(), attempts.failed()),
            (Duration::from_millis(100), Duration::from_millis(200))
        );
        attempts.succeeded();
        assert_eq!(attempts.failed(), Duration::from_millis(100));
    }
}
