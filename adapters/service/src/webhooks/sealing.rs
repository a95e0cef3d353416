//! Secrets at rest: sealed with a key that the log does not have.
//!
//! ChaCha20-Poly1305 (RFC 8439) with a random nonce of 96 bits, which precedes the encrypted bytes. The endpoint's id is
//! authenticated with them, so a sealed secret is of no use in the record of another endpoint.

use std::fmt;
use std::sync::Arc;

use logistics_core::webhook::{EndpointFact, EndpointId, SealedSecret, Secret, StoredSecret};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::digest::{SHA256, digest};

/// The length of a sealing key, in bytes.
pub const SEALING_KEY_BYTES: usize = 32;
/// Bytes of the digest of a key that identify it.
const KEY_ID_BYTES: usize = 4;
/// The authenticated data begins with it.
const LABEL: &[u8] = b"logistics webhook secret 1\0";

/// The list of keys is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[error("one key at least is needed; the first seals, all open")]
#[non_exhaustive]
pub struct InvalidSealingKeys;

/// The keys that seal the secrets of webhook endpoints in the log. The first one seals, all of them open. `Debug` shows their ids.
#[derive(Clone)]
pub struct SealingKeys(Arc<[Key]>);

struct Key {
    id: String,
    key: LessSafeKey,
}

impl SealingKeys {
    /// The keys, the newest first. A key is needed for as long as a secret is sealed with it: rotate the secret after the key.
    ///
    /// # Errors
    /// [`InvalidSealingKeys`] for an empty list.
    pub fn new(keys: &[[u8; SEALING_KEY_BYTES]]) -> Result<Self, InvalidSealingKeys> {
        let keys: Option<Arc<[Key]>> = keys.iter().map(Key::new).collect();
        keys.filter(|keys| !keys.is_empty()).map(Self).ok_or(InvalidSealingKeys)
    }

    /// Seals an open secret in place.
    pub(super) fn seal(&self, endpoint: &EndpointId, secret: &mut StoredSecret) {
        let (StoredSecret::Open(open), Some(key)) = (&*secret, self.0.first()) else { return };
        let nonce: [u8; NONCE_LEN] = rand::random();
        let mut bytes = open.expose().as_bytes().to_vec();
        let aad = Aad::from(authenticated(endpoint));
        // Fails for lengths beyond 256 GiB only.
        if key.key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut bytes).is_ok() {
            let bytes = [&nonce[..], &bytes].concat();
            *secret = StoredSecret::Sealed(SealedSecret { key_id: key.id.clone(), bytes });
        }
    }

    /// Opens the secret of a fact in place. It stays sealed if none of the keys opens it.
    pub fn open(&self, fact: &mut EndpointFact) {
        let endpoint = fact.endpoint_id.clone();
        let Some(secret) = fact.change.secret_mut() else { return };
        let StoredSecret::Sealed(sealed) = &*secret else { return };
        let mut keys = self.0.iter().filter(|key| key.id == sealed.key_id);
        if let Some(open) = keys.find_map(|key| key.open(&endpoint, &sealed.bytes)) {
            *secret = StoredSecret::Open(open);
        }
    }
}

impl Key {
    fn new(key: &[u8; SEALING_KEY_BYTES]) -> Option<Self> {
        let id =
            digest(&SHA256, key).as_ref()[..KEY_ID_BYTES].iter().map(|byte| format!("{byte:02x}")).collect();
        let key = UnboundKey::new(&CHACHA20_POLY1305, key).ok()?;
        Some(Self { id, key: LessSafeKey::new(key) })
    }

    fn open(&self, endpoint: &EndpointId, sealed: &[u8]) -> Option<Secret> {
        let (nonce, bytes) = sealed.split_first_chunk::<NONCE_LEN>()?;
        let (nonce, mut bytes) = (Nonce::assume_unique_for_key(*nonce), bytes.to_vec());
        let text = self.key.open_in_place(nonce, Aad::from(authenticated(endpoint)), &mut bytes).ok()?;
        let secret = std::str::from_utf8(text).ok().and_then(|text| Secret::parse(text).ok());
        bytes.fill(0);
        secret
    }
}

fn authenticated(endpoint: &EndpointId) -> Vec<u8> {
    [LABEL, endpoint.as_str().as_bytes()].concat()
}

impl fmt::Debug for SealingKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|key| &key.id)).finish()
    }
}

#[cfg(test)]
mod tests {
    use logistics_core::webhook::{EndpointChange, SecretKind};
    use logistics_core::{RequestId, Timestamp, Version};

    use super::*;

    fn keys(bytes: &[u8]) -> SealingKeys {
        SealingKeys::new(&bytes.iter().map(|byte| [*byte; SEALING_KEY_BYTES]).collect::<Vec<_>>()).unwrap()
    }

    fn fact(id: &str, secret: StoredSecret) -> EndpointFact {
        let at = Timestamp::from_millis(0);
        EndpointFact {
            id: RequestId::parse("r").unwrap(),
            endpoint_id: id.parse().unwrap(),
            version: Version(2),
            change: EndpointChange::SecretRotated { secret, old_valid_until: at },
            at,
            by: None,
        }
    }

    fn opened(keys: &SealingKeys, id: &str, secret: &StoredSecret) -> StoredSecret {
        let mut fact = fact(id, secret.clone());
        keys.open(&mut fact);
        fact.change.secret_mut().unwrap().clone()
    }

    #[test]
    fn a_sealed_secret_opens_with_its_key_for_its_endpoint_only() {
        let open = StoredSecret::Open(Secret::generate(SecretKind::Ed25519, [9; 32]));
        let mut sealed = open.clone();
        keys(&[1]).seal(&"we_1".parse().unwrap(), &mut sealed);
        assert!(sealed.open().is_none());
        assert_eq!(opened(&keys(&[2, 1]), "we_1", &sealed), open, "a rotated key still opens");
        for (keys, id) in [(keys(&[2]), "we_1"), (keys(&[1]), "we_2")] {
            assert_eq!(opened(&keys, id, &sealed), sealed);
        }
        let StoredSecret::Sealed(SealedSecret { key_id, bytes }) = &sealed else { panic!("{sealed:?}") };
        for at in 0..bytes.len() {
            let mut forged = bytes.clone();
            forged[at] ^= 1;
            let forged = StoredSecret::Sealed(SealedSecret { key_id: key_id.clone(), bytes: forged });
            assert_eq!(opened(&keys(&[1]), "we_1", &forged), forged, "byte {at}");
        }
        let mut again = open.clone();
        keys(&[1]).seal(&"we_1".parse().unwrap(), &mut again);
        assert_ne!(again, sealed, "each nonce is new");
        assert_eq!(opened(&keys(&[1]), "we_1", &open), open, "a readable one stays readable");
    }

    #[test]
    fn keys_are_shown_by_id_only_and_one_is_needed() {
        assert!(SealingKeys::new(&[]).is_err());
        let shown = format!("{:?}", keys(&[7]));
        assert!(shown.len() < 20 && !shown.contains("0707"), "{shown}");
    }
}
