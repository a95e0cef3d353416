//! Dead letters: what was no input, with its position and the reason.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Serialize;

use super::envelope::{Head, PROCESSOR_SOURCE, encode as encode_envelope};
use super::outcome::Position;
use crate::ids::{Offset, Partition, Timestamp};
use crate::port::{LogRecord, Topic};

const DEAD_LETTER: &str = "logistics.order.dead-letter";

/// How much of a dead record's bytes its dead letter keeps. In base64 or with escapes it still fits into a record.
pub const DEAD_LETTER_PAYLOAD_BYTES_MAX: usize = 32 * 1024;

/// A record that was no input of this system.
#[derive(Debug, Clone, Copy)]
pub struct DeadLetter<'a> {
    /// The record.
    pub record: &'a LogRecord,
    /// Its partition.
    pub partition: Partition,
    /// What was wrong with it.
    pub reason: &'a str,
}

#[derive(Serialize)]
struct Written<'a> {
    topic: &'static str,
    partition: Partition,
    offset: Offset,
    reason: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload_base64: Option<String>,
    payload_bytes: usize,
}

impl DeadLetter<'_> {
    /// Writes it, as of the time `at`. `payload` holds the record's bytes where they are UTF-8, `payload_base64` otherwise;
    /// either is cut off at [`DEAD_LETTER_PAYLOAD_BYTES_MAX`], and `payload_bytes` says how many there were.
    #[must_use]
    pub fn encode(&self, at: Timestamp) -> Bytes {
        let all = &self.record.payload;
        let kept = &all[..all.len().min(DEAD_LETTER_PAYLOAD_BYTES_MAX)];
        let text = match std::str::from_utf8(kept) {
            // Cut off within a character.
            Err(error) if kept.len() < all.len() && error.error_len().is_none() => {
                std::str::from_utf8(&kept[..error.valid_up_to()]).ok()
            }
            text => text.ok(),
        };
        let head = Head {
            source: PROCESSOR_SOURCE,
            kind: DEAD_LETTER,
            id: format!("{}:dead-letter", Position(self.partition, self.record.offset)),
            subject: None,
            time: at,
            traceparent: None,
        };
        let data = Written {
            topic: Topic::Orders.name(),
            partition: self.partition,
            offset: self.record.offset,
            reason: self.reason,
            payload: text,
            payload_base64: text.is_none().then(|| STANDARD.encode(kept)),
            payload_bytes: all.len(),
        };
        encode_envelope(head, data)
    }
}
