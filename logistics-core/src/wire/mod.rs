//! Records: how requests, facts and outcomes stand in the log.
//!
//! `CloudEvents` 1.0 in structured JSON mode; inputs may be in binary mode too. `data` holds at least `order_id` and, wherever there is one, `status`, so a
//! consumer that knows only those two works. Unknown fields are ignored. The number at the end of `dataschema` is the
//! major version: it changes only when an older reader would misunderstand. The files under `golden/` pin the bytes.

mod binary;
mod dead_letter;
mod envelope;
mod fact;
mod input;
mod notification;
mod outcome;
mod signing;

pub use dead_letter::DeadLetter;
pub use envelope::{CONTENT_TYPE, DATA_SCHEMA, PROCESSOR_SOURCE};
pub use fact::fact_type;
pub use signing::{LOG_KEY_BYTES, LogKeys, NoLogKey};

use bytes::Bytes;

use crate::fact::Fact;
use crate::ids::{Partition, Timestamp};
use crate::limits::RECORD_BYTES_MAX;
use crate::notify::Notification;
use crate::outcome::Outcome;
use crate::port::LogRecord;
use crate::request::Request;
use envelope::Envelope;

/// A record of the topic `orders`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Record {
    /// Somebody asks.
    Input(Request),
    /// It happened.
    Fact(Fact),
    /// What became of an input that brought no fact about.
    Outcome(Outcome),
}

/// What is wrong with a record.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// It is longer than a record may be.
    #[error("the record has {0} bytes; the limit is {RECORD_BYTES_MAX}")]
    TooLong(usize),
    /// It is no JSON object, or a broken one.
    #[error("the record is not a JSON object that can be read: {0}")]
    NotJson(String),
    /// It is JSON, and neither an event of this system nor a bare placement.
    #[error("the record is not an event of this system: {0}")]
    Foreign(String),
    /// Its `dataschema` has a major number above the one of this build.
    #[error("the record has dataschema {0}, which is newer; this build reads {DATA_SCHEMA}")]
    NewerVersion(String),
    /// It has another version that this build does not know.
    #[error("the record has {0}; this build reads specversion 1.0 and dataschema {DATA_SCHEMA}")]
    UnsupportedVersion(String),
    /// A field is missing or wrong.
    #[error("{field}: {problem}")]
    Invalid {
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        problem: String,
    },
}

/// A record that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
#[error("{error}")]
pub struct DecodeError {
    /// It says that an owner of the partition wrote it, and no owner of this release writes such a record.
    pub from_processor: bool,
    /// What is wrong with it.
    pub error: RecordError,
}

impl DecodeError {
    /// It says that an owner of a newer release wrote it: the major number of its schema is above the one of this build.
    /// It must never be skipped. Whatever else says that it is an owner's and cannot be read is foreign.
    #[must_use]
    pub fn is_newer(&self) -> bool {
        self.from_processor && matches!(self.error, RecordError::NewerVersion(_))
    }
}

/// An owner of the partition wrote it: a fact or an outcome. Quick, and sure where it says yes; a record that was laid out
/// differently has to be decoded.
#[must_use]
pub fn is_surely_from_processor(payload: &[u8]) -> bool {
    payload.starts_with(envelope::PROCESSOR_PREFIX)
}

/// Reads a record of the topic `orders`.
///
/// # Errors
/// [`DecodeError`], which says whether an owner of the partition wrote it.
pub fn decode(record: &LogRecord, partition: Partition) -> Result<Record, DecodeError> {
    let surely = is_surely_from_processor(&record.payload);
    let failed = |error| DecodeError { from_processor: surely, error };
    if record.payload.len() > RECORD_BYTES_MAX {
        return Err(failed(RecordError::TooLong(record.payload.len())));
    }
    if binary::is_binary(record) {
        return decode_binary(record);
    }
    let envelope = Envelope::parse(&record.payload).map_err(failed)?;
    if envelope.is_bare() {
        return input::upcast_bare(record, partition).map(Record::Input).map_err(failed);
    }
    let from_processor = envelope.source().map_err(failed)?.as_deref() == Some(PROCESSOR_SOURCE);
    decode_event(&envelope, from_processor, record.at).map_err(|error| DecodeError { from_processor, error })
}

fn decode_binary(record: &LogRecord) -> Result<Record, DecodeError> {
    let from_processor = binary::is_from_processor(record);
    let read = || {
        let attributes = binary::Attributes::of(record)?;
        let envelope = attributes.envelope(&record.payload)?;
        decode_event(&envelope, from_processor, record.at)
    };
    read().map_err(|error| DecodeError { from_processor, error: binary::with_header_name(error) })
}

fn decode_event(envelope: &Envelope<'_>, from_processor: bool, at: Timestamp) -> Result<Record, RecordError> {
    envelope.check_version()?;
    let kind = &*envelope.kind()?;
    if !from_processor {
        return input::decode(envelope, kind, at).map(Record::Input);
    }
    if let Some(fact) = fact::decode(envelope, kind)? {
        return Ok(Record::Fact(fact));
    }
    outcome::decode(envelope, kind).map(Record::Outcome)
}

/// The record is an event in binary mode: its attributes are headers, without which its payload is another record.
#[must_use]
pub fn is_binary(record: &LogRecord) -> bool {
    binary::is_binary(record)
}

/// Writes a request.
#[must_use]
pub fn encode_request(request: &Request) -> Bytes {
    input::encode(request)
}

/// Writes a fact.
#[must_use]
pub fn encode_fact(fact: &Fact) -> Bytes {
    fact::encode(fact)
}

/// Writes the outcome of an input of `partition`.
#[must_use]
pub fn encode_outcome(outcome: &Outcome, partition: Partition, at: Timestamp) -> Bytes {
    outcome::encode(outcome, partition, at)
}

/// Writes a notification. Its `audiences` and `text` are deprecated: releases before `recipients` require them, this one
/// reads them in records without `recipients` only, and the next one drops them.
#[must_use]
pub fn encode_notification(notification: &Notification) -> Bytes {
    notification::encode(notification)
}

/// Reads a notification.
///
/// # Errors
/// [`RecordError`] when it is none; `UnsupportedVersion` only where an owner of a newer release wrote it, so it must not be
/// skipped.
pub fn decode_notification(payload: &[u8]) -> Result<Notification, RecordError> {
    notification::decode(payload)
}

#[cfg(test)]
mod tests;
