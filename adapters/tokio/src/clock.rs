//! The clock of this machine, and the time as the core takes it.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use logistics_core::Timestamp;
use logistics_core::port::Clock;
use logistics_core::processor::Now;
use tokio::time::Instant;

/// The wall clock of this machine. It may jump; the core handles that.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        // A clock before 1970 reads as 1970; a fact then keeps the time of the fact before it.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

/// Reads the wall clock and the time since its creation together.
#[derive(Clone)]
pub(crate) struct ProcessorClock {
    clock: Arc<dyn Clock>,
    start: Instant,
}

impl ProcessorClock {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, start: Instant::now() }
    }

    pub(crate) fn now(&self) -> Now {
        let elapsed_ms = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        Now { wall: self.clock.now(), elapsed_ms }
    }
}
