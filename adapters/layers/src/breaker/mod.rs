//! A circuit breaker.

mod admission;
mod failure_rate;
mod machine;
mod settings;

use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use logistics_core::health::{Health, HealthProbe, PartHealth};
use logistics_core::observe::{BreakerReading, BreakerState, Gauges, Observer, Reading};
use tokio::time::Instant;
use tracing::{info, warn};

use crate::error::CallError;
use crate::layer::{Layer, Operation};
use machine::Machine;

pub use admission::{Admission, BreakerOpen};
pub use settings::BreakerSettings;

/// Answers `Unavailable` at once while a dependency is down, instead of calling it.
///
/// It opens when too many of the last calls failed ([`BreakerSettings`]). Only an outage is a failure
/// ([`CallError::is_outage`]); every other answer is a success, because the dependency answered. After the open time, it is
/// half-open: a few calls pass as probes. The first result decides: a success closes the breaker, and a failure opens it again.
///
/// The errors of rejected calls have a retry-after. A call that waits by design always passes and is not counted.
///
/// Clones share one state, so one breaker belongs to one dependency. To count time limits as failures, put the breaker around
/// the [`TimeLimit`](crate::TimeLimit): a cancelled call is not counted.
#[derive(Clone)]
pub struct CircuitBreaker {
    shared: Arc<Shared>,
}

struct Shared {
    dependency: &'static str,
    settings: BreakerSettings,
    observer: Option<Arc<dyn Observer>>,
    machine: Mutex<Machine>,
    rejected: AtomicU64,
}

impl CircuitBreaker {
    /// A closed breaker. `dependency`: its name in metrics, health and errors, such as `store`.
    #[must_use]
    pub fn new(dependency: &'static str, settings: BreakerSettings) -> Self {
        Self::build(dependency, settings.bounded(), None)
    }

    /// The same, whose transitions are reported to an observer.
    #[must_use]
    pub fn observed(
        dependency: &'static str,
        settings: BreakerSettings,
        observer: Arc<dyn Observer>,
    ) -> Self {
        Self::build(dependency, settings.bounded(), Some(observer))
    }

    fn build(
        dependency: &'static str,
        settings: BreakerSettings,
        observer: Option<Arc<dyn Observer>>,
    ) -> Self {
        let machine = Mutex::new(Machine::new(settings));
        Self {
            shared: Arc::new(Shared { dependency, settings, observer, machine, rejected: AtomicU64::new(0) }),
        }
    }

    /// The name of the dependency.
    #[must_use]
    pub fn dependency(&self) -> &'static str {
        self.shared.dependency
    }

    /// The state now.
    #[must_use]
    pub fn state(&self) -> BreakerState {
        self.machine().state(Instant::now())
    }

    /// Calls that were rejected.
    #[must_use]
    pub fn rejected(&self) -> u64 {
        self.shared.rejected.load(Ordering::Relaxed)
    }

    /// Admits one call of a dependency that is no port, or rejects it. Report the result to the admission.
    ///
    /// # Errors
    /// [`BreakerOpen`] if the call must not be made.
    pub fn admit(&self) -> Result<Admission, BreakerOpen> {
        let (result, transition) = self.machine().admit(Instant::now());
        self.report(transition);
        match result {
            Ok(ticket) => Ok(Admission::new(self.clone(), ticket)),
            Err(wait) => {
                self.shared.rejected.fetch_add(1, Ordering::Relaxed);
                let retry_after_ms =
                    u64::try_from(wait.as_micros().div_ceil(1000)).unwrap_or(u64::MAX).max(1);
                Err(BreakerOpen { dependency: self.shared.dependency, retry_after_ms })
            }
        }
    }

    fn machine(&self) -> MutexGuard<'_, Machine> {
        self.shared.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reports a transition outside of the lock, because an observer may read the state.
    fn report(&self, transition: Option<BreakerState>) {
        let Some(state) = transition else { return };
        let Shared { dependency, settings, observer, .. } = &*self.shared;
        match state {
            BreakerState::Open => {
                let BreakerSettings { window_calls, failures_percent, open_ms, .. } = settings;
                warn!(dependency, window_calls, failures_percent, open_ms, "the circuit breaker opened");
            }
            BreakerState::Closed => {
                info!(dependency, "the dependency answers again; the circuit breaker closed");
            }
            _ => {}
        }
        if let Some(observer) = observer {
            observer.breaker(dependency, state);
        }
    }
}

impl Layer for CircuitBreaker {
    async fn call<T, E, F>(&self, operation: Operation, call: F) -> Result<T, E>
    where
        T: Send,
        E: CallError,
        F: Future<Output = Result<T, E>> + Send,
    {
        let admission = match self.admit() {
            Ok(admission) => admission,
            Err(open) => {
                let Operation { port, name } = operation;
                let error = E::unavailable(format!("{open}; {port}.{name} was not called"));
                return Err(error.with_retry_after_ms(open.retry_after_ms));
            }
        };
        let result = call.await;
        match &result {
            Err(error) if error.is_outage() => admission.failed(),
            _ => admission.succeeded(),
        }
        result
    }
}

/// One part, such as `store circuit breaker`. It is not ready while the breaker is open. A process must not count as unready for
/// that: without calls, an open breaker is never probed.
impl HealthProbe for CircuitBreaker {
    fn health(&self) -> Health {
        let state = self.state();
        let name = format!("{} circuit breaker", self.shared.dependency);
        Health {
            parts: vec![PartHealth {
                name,
                ready: state != BreakerState::Open,
                detail: state.code().to_owned(),
            }],
        }
    }
}

impl Gauges for CircuitBreaker {
    fn read(&self, into: &mut dyn FnMut(Reading)) {
        into(Reading::Breaker(BreakerReading::new(self.shared.dependency, self.state(), self.rejected())));
    }
}

impl fmt::Debug for CircuitBreaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shared { dependency, settings, .. } = &*self.shared;
        f.debug_struct("CircuitBreaker")
            .field("dependency", dependency)
            .field("settings", settings)
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}
