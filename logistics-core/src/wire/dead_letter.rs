//! Dead letters: records that are not inputs, each with its position and the reason.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::envelope::{DATA_SCHEMA, Head, PROCESSOR_SOURCE, encode as encode_envelope};
use super::outcome::Position;
use crate::ids::{Offset, Partition, Timestamp};
use crate::limits::{
    DEAD_LETTER_KEY_BYTES_MAX, DEAD_LETTER_PAYLOAD_BYTES_MAX, DEAD_LETTER_REASON_BYTES_MAX,
    ORDER_ID_BYTES_MAX,
};
use crate::port::{LogRecord, Topic};

const DEAD_LETTER: &str = "logistics.order.dead-letter";

/// A record that is not an input of this system.
#[derive(Debug, Clone, Copy)]
pub struct DeadLetter<'a> {
    /// The record.
    pub record: &'a LogRecord,
    /// Its partition.
    pub partition: Partition,
    /// Why it is not an input.
    pub reason: &'a str,
}

#[derive(Serialize)]
struct Written<'a> {
    topic: &'static str,
    partition: Partition,
    offset: Offset,
    reason: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_base64: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_bytes: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_sha256: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload_base64: Option<String>,
    payload_bytes: usize,
    payload_sha256: String,
}

impl DeadLetter<'_> {
    /// The key of the letter's record: the dead record's key, if an order can have it. A longer key may be too long to
    /// write; the letter contains its beginning.
    #[must_use]
    pub fn key(&self) -> Option<Bytes> {
        self.record.key.clone().filter(|key| key.len() <= ORDER_ID_BYTES_MAX)
    }

    /// Writes it with the time `at`. It fits into a record, whatever the dead record contains.
    ///
    /// `payload` has the dead record's bytes if they are UTF-8, `payload_base64` otherwise. Either is cut off at
    /// [`DEAD_LETTER_PAYLOAD_BYTES_MAX`]. `payload_bytes` is the length of the whole payload, and `payload_sha256` its
    /// SHA-256 in hexadecimal digits. The fields of the `key` are analogous, up to [`DEAD_LETTER_KEY_BYTES_MAX`]; they are
    /// absent for a record without a key. The reason is cut off at [`DEAD_LETTER_REASON_BYTES_MAX`].
    #[must_use]
    pub fn encode(&self, at: Timestamp) -> Bytes {
        let head = Head {
            source: PROCESSOR_SOURCE,
            dataschema: DATA_SCHEMA,
            kind: DEAD_LETTER,
            id: format!("{}:dead-letter", Position(self.partition, self.record.offset)),
            subject: None,
            time: at,
            traceparent: None,
        };
        let key = self.record.key.as_deref();
        let (key_text, key_base64) =
            key.map_or((None, None), |key| beginning(key, DEAD_LETTER_KEY_BYTES_MAX));
        let all = &self.record.payload;
        let (payload, payload_base64) = beginning(all, DEAD_LETTER_PAYLOAD_BYTES_MAX);
        let data = Written {
            topic: Topic::Orders.name(),
            partition: self.partition,
            offset: self.record.offset,
            reason: &self.reason[..self.reason.floor_char_boundary(DEAD_LETTER_REASON_BYTES_MAX)],
            key: key_text,
            key_base64,
            key_bytes: key.map(<[u8]>::len),
            key_sha256: key.map(sha256),
            payload,
            payload_base64,
            payload_bytes: all.len(),
            payload_sha256: sha256(all),
        };
        encode_envelope(head, data)
    }
}

/// The first `bytes_max` bytes at most: as text if they are UTF-8, in base64 otherwise.
fn beginning(all: &[u8], bytes_max: usize) -> (Option<&str>, Option<String>) {
    let kept = &all[..all.len().min(bytes_max)];
    match std::str::from_utf8(kept) {
        Ok(text) => (Some(text), None),
        // The cut is within a character.
        Err(error) if kept.len() < all.len() && error.error_len().is_none() => {
            (std::str::from_utf8(&kept[..error.valid_up_to()]).ok(), None)
        }
        Err(_) => (None, Some(STANDARD.encode(kept))),
    }
}

fn sha256(bytes: &[u8]) -> String {
    format!("{:x}", Sha256::digest(bytes))
}
