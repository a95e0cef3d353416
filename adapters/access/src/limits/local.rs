//! A quota of each key, counted in this process.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::RateLimiter;
use governor::clock::Clock;
use governor::middleware::StateInformationMiddleware;
use governor::nanos::Nanos;
use governor::state::StateStore;
use logistics_core::port::Quota;
use tokio::time::Instant;

use super::slots::{Slots, Value};

/// The decision on one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    /// Admitted; the number of calls that are left.
    Granted { remaining: u32 },
    /// Refused; the time until the next call is admitted.
    Refused { wait: Duration },
}

/// A quota of each key. A decision takes one uncontended lock and allocates nothing.
pub(super) struct Local(RateLimiter<u64, ArrivalTimes, LocalClock, StateInformationMiddleware>);

impl Local {
    pub(super) fn new(quota: Quota) -> Self {
        let burst = NonZeroU32::new(quota.burst()).unwrap_or(NonZeroU32::MIN);
        let interval = Duration::from_nanos(quota.interval_ns());
        // Only an interval of 0 is invalid, and no quota has one.
        let fallback = governor::Quota::per_second(NonZeroU32::MIN);
        let quota = governor::Quota::with_period(interval).unwrap_or(fallback).allow_burst(burst);
        let times = ArrivalTimes(Slots::new());
        Self(RateLimiter::new(quota, times, LocalClock))
    }

    pub(super) fn take(&self, key: u64) -> Taken {
        match self.0.check_key(&key) {
            Ok(state) => Taken::Granted { remaining: state.remaining_burst_capacity() },
            Err(refused) => Taken::Refused { wait: refused.wait_time_from(LocalClock.now()) },
        }
    }
}

/// The theoretical arrival time of each key: the only state of GCRA.
struct ArrivalTimes(Slots<ArrivalTime>);

#[derive(Clone, Copy, Default)]
struct ArrivalTime(u64);

impl Value for ArrivalTime {
    /// The quota is restored at the arrival time.
    fn idle_at(&self) -> u64 {
        self.0
    }
}

impl StateStore for ArrivalTimes {
    type Key = u64;

    fn measure_and_replace<T, F, E>(&self, key: &u64, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let measured = self.0.change(*key, u64::MAX, true, |time: &mut ArrivalTime| {
            let known = (time.0 > 0).then(|| Nanos::new(time.0));
            let (outcome, next) = measure(known)?;
            time.0 = next.as_u64();
            Ok(outcome)
        });
        // A change that may replace always finds a slot.
        measured.unwrap_or_else(|| measure(None).map(|(outcome, _)| outcome))
    }
}

/// The clock of the runtime, which tests can pause.
#[derive(Debug, Clone, Copy)]
struct LocalClock;

impl Clock for LocalClock {
    type Instant = std::time::Instant;

    fn now(&self) -> Self::Instant {
        Instant::now().into_std()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn granted(local: &Local, key: u64, calls: usize) -> usize {
        (0..calls).filter(|_| matches!(local.take(key), Taken::Granted { .. })).count()
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_then_a_steady_rate() {
        let local = Local::new(Quota::new(100, 1000, 200).unwrap());
        assert_eq!(local.take(1), Taken::Granted { remaining: 199 });
        assert_eq!(granted(&local, 1, 300), 199);
        assert_eq!(local.take(1), Taken::Refused { wait: Duration::from_millis(10) });
        assert_eq!(granted(&local, 2, 300), 200, "another key has its own quota");
        for _ in 0..20 {
            tokio::time::advance(Duration::from_millis(50)).await;
            assert_eq!(granted(&local, 1, 100), 5);
        }
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(granted(&local, 1, 300), 200, "no more than the burst returns");
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_of_keys_does_not_restore_a_quota() {
        let local = Local::new(Quota::new(1, 60_000, 5).unwrap());
        assert_eq!(granted(&local, u64::MAX / 3, 10), 5);
        let mut key = 1_u64;
        for _ in 0..1_000_000 {
            key = key.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            local.take(key);
        }
        assert_eq!(granted(&local, u64::MAX / 3, 10), 0);
    }
}
