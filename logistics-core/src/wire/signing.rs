//! Signatures of an owner's records. A keyed MAC proves that the writer of a fact or an outcome has the log key.
//!
//! The extension attribute `ownersig` is the last field of the envelope: the key's id, a full stop, and the HMAC-SHA256
//! (RFC 2104) of a label, the partition and the record without that field, in base64. The MAC covers the partition, so a
//! copy in another partition has no valid signature.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hmac::{Hmac, Mac};
use sha2::{Digest as _, Sha256};

use crate::ids::Partition;

/// The length of a log key, in bytes.
pub const LOG_KEY_BYTES: usize = 32;

const LABEL: &[u8] = b"logistics owner record 1\0";
const FIELD: &[u8] = br#","ownersig":""#;
const END: &[u8] = br#""}"#;
const KEY_ID_CHARS: usize = 8;
const MAC_CHARS: usize = 44;
const SIGNATURE_BYTES: usize = FIELD.len() + KEY_ID_CHARS + 1 + MAC_CHARS + END.len();

/// The keys of a log. The first one signs; all of them verify.
#[derive(Clone)]
pub struct LogKeys(Arc<[Key]>);

struct Key {
    id: String,
    mac: Hmac<Sha256>,
}

/// The list of keys is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[error("a log needs one key at least; the first signs, the others verify only")]
pub struct NoLogKey;

impl LogKeys {
    /// The keys of a log. The first one signs; the others verify records from before a rotation.
    ///
    /// # Errors
    /// [`NoLogKey`] for an empty list.
    pub fn new(keys: &[[u8; LOG_KEY_BYTES]]) -> Result<Self, NoLogKey> {
        if keys.is_empty() {
            return Err(NoLogKey);
        }
        Ok(Self(keys.iter().map(Key::new).collect()))
    }

    /// The record with its signature. A record that is not a JSON object stays unsigned.
    #[must_use]
    pub fn sign(&self, partition: Partition, record: &Bytes) -> Bytes {
        let (Some(key), Some(head)) = (self.0.first(), record.strip_suffix(b"}")) else {
            return record.clone();
        };
        let mut signed = Vec::with_capacity(head.len() + SIGNATURE_BYTES);
        signed.extend_from_slice(head);
        signed.extend_from_slice(FIELD);
        signed.extend_from_slice(key.id.as_bytes());
        signed.push(b'.');
        signed
            .extend_from_slice(STANDARD.encode(key.over(partition, head).finalize().into_bytes()).as_bytes());
        signed.extend_from_slice(END);
        Bytes::from(signed)
    }

    /// Whether one of the keys signed the record for this partition. Compares in constant time.
    #[must_use]
    pub fn verifies(&self, partition: Partition, record: &[u8]) -> bool {
        let Some((head, signature)) = record.len().checked_sub(SIGNATURE_BYTES).map(|at| record.split_at(at))
        else {
            return false;
        };
        let signature = signature.strip_prefix(FIELD).and_then(|rest| rest.strip_suffix(END));
        let Some((id, mac)) = signature.and_then(|text| text.split_at_checked(KEY_ID_CHARS)) else {
            return false;
        };
        let Some(mac) = mac.strip_prefix(b".").and_then(|mac| STANDARD.decode(mac).ok()) else {
            return false;
        };
        let named = self.0.iter().filter(|key| key.id.as_bytes() == id);
        named.map(|key| key.over(partition, head)).any(|over| over.verify_slice(&mac).is_ok())
    }
}

impl Key {
    fn new(key: &[u8; LOG_KEY_BYTES]) -> Self {
        let id =
            Sha256::digest(key).iter().take(KEY_ID_CHARS / 2).map(|byte| format!("{byte:02x}")).collect();
        let mut padded = [0; 64];
        padded[..LOG_KEY_BYTES].copy_from_slice(key);
        // HMAC itself pads a key with zeros to the hash's block. The padded length is always valid.
        Self { id, mac: Hmac::new(&padded.into()) }
    }

    /// The MAC over a record without its last brace.
    fn over(&self, partition: Partition, head: &[u8]) -> Hmac<Sha256> {
        let mut mac = self.mac.clone();
        mac.update(LABEL);
        mac.update(&partition.0.to_be_bytes());
        mac.update(head);
        mac
    }
}

impl fmt::Debug for LogKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|key| &key.id)).finish()
    }
}

impl PartialEq for LogKeys {
    fn eq(&self, other: &Self) -> bool {
        self.0.iter().map(|key| &key.id).eq(other.0.iter().map(|key| &key.id))
    }
}

impl Eq for LogKeys {}

impl Hash for LogKeys {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.iter().for_each(|key| key.id.hash(state));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const P: Partition = Partition(3);
    const RECORD: &[u8] = br#"{"specversion":"1.0","data":{"a":1}}"#;

    fn keys(bytes: &[u8]) -> LogKeys {
        LogKeys::new(&bytes.iter().map(|byte| [*byte; LOG_KEY_BYTES]).collect::<Vec<_>>()).expect("keys")
    }

    #[test]
    fn a_signed_record_is_still_a_json_object_and_verifies_for_its_partition_only() {
        let signed = keys(&[7]).sign(P, &Bytes::from_static(RECORD));
        let object: serde_json::Value = serde_json::from_slice(&signed).expect("JSON");
        assert_eq!(object["data"]["a"], 1);
        assert!(keys(&[7]).verifies(P, &signed));
        assert!(!keys(&[7]).verifies(Partition(4), &signed));
        assert!(!keys(&[8]).verifies(P, &signed));
        assert!(!keys(&[7]).verifies(P, RECORD));
    }

    #[test]
    fn a_rotated_key_still_verifies_and_every_changed_byte_is_seen() {
        let signed = keys(&[1]).sign(P, &Bytes::from_static(RECORD));
        let rotated = keys(&[2, 1]);
        assert!(rotated.verifies(P, &signed));
        assert!(!keys(&[1]).verifies(P, &rotated.sign(P, &Bytes::from_static(RECORD))));
        for at in 0..signed.len() {
            let mut forged = signed.to_vec();
            forged[at] ^= 1;
            assert!(!rotated.verifies(P, &forged), "byte {at}");
        }
        assert!((0..signed.len()).all(|end| !rotated.verifies(P, &signed[..end])));
    }
}
