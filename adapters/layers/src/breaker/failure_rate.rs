//! The failure rate of the last calls, by `recloser`.
//!
//! Of `recloser`, only the closed state is used. It reads the clock of the system, shows neither its state nor the time of its next
//! probe, and admits any number of probes, also after those that never end. So [`super::machine`] has these parts.

use std::future::{Future, pending, ready};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use recloser::{AsyncRecloser, Error, Recloser};

use super::settings::BreakerSettings;

/// Longer than any process runs: the machine decides when an open breaker is probed.
const FOR_EVER: Duration = Duration::from_hours(24 * 365 * 10);

/// The failure rate of the last calls.
pub(super) struct FailureRate(AsyncRecloser);

impl FailureRate {
    /// No results yet.
    #[allow(clippy::cast_precision_loss)] // a percentage is at most 100
    pub(super) fn new(settings: BreakerSettings) -> Self {
        let recloser = Recloser::custom()
            .closed_len(settings.window_calls)
            .error_rate(settings.failures_percent as f32 / 100.0)
            .open_wait(FOR_EVER);
        Self(recloser.build().into())
    }

    /// Counts the result of a call. Returns whether too many of the last calls failed.
    pub(super) fn record(&self, failed: bool) -> bool {
        let result = if failed { Err(()) } else { Ok(()) };
        // The returned result is the one that is passed in.
        let _ = poll_once(self.0.call(ready(result)));
        // A call is permitted or rejected at its first poll, and counted at its end, which this one never reaches.
        matches!(poll_once(self.0.call(pending::<Result<(), ()>>())), Poll::Ready(Err(Error::Rejected)))
    }
}

fn poll_once<F: Future>(future: F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}
