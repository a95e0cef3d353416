//! The keys of a JWK set that its source may rotate at any time.
//!
//! Requests use the keys in memory. The keys are fetched in the background before they age, and for an unknown `kid`. Every fetch
//! claims the cooldown before it begins, whatever it brings, so clients cannot make this process a load on the source.
//!
//! While the source fails, the keys in memory stay in use, and a circuit breaker ends the fetches: an unknown `kid` is refused at
//! once, instead of after the time limit of a fetch. Without usable keys, every token waits for the source, so the breaker is not asked.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use logistics_layers::{Admission, BreakerSettings, CircuitBreaker};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::key_set::{JwtAlgorithm, KeySet};
use super::source::KeySource;
use logistics_core::text::Escaped;

use crate::refused::{Refused, shown};

/// Time between the begins of two fetches.
pub(super) const COOLDOWN_MS: u64 = 30_000;

/// Time between two fetches while there are no keys, in the background only.
pub(super) const RETRY_WITHOUT_KEYS_MS: u64 = 5000;

/// Keys are at most this old while the source answers.
pub(super) const AGE_MS_MAX: u64 = 600_000;

/// A fetch in the background begins this long before the keys age.
const AHEAD_MS: u64 = 60_000;

/// Keys are used for this long while the source fails.
pub(super) const STALE_MS_MAX: u64 = 24 * 3_600_000;

/// An unknown `kid` causes no fetch again for this time.
pub(super) const UNKNOWN_MS: u64 = 120_000;

/// Fetches whose failure opens the breaker. They are at least 30 s apart.
const BREAKER_WINDOW_CALLS: usize = 2;

/// The open time of the breaker: two cooldowns.
const BREAKER_OPEN_MS: u64 = 2 * COOLDOWN_MS;

/// Unknown `kid`s in memory.
pub(super) const UNKNOWN_MAX: usize = 1000;

/// The settings of the circuit breaker around the fetches of a JWK set. It opens for 60 s when the last two of at least three failed.
#[must_use]
pub fn jwks_breaker_settings() -> BreakerSettings {
    let mut settings = BreakerSettings::default();
    (settings.window_calls, settings.failures_percent) = (BREAKER_WINDOW_CALLS, 100);
    settings.open_ms = BREAKER_OPEN_MS;
    settings
}

/// The keys of a source. Dropping it ends the fetches.
pub(super) struct Jwks {
    shared: Arc<Shared>,
    background: JoinHandle<()>,
}

impl Drop for Jwks {
    fn drop(&mut self) {
        self.background.abort();
    }
}

struct Shared {
    source: Box<dyn KeySource>,
    algorithms: Vec<JwtAlgorithm>,
    breaker: CircuitBreaker,
    state: Mutex<State>,
    /// The number of ended fetches.
    ended: watch::Sender<u64>,
}

#[derive(Default)]
struct State {
    keys: Option<Arc<KeySet>>,
    /// When the last successful fetch ended.
    fetched: Option<Instant>,
    /// When the last fetch began.
    began: Option<Instant>,
    is_fetching: bool,
    /// When a fetch last found this `kid` unknown.
    unknown: HashMap<String, Instant>,
}

/// A fetch that has begun. Its result counts for the breaker, if there are usable keys.
struct Claim(Option<Admission>);

enum Unclaimed {
    /// Another fetch runs, or the cooldown has not passed.
    NotDue,
    /// The circuit breaker is open for this many milliseconds.
    Open(u64),
}

fn has_passed(since: Option<Instant>, ms: u64) -> bool {
    since.is_none_or(|since| since.elapsed() >= Duration::from_millis(ms))
}

impl State {
    /// The keys, unless they are too old.
    fn usable(&self) -> Result<Arc<KeySet>, Refused> {
        let Some(keys) = &self.keys else {
            return Err(Refused::Unavailable("the JWK set has not been fetched yet".to_owned()));
        };
        if has_passed(self.fetched, STALE_MS_MAX) {
            return Err(Refused::Unavailable("the JWK set is too old, and its source fails".to_owned()));
        }
        Ok(keys.clone())
    }

    /// Begins a fetch, if it may begin now.
    fn claim(&mut self, breaker: &CircuitBreaker) -> Result<Claim, Unclaimed> {
        let cooldown_ms = if self.keys.is_some() { COOLDOWN_MS } else { RETRY_WITHOUT_KEYS_MS };
        if self.is_fetching || !has_passed(self.began, cooldown_ms) {
            return Err(Unclaimed::NotDue);
        }
        let admission = match self.usable() {
            Ok(_) => Some(breaker.admit().map_err(|open| Unclaimed::Open(open.retry_after_ms))?),
            Err(_) => None,
        };
        self.is_fetching = true;
        self.began = Some(Instant::now());
        Ok(Claim(admission))
    }

    /// Time until the next fetch in the background.
    fn due(&self) -> Duration {
        let (since, ms) = match self.fetched {
            None => (self.began, RETRY_WITHOUT_KEYS_MS),
            Some(_) => (self.fetched, AGE_MS_MAX - AHEAD_MS),
        };
        let until = |since: Option<Instant>, ms| {
            since.map_or(Duration::ZERO, |since| Duration::from_millis(ms).saturating_sub(since.elapsed()))
        };
        let cooldown_ms = if self.keys.is_some() { COOLDOWN_MS } else { RETRY_WITHOUT_KEYS_MS };
        until(since, ms).max(until(self.began, cooldown_ms))
    }

    fn is_unknown(&self, kid: &str) -> bool {
        self.unknown.get(kid).is_some_and(|since| !has_passed(Some(*since), UNKNOWN_MS))
    }

    fn remember_unknown(&mut self, kid: &str) {
        if self.unknown.len() >= UNKNOWN_MAX {
            self.unknown.retain(|_, since| !has_passed(Some(*since), UNKNOWN_MS));
        }
        if self.unknown.len() < UNKNOWN_MAX {
            self.unknown.insert(kid.to_owned(), Instant::now());
        }
    }
}

impl Jwks {
    /// Fetches the keys now and for as long as this lives. Must be called within a Tokio runtime.
    pub(super) fn start(
        source: Box<dyn KeySource>,
        algorithms: Vec<JwtAlgorithm>,
        breaker: CircuitBreaker,
    ) -> Self {
        let (ended, _) = watch::channel(0);
        let shared = Arc::new(Shared { source, algorithms, breaker, state: Mutex::default(), ended });
        let background = tokio::spawn(shared.clone().refresh_in_background());
        Self { shared, background }
    }

    /// The keys.
    ///
    /// # Errors
    /// [`Refused::Unavailable`] before the first successful fetch, and if the source fails for too long.
    pub(super) fn keys(&self) -> Result<Arc<KeySet>, Refused> {
        self.shared.state().usable()
    }

    /// The keys with this `kid`. An unknown one causes a fetch, if the cooldown permits it, or waits for the one that runs.
    ///
    /// # Errors
    /// As [`Jwks::keys`], and for an unknown `kid`.
    pub(super) async fn keys_with(&self, kid: &str) -> Result<Arc<KeySet>, Refused> {
        let unknown = || Refused::invalid(format!("the token's kid {} is unknown", shown(kid)));
        let mut ended = {
            let mut state = self.shared.state();
            let keys = state.usable()?;
            if keys.knows(kid) {
                return Ok(keys);
            }
            if state.is_unknown(kid) {
                return Err(unknown());
            }
            let ended = self.shared.ended.subscribe();
            match state.claim(&self.shared.breaker) {
                Ok(claim) => drop(tokio::spawn(self.shared.clone().fetch(claim))),
                Err(_) if state.is_fetching => {}
                Err(_) => return Err(unknown()),
            }
            ended
        };
        // The sender lives as long as this.
        let _ = ended.changed().await;
        let mut state = self.shared.state();
        let keys = state.usable()?;
        if keys.knows(kid) {
            return Ok(keys);
        }
        // After a failed fetch, the source may have a key with this `kid`.
        if state.fetched >= state.began {
            state.remember_unknown(kid);
        }
        Err(unknown())
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn refresh_in_background(self: Arc<Self>) {
        loop {
            let due = self.state().due();
            sleep(due).await;
            let claimed = {
                let mut state = self.state();
                if state.due().is_zero() { state.claim(&self.breaker) } else { Err(Unclaimed::NotDue) }
            };
            match claimed {
                // A task of its own, as for requests: its end is recorded even if this one is aborted.
                Ok(claim) => drop(tokio::spawn(self.clone().fetch(claim)).await),
                Err(Unclaimed::Open(ms)) => sleep(Duration::from_millis(ms)).await,
                Err(Unclaimed::NotDue) => {
                    let mut ended = self.ended.subscribe();
                    if self.state().is_fetching {
                        let _ = ended.changed().await;
                    }
                }
            }
        }
    }

    async fn fetch(self: Arc<Self>, Claim(admission): Claim) {
        let shared = self.clone();
        // A task of its own, so that no panic over a hostile set leaves the fetch claimed.
        let fetched = tokio::spawn(async move { shared.fetched().await }).await;
        let keys = fetched.unwrap_or_else(|panic| Err(panic.to_string()));
        match admission {
            Some(admission) if keys.is_ok() => admission.succeeded(),
            Some(admission) => admission.failed(),
            None => {}
        }
        let mut state = self.state();
        state.is_fetching = false;
        match keys {
            Ok(keys) => {
                state.keys = Some(Arc::new(keys));
                state.fetched = Some(Instant::now());
            }
            Err(problem) => {
                let kept =
                    if state.keys.is_some() { "the previous keys stay in use" } else { "there are no keys" };
                tracing::warn!(problem = %Escaped(&problem), "failed to fetch the JWK set; {kept}");
            }
        }
        drop(state);
        self.ended.send_modify(|ended| *ended += 1);
    }

    async fn fetched(&self) -> Result<KeySet, String> {
        let text = self.source.fetch().await?;
        KeySet::from_jwks(&text, &self.algorithms).map_err(|problem| problem.to_string())
    }
}
