//! The keys of tracking links, and the signature of a token.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use logistics_core::OrderId;
use sha2::{Digest as _, Sha256};

use super::claims::{CLAIMS_BYTES, Claims};

/// The length of a key of tracking links, in bytes.
pub const TRACKING_KEY_BYTES: usize = 32;

const MAC_BYTES: usize = 32;
const TOKEN_BYTES: usize = CLAIMS_BYTES + MAC_BYTES;
/// A multiple of three bytes has one text only, so no other text is the same token.
const TOKEN_CHARS: usize = TOKEN_BYTES / 3 * 4;
const _: () = assert!(TOKEN_BYTES.is_multiple_of(3), "a token has a text of its own");

/// What the MAC begins with, so that a key that also signs something else signs no link.
const LABEL: &[u8] = b"logistics tracking link 1\0";

/// The keys of tracking links. The first one signs; all of them verify, so that links outlive a rotation.
///
/// A token is the base64url text of its claims and their HMAC-SHA256 (RFC 2104) with the order's id: 256 bits.
#[derive(Clone, PartialEq, Eq)]
pub struct TrackingKeys {
    keys: Vec<Key>,
    /// The key is of this process alone.
    is_ephemeral: bool,
}

#[derive(Clone)]
struct Key {
    /// The SHA-256 of the key, to compare keys by.
    digest: [u8; 32],
    mac: Hmac<Sha256>,
}

/// The list of keys is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[error("tracking links need one key at least; the first signs, the others verify only")]
pub struct NoTrackingKey;

impl TrackingKeys {
    /// These keys. The first one signs; the others verify links from before a rotation.
    ///
    /// # Errors
    /// [`NoTrackingKey`] for an empty list.
    pub fn new(keys: &[[u8; TRACKING_KEY_BYTES]]) -> Result<Self, NoTrackingKey> {
        if keys.is_empty() {
            return Err(NoTrackingKey);
        }
        Ok(Self { keys: keys.iter().map(Key::new).collect(), is_ephemeral: false })
    }

    /// One random key. Its links end with the process, and no other process accepts them.
    #[must_use]
    pub fn random() -> Self {
        Self { keys: vec![Key::new(&rand::random())], is_ephemeral: true }
    }

    /// The same. If the key is random, the first link causes no warning in the log.
    #[must_use]
    pub fn without_warning(self) -> Self {
        Self { is_ephemeral: false, ..self }
    }

    /// The links end with the process.
    pub(crate) fn is_ephemeral(&self) -> bool {
        self.is_ephemeral
    }

    pub(crate) fn sign(&self, claims: &Claims) -> String {
        let bytes = claims.to_bytes();
        // There is one key at least.
        let mac = self.keys.first().map(|key| key.over(&claims.order_id, &bytes).finalize().into_bytes());
        URL_SAFE_NO_PAD.encode([&bytes[..], mac.as_deref().unwrap_or_default()].concat())
    }

    /// The claims of a token for this order; `None` if no key signed it. Compares in constant time.
    pub(crate) fn verified(&self, order_id: &OrderId, token: &str) -> Option<Claims> {
        if token.len() != TOKEN_CHARS {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (claims, mac) = bytes.split_first_chunk::<CLAIMS_BYTES>()?;
        // Every key is tried, so that the time does not show which one signed.
        let verifies = |key: &Key| key.over(order_id, claims).verify_slice(mac).is_ok();
        let signed = self.keys.iter().fold(false, |signed, key| verifies(key) | signed);
        signed.then(|| Claims::from_bytes(order_id, claims)).flatten()
    }
}

impl Key {
    fn new(key: &[u8; TRACKING_KEY_BYTES]) -> Self {
        let mut padded = [0; 64];
        padded[..TRACKING_KEY_BYTES].copy_from_slice(key);
        // HMAC itself pads a key with zeros to the hash's block. The padded length is always valid.
        Self { digest: Sha256::digest(key).into(), mac: Hmac::new(&padded.into()) }
    }

    /// The claims have a fixed length, so nothing of the order's id can pass for a part of them.
    fn over(&self, order_id: &OrderId, claims: &[u8]) -> Hmac<Sha256> {
        let mut mac = self.mac.clone();
        mac.update(LABEL);
        mac.update(claims);
        mac.update(order_id.as_str().as_bytes());
        mac
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest
    }
}

impl Eq for Key {}

/// Without the keys.
impl fmt::Debug for TrackingKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrackingKeys").field("keys", &self.keys.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use logistics_core::{Timestamp, Version};

    use super::super::LinkId;
    use super::*;

    fn claims() -> Claims {
        Claims {
            order_id: OrderId::parse("o-1").unwrap(),
            expires_at: Timestamp::from_millis(1_764_000_000_000),
            epoch: Version(7),
            link_id: LinkId::new([9; 8]),
        }
    }

    fn keys(bytes: &[u8]) -> TrackingKeys {
        TrackingKeys::new(&bytes.iter().map(|byte| [*byte; TRACKING_KEY_BYTES]).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn a_token_says_what_was_signed() {
        let token = keys(&[1]).sign(&claims());
        assert_eq!(token.len(), TOKEN_CHARS);
        assert_eq!(keys(&[1]).verified(&claims().order_id, &token), Some(claims()));
    }

    #[test]
    fn no_flipped_bit_is_accepted() {
        let token = URL_SAFE_NO_PAD.decode(keys(&[1]).sign(&claims())).unwrap();
        for bit in 0..token.len() * 8 {
            let mut flipped = token.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let text = URL_SAFE_NO_PAD.encode(flipped);
            assert_eq!(keys(&[1]).verified(&claims().order_id, &text), None, "bit {bit}");
        }
    }

    #[test]
    fn another_order_another_key_and_another_length_are_refused() {
        let token = keys(&[1]).sign(&claims());
        let verified =
            |keys: &TrackingKeys, id: &str, token: &str| keys.verified(&OrderId::parse(id).unwrap(), token);
        for other in ["o-2", "o-11", "o", "O-1"] {
            assert_eq!(verified(&keys(&[1]), other, &token), None, "{other}");
        }
        assert_eq!(verified(&keys(&[2]), "o-1", &token), None);
        assert_eq!(verified(&TrackingKeys::random(), "o-1", &token), None);
        for at in 0..token.len() {
            assert_eq!(verified(&keys(&[1]), "o-1", &token[..at]), None, "{at} characters");
        }
        for wrong in
            [format!("{token}="), format!("{token}AAAA"), format!(" {}", &token[1..]), "ä".repeat(38)]
        {
            assert_eq!(verified(&keys(&[1]), "o-1", &wrong), None, "{wrong}");
        }
    }

    #[test]
    fn links_outlive_a_rotation_and_the_first_key_signs() {
        let old = keys(&[1]).sign(&claims());
        let rotated = keys(&[2, 1]);
        assert_eq!(rotated.verified(&claims().order_id, &old), Some(claims()));
        assert_eq!(rotated.sign(&claims()), keys(&[2]).sign(&claims()));
        assert_eq!(keys(&[2]).verified(&claims().order_id, &old), None);
        assert_eq!(TrackingKeys::new(&[]).unwrap_err(), NoTrackingKey);
        assert!(!format!("{rotated:?}").contains("2, 2"));
    }
}
