//! Calls of ports.

use std::time::Duration;

use crate::port::PortErrorKind;

/// A port call that ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct PortCall {
    /// The port, in lower case with underscores, such as `owner_store`.
    pub port: &'static str,
    /// The method, such as `load`.
    pub operation: &'static str,
    /// The call waits by design, so `elapsed` is not a measure of the port.
    pub waits: bool,
    /// `Ok`, or the kind of the error.
    pub outcome: Result<(), PortErrorKind>,
    /// From the call to its result.
    pub elapsed: Duration,
}

impl PortCall {
    /// A call that does not wait by design.
    #[must_use]
    pub fn new(
        port: &'static str,
        operation: &'static str,
        outcome: Result<(), PortErrorKind>,
        elapsed: Duration,
    ) -> Self {
        Self { port, operation, waits: false, outcome, elapsed }
    }

    /// The same, for a call that waits by design.
    #[must_use]
    pub fn waiting(mut self) -> Self {
        self.waits = true;
        self
    }

    /// `ok`, or the kind of the error in lower case with underscores. It never changes.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.outcome.map_or_else(PortErrorKind::code, |()| "ok")
    }
}
