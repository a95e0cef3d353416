//! The cache of verified tokens: a request with a known token costs a hash and a lookup.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use sha2::{Digest, Sha256};

use super::claims::Verified;

/// Tokens in the cache. Each takes about 200 bytes, and its principal.
pub(super) const TOKENS_MAX: usize = 10_000;

/// A token's SHA-256. The cache contains no token.
type Key = [u8; 32];

/// Keeps the most recent tokens in two generations. When the younger one is full, the older one is dropped, so that an insertion
/// takes constant time, and a token in use moves to the younger one.
#[derive(Default)]
pub(super) struct VerifiedTokens {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    young: HashMap<Key, Verified>,
    old: HashMap<Key, Verified>,
    /// The digest of the key set that verified the tokens.
    keys: [u8; 32],
}

impl State {
    /// Drops what other keys have verified: one of them may be withdrawn.
    fn keep(&mut self, keys: &[u8; 32]) {
        if self.keys != *keys {
            *self = Self { keys: *keys, ..Self::default() };
        }
    }

    fn insert(&mut self, key: Key, verified: Verified) {
        if self.young.len() >= TOKENS_MAX / 2 {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, verified);
    }
}

pub(super) fn key(token: &str) -> Key {
    Sha256::digest(token).into()
}

impl VerifiedTokens {
    /// What a token says that these keys have verified.
    pub(super) fn get(&self, key: &Key, keys: &[u8; 32]) -> Option<Verified> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.keep(keys);
        if let Some(verified) = state.young.get(key) {
            return Some(verified.clone());
        }
        let verified = state.old.remove(key)?;
        state.insert(*key, verified.clone());
        Some(verified)
    }

    pub(super) fn insert(&self, key: Key, keys: &[u8; 32], verified: Verified) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.keep(keys);
        state.insert(key, verified);
    }

    pub(super) fn remove(&self, key: &Key) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.young.remove(key);
        state.old.remove(key);
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.young.len() + state.old.len()
    }
}

#[cfg(test)]
mod tests {
    use logistics_core::Subject;
    use logistics_service::Principal;

    use super::*;

    #[test]
    fn the_cache_is_bounded_keeps_what_is_in_use_and_forgets_with_the_keys() {
        let tokens = VerifiedTokens::default();
        let principal = Principal::new(Subject::parse("jwt:a").unwrap());
        let verified = Verified { principal, expires: 1.0 };
        let keys = [1; 32];
        tokens.insert(key("used"), &keys, verified.clone());
        for n in 0..3 * TOKENS_MAX {
            tokens.insert(key(&n.to_string()), &keys, verified.clone());
            assert_eq!(tokens.get(&key("used"), &keys), Some(verified.clone()), "{n}");
        }
        assert!(tokens.len() <= TOKENS_MAX);
        assert_eq!(tokens.get(&key("0"), &keys), None);
        assert_eq!(tokens.get(&key("used"), &[2; 32]), None);
        assert_eq!(tokens.len(), 0);
    }
}
