//! Signatures of records. A keyed MAC proves that the writer of a record has the log key.
//!
//! An extension attribute is the last field of the envelope: the key's id, a full stop, and the HMAC-SHA256 (RFC 2104) of a
//! label, a partition and the record without that field, in base64. Facts and outcomes of an owner have `ownersig`, inputs
//! have `inputsig`. The labels differ, so the signature of one kind never verifies as one of the other.
//!
//! The partition of an owner's record is the one that contains it, so a copy in another partition has no valid signature.
//! The partition of an input is the one of its order, so a forwarded input keeps its signature.

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

const END: &[u8] = br#""}"#;
const KEY_ID_CHARS: usize = 8;
const MAC_CHARS: usize = 44;

/// Whose record it is.
#[derive(Clone, Copy)]
enum Kind {
    /// A fact or an outcome of a partition's owner.
    Owner,
    /// An input.
    Input,
}

impl Kind {
    /// What the MAC begins with. Neither label begins with the other.
    fn label(self) -> &'static [u8] {
        match self {
            Kind::Owner => b"logistics owner record 1\0",
            Kind::Input => b"logistics input record 1\0",
        }
    }

    /// What follows the record's other fields.
    fn field(self) -> &'static [u8] {
        match self {
            Kind::Owner => br#","ownersig":""#,
            Kind::Input => br#","inputsig":""#,
        }
    }

    /// The length of the field with its value and the end of the record.
    fn signature_bytes(self) -> usize {
        self.field().len() + KEY_ID_CHARS + 1 + MAC_CHARS + END.len()
    }
}

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

    /// An owner's record with its signature. A record that is not a JSON object stays unsigned.
    #[must_use]
    pub fn sign(&self, partition: Partition, record: &Bytes) -> Bytes {
        self.signed(Kind::Owner, partition, record)
    }

    /// Whether one of the keys signed the owner's record for this partition. Compares in constant time.
    #[must_use]
    pub fn verifies(&self, partition: Partition, record: &[u8]) -> bool {
        self.verified_head(Kind::Owner, partition, record).is_some()
    }

    /// An input with its signature, for the partition of its order. A record that is not a JSON object stays unsigned.
    #[must_use]
    pub fn sign_input(&self, home: Partition, record: &Bytes) -> Bytes {
        self.signed(Kind::Input, home, record)
    }

    /// The input for the partition of its order: signed if the log has keys, else as it is.
    #[must_use]
    pub fn sign_input_with(keys: Option<&Self>, home: Partition, record: Bytes) -> Bytes {
        match keys {
            Some(keys) => keys.sign_input(home, &record),
            None => record,
        }
    }

    /// Whether one of the keys signed the input for this partition, which is that of its order. Compares in constant time.
    ///
    /// The signature covers the payload alone. An input in binary mode has its attributes in headers, so it counts as
    /// unsigned whatever its payload is.
    #[must_use]
    pub fn verifies_input(&self, home: Partition, record: &[u8]) -> bool {
        self.verified_head(Kind::Input, home, record).is_some()
    }

    /// The input with a signature for `to` in place of its signature for `from`; `None` if it has no valid one.
    #[must_use]
    pub fn resign_input(&self, from: Partition, to: Partition, record: &[u8]) -> Option<Bytes> {
        let head = self.verified_head(Kind::Input, from, record)?;
        Some(Bytes::from(self.0.first()?.sign(Kind::Input, to, head)))
    }

    fn signed(&self, kind: Kind, partition: Partition, record: &Bytes) -> Bytes {
        let (Some(key), Some(head)) = (self.0.first(), record.strip_suffix(b"}")) else {
            return record.clone();
        };
        Bytes::from(key.sign(kind, partition, head))
    }

    /// The record without its signature and its last brace; `None` if it has no valid signature.
    fn verified_head<'a>(&self, kind: Kind, partition: Partition, record: &'a [u8]) -> Option<&'a [u8]> {
        let at = record.len().checked_sub(kind.signature_bytes())?;
        let (head, signature) = record.split_at(at);
        let signature = signature.strip_prefix(kind.field())?.strip_suffix(END)?;
        let (id, mac) = signature.split_at_checked(KEY_ID_CHARS)?;
        let mac = STANDARD.decode(mac.strip_prefix(b".")?).ok()?;
        let mut named = self.0.iter().filter(|key| key.id.as_bytes() == id);
        named.any(|key| key.over(kind, partition, head).verify_slice(&mac).is_ok()).then_some(head)
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

    /// The signed record; `head` is the record without its last brace.
    fn sign(&self, kind: Kind, partition: Partition, head: &[u8]) -> Vec<u8> {
        let mac = STANDARD.encode(self.over(kind, partition, head).finalize().into_bytes());
        let mut signed = Vec::with_capacity(head.len() + kind.signature_bytes());
        signed.extend_from_slice(head);
        signed.extend_from_slice(kind.field());
        signed.extend_from_slice(self.id.as_bytes());
        signed.push(b'.');
        signed.extend_from_slice(mac.as_bytes());
        signed.extend_from_slice(END);
        signed
    }

    /// The MAC over a record without its last brace.
    fn over(&self, kind: Kind, partition: Partition, head: &[u8]) -> Hmac<Sha256> {
        let mut mac = self.mac.clone();
        mac.update(kind.label());
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
    /// Computed with another implementation of HMAC.
    const OWNER: &str = r#","ownersig":"4bb06f8e.zDjmtU3Ezsd+27+R+IyGZnTChxuSn2p5xTO8bsNk24E="}"#;
    const INPUT: &str = r#","inputsig":"4bb06f8e.PZ+9wNOvEXZ4hBxgWtLEcUU4M5nRp3JpH5iad0QWkZ4="}"#;

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

    /// A changed byte here would make every signed log foreign.
    #[test]
    fn the_signatures_are_these_bytes() {
        let record = &Bytes::from_static(RECORD);
        let tail = |signed: Bytes| String::from_utf8(signed[RECORD.len() - 1..].to_vec()).expect("text");
        assert_eq!(tail(keys(&[7]).sign(P, record)), OWNER);
        assert_eq!(tail(keys(&[7]).sign_input(P, record)), INPUT);
    }

    #[test]
    fn an_inputs_signature_verifies_as_an_inputs_only_and_every_changed_byte_is_seen() {
        let (keys, record) = (keys(&[7]), &Bytes::from_static(RECORD));
        let (owners, inputs) = (keys.sign(P, record), keys.sign_input(P, record));
        assert!(keys.verifies_input(P, &inputs) && !keys.verifies_input(Partition(4), &inputs));
        assert!(!keys.verifies(P, &inputs) && !keys.verifies_input(P, &owners));
        // Nor under the other kind's name.
        let renamed = |signed: &Bytes, from, to| {
            String::from_utf8(signed.to_vec()).expect("text").replace(from, to).into_bytes()
        };
        assert!(!keys.verifies(P, &renamed(&inputs, "inputsig", "ownersig")));
        assert!(!keys.verifies_input(P, &renamed(&owners, "ownersig", "inputsig")));
        for at in 0..inputs.len() {
            let mut forged = inputs.to_vec();
            forged[at] ^= 1;
            assert!(!keys.verifies_input(P, &forged), "byte {at}");
        }
        assert!((0..inputs.len()).all(|end| !keys.verifies_input(P, &inputs[..end])));
    }

    #[test]
    fn an_input_is_signed_again_for_another_partition_only_if_its_signature_is_valid() {
        let record = &Bytes::from_static(RECORD);
        let signed = keys(&[1]).sign_input(P, record);
        let rotated = keys(&[2, 1]);
        let again = rotated.resign_input(P, Partition(0), &signed).expect("it has a valid signature");
        assert_eq!(again, keys(&[2]).sign_input(Partition(0), record));
        for (from, record) in [(Partition(0), &signed), (P, record), (P, &rotated.sign(P, record))] {
            assert_eq!(rotated.resign_input(from, P, record), None);
        }
    }
}
