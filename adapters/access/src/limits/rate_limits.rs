//! The limits of all classes.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use logistics_core::port::{Quota, SharedQuota};
use logistics_service::{LimitState, LimitedCaller, Limiter, RouteClass};
use tokio::time::Instant;

use super::caller::CallerKey;
use super::local::{Local, Taken};
use super::shared::Shared;
use super::slots::{Slots, Value};

/// Rate limits by caller and class, with GCRA: a burst, then a steady rate.
///
/// The memory has a fixed size: 1 MiB for each limited class, 1 MiB for refused addresses, and 3 MiB if the limits are shared. Of
/// more than 65,536 callers of a class at a time, those that have used the least of their quota are forgotten first.
pub struct RateLimits {
    classes: [Option<ClassLimit>; RouteClass::ALL.len()],
    /// The times until which anonymous callers are refused.
    refused: Slots<RefusedUntil>,
    shared: Option<Shared>,
    hasher: RandomState,
    started: Instant,
}

struct ClassLimit {
    quota: Quota,
    local: Local,
}

#[derive(Clone, Copy, Default)]
struct RefusedUntil(u64);

impl Value for RefusedUntil {
    fn idle_at(&self) -> u64 {
        self.0
    }
}

impl RateLimits {
    /// Limits of this process. A class without a quota has no limit; of several quotas of a class, the last counts.
    #[must_use]
    pub fn new(quotas: impl IntoIterator<Item = (RouteClass, Quota)>) -> Self {
        Self::with(quotas, None, 1)
    }

    /// Limits that several processes share through `store`. While it fails or does not answer within 50 ms, each process enforces
    /// its part of every quota: the quota divided by `processes`. Requires a tokio runtime.
    #[must_use]
    pub fn shared(
        quotas: impl IntoIterator<Item = (RouteClass, Quota)>,
        store: Arc<dyn SharedQuota>,
        processes: u32,
    ) -> Self {
        Self::with(quotas, Some(Shared::new(store, processes)), processes)
    }

    fn with(
        quotas: impl IntoIterator<Item = (RouteClass, Quota)>,
        shared: Option<Shared>,
        processes: u32,
    ) -> Self {
        let mut classes = [const { None }; RouteClass::ALL.len()];
        for (class, quota) in quotas {
            classes[class as usize] = Some(ClassLimit { quota, local: Local::new(quota.share(processes)) });
        }
        let hasher = RandomState::new();
        Self { classes, refused: Slots::new(), shared, hasher, started: Instant::now() }
    }

    fn key(&self, caller: &CallerKey<'_>, class: RouteClass) -> u64 {
        self.hasher.hash_one((caller, class))
    }

    fn now_ns(&self) -> u64 {
        nanos(self.started.elapsed())
    }
}

#[async_trait]
impl Limiter for RateLimits {
    fn limits(&self, class: RouteClass) -> bool {
        self.classes[class as usize].is_some()
    }

    async fn admit(&self, caller: LimitedCaller<'_>, class: RouteClass) -> Option<LimitState> {
        let limit = self.classes[class as usize].as_ref()?;
        let caller = CallerKey::of(caller);
        let key = self.key(&caller, class);
        let shared = match &self.shared {
            Some(shared) => {
                let name = || format!("{}:{caller}", class.name());
                shared.take(key, name, limit.quota).await
            }
            None => None,
        };
        let taken = shared.unwrap_or_else(|| limit.local.take(key));
        if let Taken::Refused { wait } = taken
            && !matches!(caller, CallerKey::Subject(_))
        {
            let (now, until) = (self.now_ns(), self.now_ns().saturating_add(nanos(wait)));
            self.refused.change(key, now, true, |refused| refused.0 = until);
        }
        Some(limit.state(class, taken))
    }

    fn refusal(&self, caller: LimitedCaller<'_>, class: RouteClass) -> Option<LimitState> {
        let limit = self.classes[class as usize].as_ref()?;
        let until = self.refused.value(self.key(&CallerKey::of(caller), class))?.0;
        let left = until.checked_sub(self.now_ns()).filter(|left| *left > 0)?;
        Some(limit.state(class, Taken::Refused { wait: Duration::from_nanos(left) }))
    }
}

impl ClassLimit {
    fn state(&self, class: RouteClass, taken: Taken) -> LimitState {
        let quota = &self.quota;
        let (remaining, reset_s, retry_after_s) = match taken {
            Taken::Granted { remaining: 0 } => (0, seconds(quota.restored_ns(1)), None),
            Taken::Granted { remaining } => {
                (remaining, seconds(quota.restored_ns(quota.burst().saturating_sub(remaining))), None)
            }
            Taken::Refused { wait } => {
                let wait_s = seconds(nanos(wait)).max(1);
                (0, wait_s, Some(wait_s))
            }
        };
        let window_s = seconds(quota.restored_ns(quota.burst())).max(1);
        LimitState { class, quota: quota.burst(), window_s, remaining, reset_s, retry_after_s }
    }
}

/// Shows the quotas, not the callers.
impl fmt::Debug for RateLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quotas =
            RouteClass::ALL.map(|class| self.classes[class as usize].as_ref().map(|limit| limit.quota));
        f.debug_struct("RateLimits").field("quotas", &quotas).finish_non_exhaustive()
    }
}

pub(super) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Whole seconds that are not shorter.
fn seconds(nanos: u64) -> u64 {
    nanos.div_ceil(1_000_000_000)
}
