//! The limit of failed logins: a fixed number of entries, whatever is tried.
//!
//! An entry is one number, the theoretical arrival time of GCRA: each failure moves it into the future by the interval between two
//! permitted failures, and a source whose time is too far ahead is blocked. Entries are in sets of a few; a new source replaces the
//! entry of its set that is blocked the least. So an attack from many addresses displaces its own entries, and no source is blocked
//! for the failures of another, except with the probability that both have the same tag.

use std::hash::{BuildHasher, Hash, RandomState};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

use crate::network::Network;

/// Entries of a set.
const WAYS: usize = 4;

/// Limits of failed logins. An authenticated client is not limited here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct FailureLimits {
    /// Failures that a source may have at once. At least 1.
    pub burst: u32,
    /// Milliseconds after which a source may have one failure more. At least 1.
    pub interval_ms: u64,
    /// Addresses in memory, 16 bytes each; rounded up to a multiple of 4. An IPv6 address counts by its /64.
    pub addresses_max: usize,
    /// Ids of API keys in memory, 16 bytes each; rounded up to a multiple of 4.
    pub key_ids_max: usize,
}

impl Default for FailureLimits {
    /// 10 failures at once and 10 per minute; 16,384 addresses and 4,096 key ids.
    fn default() -> Self {
        Self { burst: 10, interval_ms: 6000, addresses_max: 16_384, key_ids_max: 4096 }
    }
}

/// The failed logins by address and by key id.
pub(crate) struct FailedLogins {
    addresses: Table,
    key_ids: Table,
    start: Instant,
}

/// What a login comes from, and which key it names.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct LoginSource<'a> {
    pub(crate) address: Option<IpAddr>,
    pub(crate) key_id: Option<&'a str>,
}

impl FailedLogins {
    pub(crate) fn new(limits: FailureLimits) -> Self {
        Self {
            addresses: Table::new(limits, limits.addresses_max),
            key_ids: Table::new(limits, limits.key_ids_max),
            start: Instant::now(),
        }
    }

    /// Milliseconds until a source may try again, if it has too many failures.
    pub(crate) fn blocked_ms(&self, source: LoginSource<'_>) -> Option<u64> {
        let now = self.now_ms();
        let address =
            source.address.map(Network::of).and_then(|address| self.addresses.blocked_ms(&address, now));
        let key_id = source.key_id.and_then(|id| self.key_ids.blocked_ms(&id, now));
        address.max(key_id)
    }

    pub(crate) fn record(&self, source: LoginSource<'_>) {
        let now = self.now_ms();
        if let Some(address) = source.address.map(Network::of) {
            self.addresses.record(&address, now);
        }
        if let Some(id) = source.key_id {
            self.key_ids.record(&id, now);
        }
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Entry {
    /// A part of the hash that does not select the set.
    tag: u32,
    /// Milliseconds since the start. In the past: the entry is free.
    arrival_ms: u64,
}

struct Table {
    /// Keyed per process, so that no client can choose sources of one set.
    hasher: RandomState,
    sets: Mutex<Vec<[Entry; WAYS]>>,
    interval_ms: u64,
    /// How far ahead the time of a source may be.
    ahead_ms_max: u64,
}

impl Table {
    fn new(limits: FailureLimits, entries: usize) -> Self {
        let interval_ms = limits.interval_ms.max(1);
        let sets = entries.div_ceil(WAYS).max(1);
        Self {
            hasher: RandomState::new(),
            sets: Mutex::new(vec![[Entry::default(); WAYS]; sets]),
            interval_ms,
            ahead_ms_max: interval_ms.saturating_mul(u64::from(limits.burst.max(1)) - 1),
        }
    }

    fn blocked_ms(&self, source: &impl Hash, now: u64) -> Option<u64> {
        let sets = self.sets.lock().unwrap_or_else(PoisonError::into_inner);
        let (set, tag) = self.place(source, sets.len());
        let entry = sets[set].iter().find(|entry| entry.tag == tag)?;
        entry.arrival_ms.checked_sub(now.saturating_add(self.ahead_ms_max)).filter(|ms| *ms > 0)
    }

    fn record(&self, source: &impl Hash, now: u64) {
        let mut sets = self.sets.lock().unwrap_or_else(PoisonError::into_inner);
        let (set, tag) = self.place(source, sets.len());
        let set = &mut sets[set];
        let index = set.iter().position(|entry| entry.tag == tag).or_else(|| least_blocked(set));
        let Some(entry) = index.and_then(|index| set.get_mut(index)) else { return };
        let arrival_ms = if entry.tag == tag { entry.arrival_ms.max(now) } else { now };
        // A blocked source is not checked again before it is free, so a single client cannot extend this without end. Requests
        // that run at once can: the limit bounds them.
        let latest = now.saturating_add(self.ahead_ms_max).saturating_add(self.interval_ms);
        *entry = Entry { tag, arrival_ms: arrival_ms.saturating_add(self.interval_ms).min(latest) };
    }

    #[allow(clippy::cast_possible_truncation, reason = "the parts of a hash")]
    fn place(&self, source: &impl Hash, sets: usize) -> (usize, u32) {
        let hash = self.hasher.hash_one(source);
        let tag = ((hash >> 32) as u32).max(1);
        ((hash as u32 as usize) % sets, tag)
    }
}

fn least_blocked(set: &[Entry; WAYS]) -> Option<usize> {
    (0..WAYS).min_by_key(|index| set[*index].arrival_ms)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::advance;

    use super::*;

    fn from(address: &str) -> LoginSource<'static> {
        LoginSource { address: Some(address.parse().unwrap()), key_id: None }
    }

    fn with(key_id: &str) -> LoginSource<'_> {
        LoginSource { address: None, key_id: Some(key_id) }
    }

    #[tokio::test(start_paused = true)]
    async fn ten_failures_block_a_source_until_the_next_is_permitted() {
        let failures = FailedLogins::new(FailureLimits::default());
        for source in [from("10.0.0.1"), with("key")] {
            for n in 0..10 {
                assert_eq!(failures.blocked_ms(source), None, "{n}");
                failures.record(source);
            }
            assert_eq!(failures.blocked_ms(source), Some(6000));
            assert_eq!(failures.blocked_ms(from("10.0.0.2")), None);
            assert_eq!(failures.blocked_ms(with("other")), None);
        }
        let both = LoginSource { address: Some("10.0.0.9".parse().unwrap()), key_id: Some("key") };
        assert_eq!(failures.blocked_ms(both), Some(6000));
        advance(Duration::from_millis(5999)).await;
        assert_eq!(failures.blocked_ms(from("10.0.0.1")), Some(1));
        advance(Duration::from_millis(1)).await;
        assert_eq!(failures.blocked_ms(from("10.0.0.1")), None);
        failures.record(from("10.0.0.1"));
        assert_eq!(failures.blocked_ms(from("10.0.0.1")), Some(6000));
        advance(Duration::from_mins(1)).await;
        for _ in 0..9 {
            failures.record(from("10.0.0.1"));
        }
        assert_eq!(failures.blocked_ms(from("10.0.0.1")), None);
    }

    #[tokio::test(start_paused = true)]
    async fn addresses_of_one_network_are_one_source() {
        let failures = FailedLogins::new(FailureLimits::default());
        for n in 0..10 {
            failures.record(from(&format!("2001:db8:0:1::{n}")));
        }
        assert!(failures.blocked_ms(from("2001:db8:0:1:ffff::1")).is_some());
        assert!(failures.blocked_ms(from("2001:db8:0:2::1")).is_none());
        for n in 0..10 {
            failures.record(from(if n % 2 == 0 { "::ffff:10.0.0.1" } else { "10.0.0.1" }));
        }
        assert!(failures.blocked_ms(from("10.0.0.1")).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn failures_of_many_addresses_take_no_memory_and_block_no_other_address() {
        let failures = FailedLogins::new(FailureLimits::default());
        for n in 0..100_000_u32 {
            let source = LoginSource { address: Some(IpAddr::V4(n.into())), key_id: None };
            for _ in 0..10 {
                failures.record(source);
            }
        }
        assert_eq!(failures.addresses.sets.lock().unwrap().len() * WAYS, 16_384);
        let other =
            |n: u32| LoginSource { address: Some(IpAddr::V4((0xc000_0000 + n).into())), key_id: None };
        let blocked = (0..10_000).filter(|n| failures.blocked_ms(other(*n)).is_some()).count();
        // The probability of an equal tag is 4 in 2^32 each.
        assert!(blocked <= 1, "{blocked}");
        // Concurrent failures extend a block no further than one failure does.
        for _ in 0..1000 {
            failures.record(other(1));
        }
        assert_eq!(failures.blocked_ms(other(1)), Some(6000));
    }
}
