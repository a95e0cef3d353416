//! The clock of this machine.

use std::time::{SystemTime, UNIX_EPOCH};

use logistics_core::Timestamp;
use logistics_core::port::Clock;

/// The wall clock of this machine. It may step; the core copes with that.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        // A clock set before 1970 reads as 1970: facts then keep the time of their predecessors.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}
