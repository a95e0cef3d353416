//! Quotas that several processes share.

use std::error::Error;
use std::fmt;

use async_trait::async_trait;

use super::error::PortError;

/// The shortest interval between two units of a quota, in nanoseconds: a store's clock counts microseconds.
const INTERVAL_NS_MIN: u64 = 1_000;
/// The longest time in which a quota is restored, in nanoseconds: a day.
const RESTORED_NS_MAX: u64 = 24 * 60 * 60 * 1_000_000_000;

/// How many units a caller may use: a rate, and a burst.
///
/// A caller that has used nothing may use `burst` units at once. One unit returns in each interval, until the burst is restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    interval_ns: u64,
    burst: u32,
}

/// A quota that is zero, or out of range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidQuota;

impl fmt::Display for InvalidQuota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "a quota has at least one unit, at most a million units a second, and its burst returns within a day",
        )
    }
}

impl Error for InvalidQuota {}

impl Quota {
    /// `units` in each `window_ms` milliseconds, and at most `burst` of them at once.
    ///
    /// # Errors
    /// If a number is zero, the rate exceeds a million units a second, or the burst takes longer than a day to return.
    pub fn new(units: u32, window_ms: u64, burst: u32) -> Result<Self, InvalidQuota> {
        let window_ns = window_ms.checked_mul(1_000_000).ok_or(InvalidQuota)?;
        let interval_ns = window_ns.checked_div(u64::from(units)).ok_or(InvalidQuota)?;
        let quota = Self { interval_ns, burst };
        let restored_ns = interval_ns.checked_mul(u64::from(burst)).ok_or(InvalidQuota)?;
        let fits = burst > 0 && interval_ns >= INTERVAL_NS_MIN && restored_ns <= RESTORED_NS_MAX;
        if fits { Ok(quota) } else { Err(InvalidQuota) }
    }

    /// The interval in which one unit returns, in nanoseconds.
    #[must_use]
    pub fn interval_ns(&self) -> u64 {
        self.interval_ns
    }

    /// Maximum units at once; at least 1.
    #[must_use]
    pub fn burst(&self) -> u32 {
        self.burst
    }

    /// The time in which `units` return, in nanoseconds.
    #[must_use]
    pub fn restored_ns(&self, units: u32) -> u64 {
        self.interval_ns * u64::from(units.min(self.burst))
    }

    /// The part of one of `processes` processes: the rate and the burst divided by their number. The burst is at least 1.
    #[must_use]
    pub fn share(&self, processes: u32) -> Self {
        let processes = processes.max(1);
        let interval_ns = self.interval_ns.saturating_mul(u64::from(processes)).min(RESTORED_NS_MAX);
        Self { interval_ns, burst: (self.burst / processes).max(1) }
    }
}

/// The reply of [`SharedQuota::take`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuotaState {
    /// The units that this call took; 0 if none was left.
    pub granted: u32,
    /// The units that are left.
    pub remaining: u32,
    /// Microseconds until a unit returns; 0 while one is left.
    pub wait_us: u64,
}

/// Counts quotas that several processes share.
///
/// To be correct, an adapter takes units atomically: of all processes together, a key gets at most the burst at once and the rate
/// over time. It takes what is left, up to the wanted number, and never waits. It measures time with one clock for all
/// processes. A key that is restored leaves nothing behind, so the storage is bounded by the keys in use. Calls of one key pass
/// the same quota; after a change of the quota, the key is restored within the time of the longer one.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait SharedQuota: Send + Sync {
    /// Takes up to `units` units of the quota of `key`. `units` is at least 1.
    ///
    /// # Errors
    /// [`PortError`]. The units may be taken all the same.
    async fn take(&self, key: &str, quota: Quota, units: u32) -> Result<QuotaState, PortError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_has_units_a_rate_and_an_end() {
        let quota = Quota::new(100, 1000, 200).expect("a quota");
        assert_eq!((quota.interval_ns(), quota.burst()), (10_000_000, 200));
        assert_eq!(quota.restored_ns(200), 2_000_000_000);
        for (units, window_ms, burst) in
            [(0, 1, 1), (1, 0, 1), (1, 1, 0), (1_000_001, 1000, 1), (1, 86_400_001, 1), (1, u64::MAX, 1)]
        {
            assert_eq!(Quota::new(units, window_ms, burst), Err(InvalidQuota), "{units} {window_ms} {burst}");
        }
    }

    #[test]
    fn the_shares_of_all_processes_are_the_quota() {
        let quota = Quota::new(100, 1000, 200).expect("a quota");
        assert_eq!(quota.share(4), Quota::new(25, 1000, 50).expect("a quota"));
        assert_eq!(quota.share(1), quota);
        assert_eq!(quota.share(0), quota);
        assert_eq!(quota.share(1000).burst(), 1, "a share permits something");
    }
}
