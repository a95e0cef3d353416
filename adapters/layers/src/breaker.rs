//! A circuit breaker.

use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use logistics_core::port::PortErrorKind;
use tokio::time::Instant;
use tracing::{info, warn};

use crate::error::CallError;
use crate::layer::{Layer, Operation};

/// Answers `Unavailable` at once while a port is down, instead of calling it.
///
/// It opens after `failures_max` calls in a row that end in `Unavailable`; every other answer counts as a success. After
/// `open_ms`, one call passes as a trial. A success closes the breaker, and a failure keeps it open for another `open_ms`.
/// Calls that wait by design always pass and are not counted.
///
/// Clones share one state, so one breaker belongs to one port. To count time limits as failures, put the breaker around the
/// [`TimeLimit`](crate::TimeLimit): a cancelled call is not counted.
#[derive(Clone)]
pub struct CircuitBreaker {
    name: Arc<str>,
    failures_max: u32,
    open: Duration,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// `Unavailable` answers in a row.
    failures: u32,
    /// The time of the next trial, while the breaker is open.
    trial_at: Option<Instant>,
}

impl CircuitBreaker {
    /// A closed breaker. `name`: the port's name in errors and log lines. `failures_max`: failures in a row that open the
    /// breaker, at least 1. `open_ms`: milliseconds between its opening and the first trial.
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>, failures_max: u32, open_ms: u64) -> Self {
        Self {
            name: name.into(),
            failures_max: failures_max.max(1),
            open: Duration::from_millis(open_ms),
            state: Arc::default(),
        }
    }

    /// Whether the breaker is open and answers calls at once.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.state().trial_at.is_some()
    }

    /// Whether a call may pass now. A trial delays the next one by a whole period, so a trial that hangs does not block later
    /// ones.
    fn admits(&self) -> bool {
        let now = Instant::now();
        let mut state = self.state();
        match state.trial_at {
            None => true,
            Some(at) if now < at => false,
            Some(_) => {
                state.trial_at = Some(now + self.open);
                true
            }
        }
    }

    fn record_success(&self) {
        let mut state = self.state();
        state.failures = 0;
        if state.trial_at.take().is_some() {
            info!(port = &*self.name, "the port answers again; the circuit breaker closed");
        }
    }

    fn record_failure(&self) {
        let mut state = self.state();
        state.failures = state.failures.saturating_add(1);
        if state.failures < self.failures_max {
            return;
        }
        if state.trial_at.replace(Instant::now() + self.open).is_none() {
            let open_ms = u64::try_from(self.open.as_millis()).unwrap_or(u64::MAX);
            warn!(port = &*self.name, failures = state.failures, open_ms, "the circuit breaker opened");
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Layer for CircuitBreaker {
    async fn call<T, E, F>(&self, operation: Operation, call: F) -> Result<T, E>
    where
        T: Send,
        E: CallError,
        F: Future<Output = Result<T, E>> + Send,
    {
        if !self.admits() {
            let Operation { port, name } = operation;
            return Err(E::unavailable(format!(
                "the circuit breaker of {} is open; {port}.{name} was not called",
                self.name
            )));
        }
        let result = call.await;
        match &result {
            Err(error) if error.kind() == PortErrorKind::Unavailable => self.record_failure(),
            _ => self.record_success(),
        }
        result
    }
}

impl fmt::Debug for CircuitBreaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CircuitBreaker").field("name", &self.name).field("open", &self.is_open()).finish()
    }
}
