//! Measures the transactions of a processor, for their reports: the core reads no clock.

use std::time::Duration;

use tokio::time::Instant;

/// Measures one transaction after the other. Measures nothing while no observer wants reports.
pub(crate) struct TransactionTimer {
    enabled: bool,
    /// Processing time of the current step, as far as it may be the decision's.
    deciding: Duration,
    decided: Duration,
    /// When the commit began.
    committing: Option<Instant>,
}

impl TransactionTimer {
    pub(crate) fn new(enabled: bool) -> Self {
        Self { enabled, deciding: Duration::ZERO, decided: Duration::ZERO, committing: None }
    }

    /// Runs a part of the processor that may decide.
    pub(crate) fn deciding<T>(&mut self, part: impl FnOnce() -> T) -> T {
        if !self.enabled {
            return part();
        }
        let began = Instant::now();
        let result = part();
        self.deciding += began.elapsed();
        result
    }

    /// The processor has nothing more to do in this step.
    pub(crate) fn end_step(&mut self) {
        self.deciding = Duration::ZERO;
    }

    /// The processor has decided, and its commit begins.
    pub(crate) fn begin_commit(&mut self) {
        if self.enabled {
            self.decided = std::mem::take(&mut self.deciding);
            self.committing = Some(Instant::now());
        }
    }

    /// The time of the decision, and the time since its commit began.
    pub(crate) fn elapsed(&self) -> (Duration, Duration) {
        (self.decided, self.committing.map_or(Duration::ZERO, |began| began.elapsed()))
    }
}
