//! The permission to make one call.

use std::fmt;

use tokio::time::Instant;

use super::CircuitBreaker;
use super::machine::Ticket;

/// The permission to make one call of a dependency. It takes the call's result. Dropping it without one cancels the call, which is
/// not counted, and gives its place to another probe.
#[must_use]
pub struct Admission {
    breaker: CircuitBreaker,
    ticket: Option<Ticket>,
}

impl Admission {
    pub(super) fn new(breaker: CircuitBreaker, ticket: Ticket) -> Self {
        Self { breaker, ticket: Some(ticket) }
    }

    /// The dependency answered.
    pub fn succeeded(self) {
        self.end(false);
    }

    /// The dependency did not answer.
    pub fn failed(self) {
        self.end(true);
    }

    fn end(mut self, failed: bool) {
        if let Some(ticket) = self.ticket.take() {
            let transition = self.breaker.machine().record(ticket, failed, Instant::now());
            self.breaker.report(transition);
        }
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.breaker.machine().cancel(ticket);
        }
    }
}

impl fmt::Debug for Admission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admission").field("breaker", &self.breaker).finish_non_exhaustive()
    }
}

/// A circuit breaker did not permit a call, because its dependency is down. The call has changed nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct BreakerOpen {
    /// The dependency.
    pub dependency: &'static str,
    /// Milliseconds until a call may pass, at least 1.
    pub retry_after_ms: u64,
}

impl fmt::Display for BreakerOpen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the circuit breaker of the {} is open", self.dependency)
    }
}

impl std::error::Error for BreakerOpen {}
