//! The circuit breaker of an endpoint, without a clock.

use super::settings::Settings;
use crate::backoff::Backoff;
use crate::ids::Timestamp;

/// Closed, until several attempts in a row fail. Then it admits nothing for a while, and one probe after that.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Breaker {
    /// Failed attempts since the last success.
    failures: u32,
    /// How often it opened since the last success.
    opened: u32,
    /// Since when a probe may start; `None` while it is closed.
    open_until: Option<Timestamp>,
}

impl Breaker {
    pub(super) fn is_closed(&self) -> bool {
        self.open_until.is_none()
    }

    /// The time from which an attempt may start; `None`: now. `in_flight`: attempts under way.
    pub(super) fn admits_from(&self) -> Option<Timestamp> {
        self.open_until
    }

    /// The number of attempts that it admits side by side.
    pub(super) fn in_flight_max(&self, settings: &Settings) -> usize {
        if self.is_closed() { settings.in_flight_endpoint_max } else { 1 }
    }

    /// An attempt succeeded. Returns whether the breaker was open.
    pub(super) fn succeeded(&mut self) -> bool {
        let was_open = self.open_until.is_some();
        *self = Self::default();
        was_open
    }

    /// An attempt failed. `random` is a number from 0 to 1.
    pub(super) fn failed(&mut self, now: Timestamp, settings: &Settings, random: f64) {
        self.failures = self.failures.saturating_add(1);
        // Attempts that began before it opened fail later: only a probe counts then.
        let is_probe = self.open_until.is_some_and(|until| until <= now);
        let opens = self.open_until.is_none() && self.failures >= settings.breaker_failures;
        if opens || is_probe {
            let Settings { breaker_open_ms_min, breaker_open_ms_max, jitter_percent, .. } = *settings;
            let backoff = Backoff {
                delay_ms_min: breaker_open_ms_min,
                delay_ms_max: breaker_open_ms_max,
                jitter_percent,
            };
            let wait = backoff.delay(self.opened, random).as_millis();
            self.open_until = Some(now.after_millis(u64::try_from(wait).unwrap_or(u64::MAX)));
            self.opened = self.opened.saturating_add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_after_failures_in_a_row_and_a_probe_decides() {
        let settings = Settings { jitter_percent: 0, ..Settings::default() };
        let at = Timestamp::from_millis;
        let mut breaker = Breaker::default();
        (1..5).for_each(|_| breaker.failed(at(0), &settings, 0.5));
        assert!(!breaker.succeeded() && breaker == Breaker::default(), "a success begins the count again");
        (0..5).for_each(|_| breaker.failed(at(0), &settings, 0.5));
        assert_eq!((breaker.admits_from(), breaker.in_flight_max(&settings)), (Some(at(5_000)), 1));
        breaker.failed(at(4_000), &settings, 0.5);
        assert_eq!(
            breaker.admits_from(),
            Some(at(5_000)),
            "an attempt from before it opened changes nothing"
        );
        breaker.failed(at(6_000), &settings, 0.5);
        assert_eq!(breaker.admits_from(), Some(at(16_000)));
        (0..20).for_each(|n| breaker.failed(at(1_000_000 * (n + 1)), &settings, 0.5));
        assert_eq!(breaker.admits_from(), Some(at(20_300_000)));
        assert!(breaker.succeeded() && breaker.is_closed());
    }
}
