//! The highest served version of each order, so that reads of this process never go back.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use logistics_core::{OrderId, Version};

/// Maximum orders to remember, at 8 bytes each. Two orders with one slot replace each other.
const ORDERS_MAX: usize = 1 << 16;
/// The bits of a slot for the version; the other bits distinguish the orders of a slot.
const VERSION_BITS: u32 = 24;
const VERSION_MAX: u64 = (1 << VERSION_BITS) - 1;

pub(crate) struct Seen {
    slots: Box<[AtomicU64]>,
    /// Seeded at random, so that no client can choose ids that share a slot.
    hasher: RandomState,
}

impl Seen {
    pub(crate) fn new() -> Self {
        Self { slots: (0..ORDERS_MAX).map(|_| AtomicU64::new(0)).collect(), hasher: RandomState::new() }
    }

    /// Remembers the version. False if a higher version of the order was served before.
    pub(crate) fn advance(&self, id: &OrderId, version: Version) -> bool {
        let hash = self.hasher.hash_one(id.as_str());
        let slot = &self.slots[usize::try_from(hash % ORDERS_MAX as u64).unwrap_or(0)];
        let order = hash & !VERSION_MAX;
        let seen = order | version.0.min(VERSION_MAX);
        // A higher version of the same order stays; another order in the slot is replaced.
        let same = |held: u64| held & !VERSION_MAX == order;
        let update = |held: u64| (!same(held) || held < seen).then_some(seen);
        match slot.fetch_update(Ordering::Relaxed, Ordering::Relaxed, update) {
            Ok(_) => true,
            Err(held) => held == seen,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lower_version_than_served_is_rejected() {
        let seen = Seen::new();
        let id = OrderId::parse("a").unwrap();
        for (version, fresh) in [(2, true), (2, true), (1, false), (3, true), (2, false)] {
            assert_eq!(seen.advance(&id, Version(version)), fresh, "{version}");
        }
        assert!(seen.advance(&OrderId::parse("b").unwrap(), Version(1)));
    }
}
