//! The start: nothing works before everything that it needs is there.
//!
//! What is not there yet is waited for, for as long as it takes: a process that gave up would only be started again, to the
//! same end and with more noise. What refuses will not change its mind, so the process ends and says why.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::{BoxFuture, try_join_all};
use logistics_core::Timestamp;
use logistics_core::health::{Health, HealthProbe, PartHealth};
use logistics_core::port::{Clock, PortError};
use logistics_tokio::{Backoff, SystemClock};
use tokio::time::{Instant, sleep, timeout};

use crate::probes::Probes;
use logistics_cli_kit::Failure;

type Check = Box<dyn Fn() -> BoxFuture<'static, Result<(), PortError>> + Send + Sync>;

/// A part that must be there, and fit, before anything begins.
pub struct Required {
    name: &'static str,
    address: String,
    check: Check,
}

impl Required {
    /// `name`: the part, as health names it; `address`: where it is, for people; `check` asks it.
    pub fn new<F>(
        name: &'static str,
        address: impl Into<String>,
        check: impl Fn() -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<(), PortError>> + Send + 'static,
    {
        Self { name, address: address.into(), check: Box::new(move || Box::pin(check())) }
    }

    /// Asks once, within a bound.
    ///
    /// # Errors
    /// Exit code 3 where it is not there, 2 where it refuses.
    pub async fn now(&self) -> Result<(), Failure> {
        match self.ask(Duration::from_millis(Patience::default().check_ms_max)).await {
            Answer::There => Ok(()),
            Answer::Missing(why) => Err(Failure::unreachable(self.sentence(&why))),
            Answer::Refused(why) => Err(Failure::usage(self.sentence(&why))),
        }
    }

    fn sentence(&self, why: &str) -> String {
        format!("the {} at {} cannot be used: {why}", self.name, self.address)
    }

    async fn ask(&self, limit: Duration) -> Answer {
        match timeout(limit, (self.check)()).await {
            Ok(Ok(())) => Answer::There,
            Ok(Err(error)) if error.kind().is_retryable() => Answer::Missing(error.to_string()),
            Ok(Err(error)) => Answer::Refused(error.to_string()),
            Err(_) => Answer::Missing(format!("no answer within {} ms", limit.as_millis())),
        }
    }
}

enum Answer {
    There,
    /// Asking again may help.
    Missing(String),
    /// It does not.
    Refused(String),
}

/// How a missing part is asked again and again.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Between two questions.
    pub backoff: Backoff,
    /// Milliseconds after which a question counts as not answered.
    pub check_ms_max: u64,
    /// Milliseconds between two lines in the log about the same part at least.
    pub warn_ms_min: u64,
}

impl Default for Patience {
    /// From 200 ms to 5 s between two questions, 15 s for an answer, a line every 5 s at most.
    fn default() -> Self {
        let backoff = Backoff { delay_ms_min: 200, delay_ms_max: 5000, jitter_percent: 20 };
        Self { backoff, check_ms_max: 15_000, warn_ms_min: 5000 }
    }
}

/// What a start waits for, as health.
pub struct Waiting(Vec<Mutex<PartHealth>>);

impl HealthProbe for Waiting {
    fn health(&self) -> Health {
        Health { parts: self.0.iter().map(|part| lock(part).clone()).collect() }
    }
}

/// Asks every part, all at the same time, until all have said yes. They stand in the probes meanwhile, and are left there.
///
/// # Errors
/// The sentence of the first that refuses.
pub async fn until_there(
    required: Vec<Required>,
    patience: Patience,
    probes: &Probes,
) -> Result<(), Failure> {
    let parts = required.iter().map(|part| {
        let detail = format!("{}: not asked yet", part.address);
        Mutex::new(PartHealth { name: part.name.to_owned(), ready: false, detail })
    });
    let waiting = Arc::new(Waiting(parts.collect()));
    probes.add(waiting.clone());
    let parts = required.iter().zip(&waiting.0);
    try_join_all(parts.map(|(part, shown)| until_one_is_there(part, shown, patience))).await.map(drop)
}

async fn until_one_is_there(
    part: &Required,
    shown: &Mutex<PartHealth>,
    patience: Patience,
) -> Result<(), Failure> {
    let Required { name, address, .. } = part;
    let since = SystemClock.now();
    let mut warned: Option<Instant> = None;
    let mut failures = 0;
    loop {
        match part.ask(Duration::from_millis(patience.check_ms_max)).await {
            Answer::There => {
                if warned.is_some() {
                    tracing::info!(address, "the {name} is there");
                }
                let mut shown = lock(shown);
                (shown.ready, shown.detail) = (true, address.clone());
                return Ok(());
            }
            Answer::Refused(why) => return Err(Failure::usage(part.sentence(&why))),
            Answer::Missing(why) => {
                show_missing(shown, address, since, &why);
                let now = Instant::now();
                let quiet = Duration::from_millis(patience.warn_ms_min);
                if warned.is_none_or(|last| now - last >= quiet) {
                    tracing::warn!(address, %since, cause = why, "waiting for the {name}");
                    warned = Some(now);
                }
            }
        }
        sleep(patience.backoff.delay(failures, rand::random())).await;
        failures = failures.saturating_add(1);
    }
}

fn show_missing(shown: &Mutex<PartHealth>, address: &str, since: Timestamp, why: &str) {
    lock(shown).detail = format!("{address}: waited for since {since}: {why}");
}

fn lock(part: &Mutex<PartHealth>) -> MutexGuard<'_, PartHealth> {
    part.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
