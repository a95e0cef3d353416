//! Values by label, of a bounded number.

use std::borrow::Borrow;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::OnceLock;

/// Values by key. A key that does not fit shares one value with all others that do not, so no report can make more series.
///
/// An entry never leaves. So a lookup takes no lock, and a scrape delays none.
pub(in crate::metrics) struct Table<K, V> {
    slots: Box<[OnceLock<(K, V)>]>,
    other: (K, OnceLock<V>),
    new: fn() -> V,
}

impl<K: Eq + Hash, V> Table<K, V> {
    /// A table of at most `entries_max` keys. `other`: the key of those that do not fit.
    pub(in crate::metrics) fn new(entries_max: usize, other: K, new: fn() -> V) -> Self {
        let slots = (0..entries_max).map(|_| OnceLock::new()).collect();
        Self { slots, other: (other, OnceLock::new()), new }
    }

    /// The value of a key.
    pub(in crate::metrics) fn get<Q>(&self, key: &Q) -> &V
    where
        Q: ToOwned<Owned = K> + Eq + Hash + ?Sized,
        K: Borrow<Q>,
    {
        if self.other.0.borrow() == key {
            return self.other.1.get_or_init(self.new);
        }
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        let (before, from) = self.slots.split_at(start(hasher.finish(), self.slots.len()));
        for slot in from.iter().chain(before) {
            // Another thread may fill the slot first, with any key.
            let (found, value) = slot.get_or_init(|| (key.to_owned(), (self.new)()));
            if found.borrow() == key {
                return value;
            }
        }
        self.other.1.get_or_init(self.new)
    }

    /// Every key that was looked up, with its value.
    pub(in crate::metrics) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        let (other, value) = &self.other;
        let slots = self.slots.iter().filter_map(|slot| slot.get().map(|(key, value)| (key, value)));
        slots.chain(value.get().map(|value| (other, value)))
    }
}

/// The slot at which the search for a hash begins.
fn start(hash: u64, slots: usize) -> usize {
    let slots = u64::try_from(slots.max(1)).unwrap_or(u64::MAX);
    usize::try_from(hash % slots).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::value::Counter;

    #[test]
    fn keys_beyond_the_bound_share_a_value() {
        let table: Table<String, Counter> = Table::new(2, "_OTHER".to_owned(), Counter::default);
        for key in ["a", "b", "c", "d", "_OTHER", "a"] {
            table.get(key).add(1);
        }
        let mut counts: Vec<_> = table.iter().map(|(key, count)| (key.as_str(), count.value())).collect();
        counts.sort_unstable();
        assert_eq!(counts, [("_OTHER", 3), ("a", 2), ("b", 1)]);
    }

    #[test]
    fn threads_that_meet_lose_no_count() {
        let table: Table<u64, Counter> = Table::new(8, u64::MAX, Counter::default);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..1000).for_each(|n: u64| table.get(&(n % 16)).add(1)));
            }
        });
        assert_eq!(table.iter().count(), 9);
        assert_eq!(table.iter().map(|(_, count)| count.value()).sum::<u64>(), 4000);
    }
}
