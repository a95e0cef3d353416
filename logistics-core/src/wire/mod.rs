//! Records: the encoding of requests, facts and outcomes in the log.
//!
//! Records are `CloudEvents` 1.0 in structured JSON mode; inputs may be in binary mode too. `data` has at least `order_id`
//! and, where there is one, `status`, so a consumer can rely on these two. Unknown fields are ignored. The number at the end
//! of `dataschema` is the major version. It changes when an older reader would misunderstand a record. A new status does not
//! change it: [`DecodeError::is_newer`] covers a status that this build does not know. The files under `golden/` pin the
//! bytes.

mod binary;
mod dead_letter;
mod delivery;
#[cfg(feature = "webhooks")]
mod endpoint;
mod envelope;
mod fact;
mod input;
mod notification;
mod outcome;
mod signing;
mod unknown;

pub use dead_letter::DeadLetter;
#[cfg(feature = "webhooks")]
pub use endpoint::{
    ENDPOINT_SCHEMA, decode_endpoint_fact, decode_signed_endpoint_fact, encode_endpoint_fact,
};
pub use envelope::{
    CONTENT_TYPE, DATA_SCHEMA, DATA_SCHEMA_ASSIGNMENT, DATA_SCHEMA_NEWEST, DATA_SCHEMA_REVOCATION,
    PROCESSOR_SOURCE,
};
pub use fact::fact_type;
#[cfg(feature = "webhooks")]
pub(crate) use fact::{ASSIGNED, FactId as EventId, LATE, UNASSIGNED};
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
    /// A request.
    Input(Request),
    /// A fact.
    Fact(Fact),
    /// The outcome of an input that caused no fact.
    Outcome(Outcome),
}

/// Why a record cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The record is longer than [`RECORD_BYTES_MAX`].
    #[error("the record has {0} bytes; the limit is {RECORD_BYTES_MAX}")]
    TooLong(usize),
    /// The record is not a JSON object.
    #[error("the record is not a JSON object that can be read: {0}")]
    NotJson(String),
    /// The record is neither an event of this system nor a bare placement.
    #[error("the record is not an event of this system: {0}")]
    Foreign(String),
    /// The major number of `dataschema` is above the one of this build.
    #[error("the record has dataschema {0}, which is newer; this build reads {DATA_SCHEMA_NEWEST} and older")]
    NewerVersion(String),
    /// The record has another version that this build does not know.
    #[error(
        "the record has {0}; this build reads specversion 1.0 and dataschema {DATA_SCHEMA_NEWEST} and older"
    )]
    UnsupportedVersion(String),
    /// The record has a status that this build does not know.
    #[error("the record has status {0}, which this build does not know")]
    UnknownStatus(String),
    /// The log has keys, and none of them signed the record for its partition.
    #[error("the record has no valid signature of the log's keys")]
    Unsigned,
    /// A field is missing or wrong.
    #[error("{field}: {problem}")]
    Invalid {
        /// The field.
        field: &'static str,
        /// The problem, as the end of a sentence that the field's name begins.
        problem: String,
    },
}

/// A record that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
#[error("{error}")]
pub struct DecodeError {
    /// The record names an owner of the partition as its source.
    pub from_processor: bool,
    /// Why it cannot be read.
    pub error: RecordError,
}

impl DecodeError {
    /// The record names an owner of a newer release as its source: its schema's major number is above the one of this build,
    /// or it has a status that this build does not know. It must not be skipped. Any other unreadable record that names an
    /// owner as its source is foreign.
    #[must_use]
    pub fn is_newer(&self) -> bool {
        self.from_processor
            && matches!(self.error, RecordError::NewerVersion(_) | RecordError::UnknownStatus(_))
    }
}

/// The record certainly names an owner of the partition as its source. Quick: looks at the first bytes only. A record with
/// another layout must be decoded.
#[must_use]
pub fn is_surely_from_processor(payload: &[u8]) -> bool {
    payload.starts_with(envelope::PROCESSOR_PREFIX)
}

/// Reads a record of the topic `orders`.
///
/// # Errors
/// [`DecodeError`], which tells owners' records from others.
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
    let read = match fact::decode(envelope, kind) {
        Ok(Some(fact)) => Ok(Record::Fact(fact)),
        Ok(None) => outcome::decode(envelope, kind).map(Record::Outcome),
        Err(error) => Err(error),
    };
    read.map_err(|error| unknown::status(envelope, kind).map_or(error, RecordError::UnknownStatus))
}

/// The record is an event in binary mode: its attributes are headers, and its payload alone is another record.
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

/// Writes a notification. Its `audiences` and `text` are deprecated: releases before `recipients` require them, this release
/// reads them only in records without `recipients`, and the next one drops them.
#[must_use]
pub fn encode_notification(notification: &Notification) -> Bytes {
    notification::encode(notification)
}

/// Writes a record of the topic `webhook_deliveries`.
#[must_use]
pub fn encode_delivery(record: &crate::delivery::DeliveryRecord) -> Bytes {
    delivery::encode(record)
}

/// Reads a record of the topic `webhook_deliveries`.
///
/// # Errors
/// [`RecordError`]; one of a newer version must not be skipped by the owner of the partition.
pub fn decode_delivery(payload: &[u8]) -> Result<crate::delivery::DeliveryRecord, RecordError> {
    delivery::decode(payload)
}

/// Reads a record of the topic `order_notifications`.
///
/// # Errors
/// [`DecodeError`]. A record with [`DecodeError::is_newer`] must not be skipped.
pub fn decode_notification(payload: &[u8]) -> Result<Notification, DecodeError> {
    notification::decode(payload)
}

#[cfg(test)]
mod tests;
