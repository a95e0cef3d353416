//! The `CloudEvents` envelope.

use std::borrow::Cow;
use std::fmt::Display;

use bytes::Bytes;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use super::RecordError;
use crate::ids::{Timestamp, TraceParent};

/// The content type of every record.
pub const CONTENT_TYPE: &str = "application/cloudevents+json";
/// The schema of `data` in every record but those of the three below; the number is the major version.
pub const DATA_SCHEMA: &str = "urn:logistics:order:1";
/// The schema of records about the assignment of a courier. A release before it would misunderstand these records, so it halts
/// at them.
pub const DATA_SCHEMA_ASSIGNMENT: &str = "urn:logistics:order:2";
/// The schema of records about the revocation of tracking links. A release before it halts at them, likewise.
pub const DATA_SCHEMA_REVOCATION: &str = "urn:logistics:order:3";
/// The newest schema that this build writes and reads: that of facts that place an order with contacts. A release before it
/// would drop the contacts from the order's document, so it halts at them, likewise.
pub const DATA_SCHEMA_NEWEST: &str = "urn:logistics:order:4";
/// The `source` of facts and outcomes: the owner of the partition.
pub const PROCESSOR_SOURCE: &str = "/logistics/processor";
/// The `source` of requests of this system's API and tools.
pub(super) const API_SOURCE: &str = "/logistics/api";
/// The first bytes of every record of an owner: they follow from the order of the fields below.
pub(super) const PROCESSOR_PREFIX: &[u8] = br#"{"specversion":"1.0","source":"/logistics/processor","#;

const SCHEMA_FAMILY: &str = "urn:logistics:order:";

/// An envelope to write. The order of the fields is the order in the record.
#[derive(Serialize)]
struct Written<'a, I: Display, D> {
    specversion: &'static str,
    source: &'static str,
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(serialize_with = "display")]
    id: I,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
    time: Timestamp,
    datacontenttype: &'static str,
    dataschema: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    traceparent: Option<&'a TraceParent>,
    data: D,
}

fn display<T: Display, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

/// The attributes of a record to write.
pub(super) struct Head<'a, I: Display> {
    pub(super) source: &'static str,
    pub(super) kind: &'a str,
    pub(super) dataschema: &'static str,
    pub(super) id: I,
    pub(super) subject: Option<&'a str>,
    pub(super) time: Timestamp,
    pub(super) traceparent: Option<&'a TraceParent>,
}

/// Initial buffer capacity; most records fit.
const RECORD_BYTES_USUAL: usize = 768;

pub(super) fn encode<I: Display, D: Serialize>(head: Head<'_, I>, data: D) -> Bytes {
    let written = Written {
        specversion: "1.0",
        source: head.source,
        kind: head.kind,
        id: head.id,
        subject: head.subject,
        time: head.time,
        datacontenttype: "application/json",
        dataschema: head.dataschema,
        traceparent: head.traceparent,
        data,
    };
    let mut bytes = Vec::with_capacity(RECORD_BYTES_USUAL);
    // Cannot fail: the values are texts, numbers and checked JSON, and writing to a vector succeeds.
    let _ = serde_json::to_writer(&mut bytes, &written);
    Bytes::from(bytes)
}

/// An envelope that was read. A field may be missing or of any type until it is used, because a bare object may have
/// fields of the same names.
#[derive(Deserialize)]
pub(super) struct Envelope<'a> {
    #[serde(borrow, default)]
    pub(super) specversion: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "type")]
    pub(super) kind: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) source: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) time: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) dataschema: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) traceparent: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) data: Option<&'a RawValue>,
    #[serde(default, deserialize_with = "is_there")]
    pub(super) order_id: bool,
}

fn is_there<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| true)
}

impl<'a> Envelope<'a> {
    pub(super) fn parse(payload: &'a [u8]) -> Result<Self, RecordError> {
        let text =
            std::str::from_utf8(payload).map_err(|_| RecordError::NotJson("it is not UTF-8".to_owned()))?;
        // serde would read an array as a struct, its elements as fields.
        if text.trim_ascii_start().starts_with('[') {
            return Err(RecordError::NotJson("it is an array".to_owned()));
        }
        serde_json::from_str(text).map_err(|error| RecordError::NotJson(error.to_string()))
    }

    /// The payload is not an event but an object with an order id of its own.
    pub(super) fn is_bare(&self) -> bool {
        self.specversion.is_none() && self.order_id
    }

    /// Rejects versions that this build would misunderstand.
    pub(super) fn check_version(&self) -> Result<(), RecordError> {
        match text(self.specversion, "specversion")?.as_deref() {
            Some("1.0") => {}
            Some(other) => return Err(RecordError::UnsupportedVersion(format!("specversion {other}"))),
            None if self.kind.is_none() => {
                let problem = "it has neither a type nor order_id and status";
                return Err(RecordError::Foreign(problem.to_owned()));
            }
            None => return Err(missing("specversion")),
        }
        match text(self.dataschema, "dataschema")?.as_deref() {
            None
            | Some(DATA_SCHEMA | DATA_SCHEMA_ASSIGNMENT | DATA_SCHEMA_REVOCATION | DATA_SCHEMA_NEWEST) => {
                Ok(())
            }
            Some(other) => match other.strip_prefix(SCHEMA_FAMILY) {
                Some(major) if is_newer(major) => Err(RecordError::NewerVersion(other.to_owned())),
                Some(_) => Err(RecordError::UnsupportedVersion(format!("dataschema {other}"))),
                // A producer's own schema for the same type: the fields decide.
                None => Ok(()),
            },
        }
    }

    pub(super) fn kind(&self) -> Result<Cow<'a, str>, RecordError> {
        text(self.kind, "type")?.ok_or_else(|| missing("type"))
    }

    pub(super) fn source(&self) -> Result<Option<Cow<'a, str>>, RecordError> {
        text(self.source, "source")
    }

    pub(super) fn id<T: Deserialize<'a>>(&self) -> Result<T, RecordError> {
        field(self.id, "id")?.ok_or_else(|| missing("id"))
    }

    pub(super) fn data<D: Deserialize<'a>>(&self) -> Result<D, RecordError> {
        let data = self.data.ok_or_else(|| missing("data"))?;
        if !data.get().starts_with('{') {
            return Err(invalid("data", "must be an object"));
        }
        serde_json::from_str(data.get()).map_err(|error| invalid("data", error))
    }

    pub(super) fn time(&self) -> Result<Option<Timestamp>, RecordError> {
        field(self.time, "time")
    }

    /// The time; `None` where it is missing or not RFC 3339. No decision uses the time of an input.
    pub(super) fn time_if_valid(&self) -> Option<Timestamp> {
        self.time().ok().flatten()
    }

    /// The trace context. A malformed one is dropped, as W3C Trace Context requires of a receiver.
    pub(super) fn trace(&self) -> Option<TraceParent> {
        let trace: Option<TraceParent> = field(self.traceparent, "traceparent").ok().flatten();
        trace.filter(|trace| trace.context().is_some())
    }
}

/// The text is a number of any length, above the major number of this build.
fn is_newer(major: &str) -> bool {
    let ours = DATA_SCHEMA_NEWEST.strip_prefix(SCHEMA_FAMILY).unwrap_or_default();
    let digits = major.trim_start_matches('0');
    !digits.is_empty()
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && (digits.len(), digits) > (ours.len(), ours)
}

/// A field's value; `None` where it is missing or null.
pub(super) fn field<'a, T: Deserialize<'a>>(
    raw: Option<&'a RawValue>,
    name: &'static str,
) -> Result<Option<T>, RecordError> {
    let Some(raw) = raw else { return Ok(None) };
    serde_json::from_str::<Option<T>>(raw.get()).map_err(|error| {
        // The position is relative to the field, so it is meaningless to a reader of the record.
        let problem = error.to_string();
        invalid(name, problem.split(" at line ").next().unwrap_or_default())
    })
}

fn text<'a>(raw: Option<&'a RawValue>, name: &'static str) -> Result<Option<Cow<'a, str>>, RecordError> {
    #[derive(Deserialize)]
    struct Text<'a>(#[serde(borrow)] Cow<'a, str>);
    Ok(field::<Text<'a>>(raw, name)?.map(|text| text.0))
}

pub(super) fn missing(field: &'static str) -> RecordError {
    RecordError::Invalid { field, problem: "is missing".to_owned() }
}

pub(super) fn invalid(field: &'static str, problem: impl Display) -> RecordError {
    RecordError::Invalid { field, problem: problem.to_string() }
}
