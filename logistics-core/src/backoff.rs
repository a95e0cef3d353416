//! The wait before a retry, as data.

use std::time::Duration;

/// The wait before a retry: it doubles after each failure, within bounds. A part of it is random, so that processes that
/// failed together do not retry together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Backoff {
    /// Milliseconds before the second attempt.
    pub delay_ms_min: u64,
    /// Maximum milliseconds between two attempts.
    pub delay_ms_max: u64,
    /// The random share of a delay, 0 to 100: with 20, the wait is 80 % to 100 % of the delay.
    pub jitter_percent: u32,
}

impl Default for Backoff {
    /// 100 ms to 10 s, a fifth of it random.
    fn default() -> Self {
        Self { delay_ms_min: 100, delay_ms_max: 10_000, jitter_percent: 20 }
    }
}

impl Backoff {
    /// The wait in milliseconds, without the random part. `failures_before`: consecutive failures before the latest one.
    #[must_use]
    pub fn delay_ms(&self, failures_before: u32) -> u64 {
        let factor = 1_u64.checked_shl(failures_before).unwrap_or(u64::MAX);
        self.delay_ms_min.saturating_mul(factor).min(self.delay_ms_max)
    }

    /// The wait. `failures_before`: consecutive failures before the latest one. `random`: a number from 0 to 1.
    #[must_use]
    pub fn delay(&self, failures_before: u32, random: f64) -> Duration {
        let share = f64::from(self.jitter_percent.min(100)) / 100.0;
        Duration::from_millis(self.delay_ms(failures_before)).mul_f64(1.0 - share * random.clamp(0.0, 1.0))
    }
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
}
