//! Limits and waits of a hub.

use std::time::Duration;

use logistics_core::Backoff;
use logistics_core::port::ReadLimit;

/// Maximum facts in the queue of a subscriber.
pub const QUEUE_FACTS_MAX: usize = 1024;
/// Maximum bytes of the records of these facts.
pub const QUEUE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Milliseconds that a reader continues without a subscriber.
pub const LINGER_MS: u64 = 5000;
/// Milliseconds that the bus may take to open a partition.
pub const OPEN_MS_MAX: u64 = 5000;
/// Milliseconds between the first failure and the next attempt.
pub const RETRY_DELAY_MS_MIN: u64 = 100;
/// Maximum milliseconds between two attempts.
pub const RETRY_DELAY_MS_MAX: u64 = 5000;

/// The limit of one read of a partition.
pub(crate) const READ: ReadLimit = ReadLimit { records: 1000, bytes: 1024 * 1024 };

/// Limits and waits of a [`Hub`](crate::Hub).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HubOptions {
    /// Maximum facts in the queue of a subscriber; at least 2. A subscriber with a full queue has fallen behind.
    pub queue_facts_max: usize,
    /// Maximum bytes of the records of these facts. The hub always queues one fact of any size.
    pub queue_bytes_max: usize,
    /// Milliseconds that a reader continues without a subscriber.
    pub linger_ms: u64,
    /// Milliseconds that the bus may take to open a partition.
    pub open_ms_max: u64,
    /// Milliseconds between a failure and the next attempt. The delay doubles with each failure in a row.
    pub retry_delay_ms_min: u64,
    /// Maximum milliseconds between two attempts.
    pub retry_delay_ms_max: u64,
}

impl Default for HubOptions {
    /// The constants of the same names.
    fn default() -> Self {
        Self {
            queue_facts_max: QUEUE_FACTS_MAX,
            queue_bytes_max: QUEUE_BYTES_MAX,
            linger_ms: LINGER_MS,
            open_ms_max: OPEN_MS_MAX,
            retry_delay_ms_min: RETRY_DELAY_MS_MIN,
            retry_delay_ms_max: RETRY_DELAY_MS_MAX,
        }
    }
}

impl HubOptions {
    pub(crate) fn linger(&self) -> Duration {
        Duration::from_millis(self.linger_ms)
    }

    pub(crate) fn open_max(&self) -> Duration {
        Duration::from_millis(self.open_ms_max)
    }

    /// The wait before the next attempt. `failures_before`: failures in a row before the latest one.
    pub(crate) fn retry_delay(&self, failures_before: u32) -> Duration {
        let (delay_ms_min, delay_ms_max) = (self.retry_delay_ms_min, self.retry_delay_ms_max);
        let backoff = Backoff { delay_ms_min, delay_ms_max, jitter_percent: 0 };
        Duration::from_millis(backoff.delay_ms(failures_before))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_the_limit() {
        let options =
            HubOptions { retry_delay_ms_min: 100, retry_delay_ms_max: 500, ..HubOptions::default() };
        let delays: Vec<_> = (0..5).map(|failures| options.retry_delay(failures).as_millis()).collect();
        assert_eq!(delays, [100, 200, 400, 500, 500]);
        assert_eq!(options.retry_delay(u32::MAX).as_millis(), 500);
    }
}
