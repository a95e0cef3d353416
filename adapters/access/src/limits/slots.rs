//! A table of a fixed size.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// The slots of a set. A key is in one set only.
const WAYS: usize = 8;
/// The number of sets.
const SETS: usize = 1 << 13;

/// A value that stops to matter.
pub(super) trait Value: Copy + Default {
    /// From this time on, the value has the effect of a new one. Nanoseconds; 0 for a new value.
    fn idle_at(&self) -> u64;
}

/// Values of up to 65,536 keys. A key is a hash with a random seed: no client can choose keys that share a set, and two keys are
/// the same with a probability of 1 in 2^64.
///
/// A map that grows, with a task that removes idle keys, has the size of an attack between two runs of the task. Here a new key
/// replaces the value of its set that becomes idle first. A caller that has used its quota becomes idle last, so a flood of other
/// callers does not restore its quota.
pub(super) struct Slots<V> {
    sets: Box<[Mutex<[Slot<V>; WAYS]>]>,
}

#[derive(Clone, Copy)]
struct Slot<V> {
    key: u64,
    value: V,
}

impl<V: Value> Slots<V> {
    pub(super) fn new() -> Self {
        let empty = [Slot { key: 0, value: V::default() }; WAYS];
        Self { sets: (0..SETS).map(|_| Mutex::new(empty)).collect() }
    }

    /// Changes the value of a key. A key without a value gets a new one, in place of a value that is idle at `now`, or else of any
    /// if `replace` is set. `None`: no value may be replaced.
    pub(super) fn change<T>(
        &self,
        key: u64,
        now: u64,
        replace: bool,
        change: impl FnOnce(&mut V) -> T,
    ) -> Option<T> {
        let mut set = self.set(key);
        let found = set.iter().position(|slot| slot.key == key);
        let at = match found {
            Some(at) => at,
            None => {
                let (at, first) = set.iter().enumerate().min_by_key(|(_, slot)| slot.value.idle_at())?;
                if first.value.idle_at() > now && !replace {
                    return None;
                }
                set[at] = Slot { key, value: V::default() };
                at
            }
        };
        Some(change(&mut set[at].value))
    }

    /// The value of a key.
    pub(super) fn value(&self, key: u64) -> Option<V> {
        self.set(key).iter().find(|slot| slot.key == key).map(|slot| slot.value)
    }

    fn set(&self, key: u64) -> MutexGuard<'_, [Slot<V>; WAYS]> {
        let at = usize::try_from(key % SETS as u64).unwrap_or(0);
        self.sets[at].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Copy, Default)]
    struct Until(u64);

    impl Value for Until {
        fn idle_at(&self) -> u64 {
            self.0
        }
    }

    /// Keys of one set.
    fn key(number: u64) -> u64 {
        7 + number * SETS as u64
    }

    #[test]
    fn a_full_set_replaces_the_value_that_is_idle_first() {
        let slots = Slots::new();
        let put = |number, until| slots.change(key(number), 0, true, |value: &mut Until| value.0 = until);
        for number in 0..8 {
            put(number, 100 - number);
        }
        assert!(slots.change(key(50), 92, false, |_| ()).is_none(), "none is idle");
        put(8, 1000);
        assert!(slots.value(key(7)).is_none(), "it was idle first");
        assert_eq!(slots.value(key(0)).map(|value| value.0), Some(100));
        assert!(slots.change(key(50), 94, false, |_| ()).is_some());
        for number in 100..10_000 {
            put(number, 50);
        }
        assert_eq!(slots.value(key(8)).map(|value| value.0), Some(1000), "a flood does not replace it");
    }
}
