//! The attempts of one operation, and the wait between two.

use std::time::Duration;

use logistics_core::Backoff;

/// Counts failures in a row, and draws the wait after each.
#[derive(Debug)]
pub(crate) struct Attempts {
    backoff: Backoff,
    failures: u32,
}

impl Attempts {
    pub(crate) fn new(backoff: Backoff) -> Self {
        Self { backoff, failures: 0 }
    }

    /// Counts a failure, and returns the wait before the next attempt.
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

/// A wait in whole milliseconds, for log lines.
pub(crate) fn as_ms(delay: Duration) -> u64 {
    u64::try_from(delay.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_success_resets_the_wait() {
        let mut attempts =
            Attempts::new(Backoff { delay_ms_min: 100, delay_ms_max: 1000, jitter_percent: 0 });
        assert_eq!(
            (attempts.failed(), attempts.failed()),
            (Duration::from_millis(100), Duration::from_millis(200))
        );
        attempts.succeeded();
        assert_eq!(attempts.failed(), Duration::from_millis(100));
    }
}
