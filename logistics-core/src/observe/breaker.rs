//! Circuit breakers.

use crate::named::named;

named! {
    /// The state of a circuit breaker.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    #[non_exhaustive]
    pub enum BreakerState {
        /// Every call passes.
        Closed => "closed",
        /// No call passes.
        Open => "open",
        /// The open time has passed: a few calls pass as probes, and their results decide. Without calls, it stays so.
        HalfOpen => "half_open",
    }
    /// The state as text, in lower case with underscores. It never changes.
    pub fn code;
}

/// A circuit breaker at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct BreakerReading {
    /// The dependency behind the breaker, such as `store`.
    pub dependency: &'static str,
    /// The state.
    pub state: BreakerState,
    /// Calls that the breaker has rejected, since the start of the process.
    pub rejected: u64,
}

impl BreakerReading {
    /// The reading of the breaker of a dependency.
    #[must_use]
    pub fn new(dependency: &'static str, state: BreakerState, rejected: u64) -> Self {
        Self { dependency, state, rejected }
    }
}
