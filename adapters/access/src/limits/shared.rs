//! Quotas that several processes share, with leases.
//!
//! A call to the shared store for each request would add a round trip to every placement. So a process leases units: it takes a
//! batch, and admits further calls of the same caller from it. A caller's first call takes one unit; a caller that uses its
//! lease quickly gets twice as many with the next one, up to a quarter of the process's share.
//!
//! Units are taken before they are used, so all processes together never admit more than the quota. They may admit less: unused
//! units are dropped after [`LEASE_MS`]. A caller that is over its quota costs no round trip until the next unit returns.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use logistics_core::port::{PortError, Quota, QuotaState, SharedQuota};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::local::Taken;
use super::rate_limits::nanos;
use super::slots::{Slots, Value};

/// How long leased units may be used, in milliseconds.
const LEASE_MS: u64 = 250;
/// Maximum units of a lease.
const LEASE_UNITS_MAX: u32 = 64;
/// Time limit of a decision by the shared store, in milliseconds.
const TIMEOUT_MS: u64 = 50;
/// The interval between attempts to reach a store that has failed, in milliseconds.
const RETRY_MS: u64 = 1_000;
/// Locks that keep the calls for one caller apart. Two callers may have the same one.
const TURNS: usize = 1024;
const NANOS_PER_MS: u64 = 1_000_000;

/// The shared quotas, as one of the processes that share them.
pub(super) struct Shared {
    store: Arc<dyn SharedQuota>,
    processes: u32,
    leases: Slots<Lease>,
    /// Concurrent calls of one caller wait for one round trip.
    turns: Box<[Mutex<()>]>,
    /// The store has failed, and is tried again at this time; 0: it answers.
    retry_at: AtomicU64,
    /// The failure is logged.
    logged: AtomicBool,
    started: Instant,
}

/// What this process has of a caller's quota. Times in nanoseconds since the start.
#[derive(Debug, Clone, Copy, Default)]
struct Lease {
    units: u32,
    /// The units are dropped then.
    until: u64,
    /// The number of units of the last lease.
    leased: u32,
    /// The units in the store after the last lease.
    remaining: u32,
    /// The store has no unit before.
    refused_until: u64,
    /// The store has forgotten the caller.
    idle_at: u64,
}

impl Value for Lease {
    fn idle_at(&self) -> u64 {
        self.idle_at
    }
}

enum Step {
    Decided(Taken),
    Lease(u32),
}

impl Shared {
    pub(super) fn new(store: Arc<dyn SharedQuota>, processes: u32) -> Self {
        Self {
            store,
            processes: processes.max(1),
            leases: Slots::new(),
            turns: (0..TURNS).map(|_| Mutex::new(())).collect(),
            retry_at: AtomicU64::new(0),
            logged: AtomicBool::new(false),
            started: Instant::now(),
        }
    }

    /// Takes a unit of the caller with this key and name. `None`: this process decides by its own share, because the store cannot
    /// decide now, or because this process shares as many callers as it may. The latter bounds the keys in the store, too.
    pub(super) async fn take(&self, key: u64, name: impl FnOnce() -> String, quota: Quota) -> Option<Taken> {
        if let Step::Decided(taken) = self.step(key, quota)? {
            return Some(taken);
        }
        if !self.may_try() {
            return None;
        }
        let decided = tokio::time::timeout(Duration::from_millis(TIMEOUT_MS), async {
            let at = usize::try_from(key % TURNS as u64).unwrap_or(0);
            let _turn = self.turns[at].lock().await;
            // An earlier call of this caller may have got a lease meanwhile.
            let units = match self.step(key, quota) {
                Some(Step::Lease(units)) => units,
                Some(Step::Decided(taken)) => return Some(Ok(taken)),
                None => return None,
            };
            let (store, name) = (self.store.clone(), name());
            // A task of its own: a cancelled call would close its connection, and opening one can take longer than the limit.
            let call = tokio::spawn(async move { store.take(&name, quota, units).await });
            match call.await {
                Ok(Ok(state)) => self.leased(key, quota, state).map(Ok),
                Ok(Err(error)) => Some(Err(Some(error))),
                // The call panicked, or the runtime stops.
                Err(_) => Some(Err(None)),
            }
        });
        match decided.await {
            Ok(Some(Ok(taken))) => {
                self.succeeded();
                Some(taken)
            }
            Ok(None) => None,
            Ok(Some(Err(error))) => self.failed(error.as_ref()),
            Err(_) => self.failed(None),
        }
    }

    /// The next step for a call, without a round trip if possible.
    fn step(&self, key: u64, quota: Quota) -> Option<Step> {
        let (now, units_max) = (self.now_ns(), self.units_max(quota));
        self.leases.change(key, now, false, |lease| lease.step(now, units_max))
    }

    fn leased(&self, key: u64, quota: Quota, state: QuotaState) -> Option<Taken> {
        let now = self.now_ns();
        self.leases.change(key, now, false, |lease| lease.renew(now, quota, state))
    }

    fn units_max(&self, quota: Quota) -> u32 {
        (quota.burst() / self.processes.saturating_mul(4)).clamp(1, LEASE_UNITS_MAX)
    }

    /// Whether a call may use the store. After a failure, one call tries it in each interval.
    fn may_try(&self) -> bool {
        let (retry_at, now) = (self.retry_at.load(Ordering::Relaxed), self.now_ns());
        if retry_at == 0 {
            return true;
        }
        let next = now + RETRY_MS * NANOS_PER_MS;
        now >= retry_at
            && self.retry_at.compare_exchange(retry_at, next, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    fn failed(&self, error: Option<&PortError>) -> Option<Taken> {
        self.retry_at.store(self.now_ns() + RETRY_MS * NANOS_PER_MS, Ordering::Relaxed);
        if !self.logged.swap(true, Ordering::Relaxed) {
            let error =
                error.map_or_else(|| format!("no answer within {TIMEOUT_MS} ms"), ToString::to_string);
            let processes = self.processes;
            tracing::warn!(%error, processes, "shared rate limits unavailable; this process enforces its share");
        }
        None
    }

    fn succeeded(&self) {
        if self.retry_at.load(Ordering::Relaxed) == 0 {
            return;
        }
        self.retry_at.store(0, Ordering::Relaxed);
        if self.logged.swap(false, Ordering::Relaxed) {
            tracing::info!("shared rate limits available again");
        }
    }

    fn now_ns(&self) -> u64 {
        nanos(self.started.elapsed())
    }
}

impl Lease {
    fn step(&mut self, now: u64, units_max: u32) -> Step {
        if self.refused_until > now {
            return Step::Decided(Taken::Refused { wait: Duration::from_nanos(self.refused_until - now) });
        }
        let is_current = now < self.until;
        if self.units > 0 && is_current {
            self.units -= 1;
            return Step::Decided(Taken::Granted { remaining: self.remaining.saturating_add(self.units) });
        }
        let units = if is_current { self.leased.saturating_mul(2) } else { 1 };
        Step::Lease(units.clamp(1, units_max))
    }

    /// Takes over the store's reply, and uses one unit.
    fn renew(&mut self, now: u64, quota: Quota, state: QuotaState) -> Taken {
        let QuotaState { granted, remaining, wait_us } = state;
        let used = quota.burst().saturating_sub(remaining);
        self.idle_at = now + quota.restored_ns(used);
        self.remaining = remaining;
        let Some(units) = granted.checked_sub(1) else {
            let wait = Duration::from_micros(wait_us.max(1));
            (self.units, self.refused_until) = (0, now + nanos(wait));
            return Taken::Refused { wait };
        };
        (self.units, self.leased, self.until) = (units, granted, now + LEASE_MS * NANOS_PER_MS);
        Taken::Granted { remaining: remaining.saturating_add(units) }
    }
}
