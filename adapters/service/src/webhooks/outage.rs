//! Log lines about a topic that cannot be read: all readers of a topic fail together, and one line says it.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use logistics_core::Partition;
use logistics_core::port::{PortError, Topic};

/// The shortest interval of two lines.
const INTERVAL: Duration = Duration::from_secs(30);

/// When the last line about a topic was logged.
#[derive(Debug)]
pub(super) struct Outage {
    topic: Topic,
    logged: Mutex<Option<Instant>>,
}

impl Outage {
    pub(super) fn of(topic: Topic) -> Self {
        Self { topic, logged: Mutex::default() }
    }

    /// Logs a failed read, unless another reader has done so within the interval.
    pub(super) fn failed(&self, partition: Partition, error: &PortError) {
        if self.is_due(Instant::now()) {
            let topic = self.topic.name();
            tracing::warn!(topic, %partition, %error, "failed to read a topic of webhooks; retrying");
        }
    }

    fn is_due(&self, now: Instant) -> bool {
        let mut logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = logged.is_none_or(|last| now.duration_since(last) >= INTERVAL);
        if is_due {
            *logged = Some(now);
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readers_of_a_topic_log_one_line_within_the_interval() {
        let (outage, begun) = (Outage::of(Topic::Endpoints), Instant::now());
        let due = [0, 1, 29_999, 30_000, 30_001].map(|ms| outage.is_due(begun + Duration::from_millis(ms)));
        assert_eq!(due, [true, false, false, true, false]);
    }
}
