//! The start: services start after all checks of their dependencies pass.
//!
//! The process waits for a missing dependency without limit, because a process that gave up would only be restarted. An
//! unsuitable dependency ends the process with an error, because waiting would not change it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::{BoxFuture, try_join_all};
use logistics_core::Timestamp;
use logistics_core::health::{Health, HealthProbe, PartHealth};
use logistics_core::port::{Clock, PortError};
use logistics_tokio::{Backoff, SystemClock};
use tokio::time::{Instant, sleep, timeout};

use crate::health_registry::HealthRegistry;
use logistics_cli_kit::Failure;

type Probe = Box<dyn Fn() -> BoxFuture<'static, Result<(), PortError>> + Send + Sync>;

/// A check that must pass before a process starts its services.
pub struct StartupCheck {
    name: &'static str,
    address: String,
    probe: Probe,
}

impl StartupCheck {
    /// `name`: the part's name in the health; `address`: its address in messages; `probe`: the check.
    pub fn new<F>(
        name: &'static str,
        address: impl Into<String>,
        probe: impl Fn() -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<(), PortError>> + Send + 'static,
    {
        Self { name, address: address.into(), probe: Box::new(move || Box::pin(probe())) }
    }

    /// Runs the check once, with a time limit.
    ///
    /// # Errors
    /// Exit code 3 if the dependency is missing, 2 if it is unsuitable.
    pub async fn check(&self) -> Result<(), Failure> {
        match self.attempt(Duration::from_millis(RetryPolicy::default().check_ms_max)).await {
            Outcome::Passed => Ok(()),
            Outcome::Missing(why) => Err(Failure::unreachable(self.sentence(&why))),
            Outcome::Refused(why) => Err(Failure::usage(self.sentence(&why))),
        }
    }

    fn sentence(&self, why: &str) -> String {
        format!("the {} at {} cannot be used: {why}", self.name, self.address)
    }

    async fn attempt(&self, limit: Duration) -> Outcome {
        match timeout(limit, (self.probe)()).await {
            Ok(Ok(())) => Outcome::Passed,
            Ok(Err(error)) if error.kind().is_retryable() => Outcome::Missing(error.to_string()),
            Ok(Err(error)) => Outcome::Refused(error.to_string()),
            Err(_) => Outcome::Missing(format!("no answer within {} ms", limit.as_millis())),
        }
    }
}

enum Outcome {
    Passed,
    /// A retry may help.
    Missing(String),
    /// A retry does not help.
    Refused(String),
}

/// How a check is retried while its part is missing.
#[derive(Debug, Clone, Copy)]
pub struct RetryPolicy {
    /// Between two attempts.
    pub backoff: Backoff,
    /// Time limit of an attempt, in milliseconds.
    pub check_ms_max: u64,
    /// Minimum time between two log lines about the same part, in milliseconds.
    pub warn_ms_min: u64,
}

impl Default for RetryPolicy {
    /// 200 ms to 5 s between two attempts, 15 s for an answer, at most one line every 5 s.
    fn default() -> Self {
        let backoff = Backoff { delay_ms_min: 200, delay_ms_max: 5000, jitter_percent: 20 };
        Self { backoff, check_ms_max: 15_000, warn_ms_min: 5000 }
    }
}

/// The health of the parts that a start waits for.
pub struct StartupHealth(Vec<Mutex<PartHealth>>);

impl HealthProbe for StartupHealth {
    fn health(&self) -> Health {
        Health { parts: self.0.iter().map(|part| lock(part).clone()).collect() }
    }
}

/// Retries all checks concurrently until all pass. The registry shows the checked parts.
///
/// # Errors
/// The first unsuitable dependency.
pub async fn wait_until_ready(
    checks: Vec<StartupCheck>,
    retry: RetryPolicy,
    registry: &HealthRegistry,
) -> Result<(), Failure> {
    let parts = checks.iter().map(|part| {
        let detail = format!("{}: not checked yet", part.address);
        Mutex::new(PartHealth { name: part.name.to_owned(), ready: false, detail })
    });
    let waiting = Arc::new(StartupHealth(parts.collect()));
    registry.add(waiting.clone());
    let parts = checks.iter().zip(&waiting.0);
    try_join_all(parts.map(|(part, shown)| wait_until_one_is_ready(part, shown, retry))).await.map(drop)
}

async fn wait_until_one_is_ready(
    part: &StartupCheck,
    shown: &Mutex<PartHealth>,
    retry: RetryPolicy,
) -> Result<(), Failure> {
    let StartupCheck { name, address, .. } = part;
    let since = SystemClock.now();
    let mut warned: Option<Instant> = None;
    let mut failures = 0;
    loop {
        match part.attempt(Duration::from_millis(retry.check_ms_max)).await {
            Outcome::Passed => {
                if warned.is_some() {
                    tracing::info!(address, "the {name} is ready");
                }
                let mut shown = lock(shown);
                (shown.ready, shown.detail) = (true, address.clone());
                return Ok(());
            }
            Outcome::Refused(why) => return Err(Failure::usage(part.sentence(&why))),
            Outcome::Missing(why) => {
                show_missing(shown, address, since, &why);
                let now = Instant::now();
                let quiet = Duration::from_millis(retry.warn_ms_min);
                if warned.is_none_or(|last| now - last >= quiet) {
                    tracing::warn!(address, %since, cause = why, "waiting for the {name}");
                    warned = Some(now);
                }
            }
        }
        sleep(retry.backoff.delay(failures, rand::random())).await;
        failures = failures.saturating_add(1);
    }
}

fn show_missing(shown: &Mutex<PartHealth>, address: &str, since: Timestamp, why: &str) {
    lock(shown).detail = format!("{address}: waiting since {since}: {why}");
}

fn lock(part: &Mutex<PartHealth>) -> MutexGuard<'_, PartHealth> {
    part.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
