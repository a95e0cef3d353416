//! The `CloudEvents` envelope.

use std::borrow::Cow;
use std::fmt::Display;

use bytes::Bytes;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;

use super::RecordError;
use crate::ids::{Timestamp, TraceParent};

/// The content type of every record.
pub const CONTENT_TYPE: &str = "application/cloudevents+json";
/// The schema of `data` that this build writes; the number is the major version.
pub const DATA_SCHEMA: &str = "urn:logistics:order:1";
/// The `source` of facts and outcomes: the owner of the partition.
pub const PROCESSOR_SOURCE: &str = "/logistics/processor";
/// The `source` of what this system's API and tools ask.
pub(super) const API_SOURCE: &str = "/logistics/api";
/// How every record of an owner begins: the order of the fields below.
pub(super) const PROCESSOR_PREFIX: &[u8] = br#"{"specversion":"1.0","source":"/logistics/processor","#;

const SCHEMA_FAMILY: &str = "urn:logistics:order:";

/// What is written. The order of the fields is the order in the record.
#[derive(Serialize)]
struct Written<'a, I: Display, D> {
    specversion: &'static str,
    source: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
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

/// The head of a record to be written.
pub(super) struct Head<'a, I: Display> {
    pub(super) source: &'static str,
    pub(super) kind: &'static str,
    pub(super) id: I,
    pub(super) subject: Option<&'a str>,
    pub(super) time: Timestamp,
    pub(super) traceparent: Option<&'a TraceParent>,
}

/// Most records fit; a longer one grows.
const RECORD_BYTES_USUAL: usize = 640;

pub(super) fn encode<I: Display, D: Serialize>(head: Head<'_, I>, data: D) -> Bytes {
    let written = Written {
        specversion: "1.0",
        source: head.source,
        kind: head.kind,
        id: head.id,
        subject: head.subject,
        time: head.time,
        datacontenttype: "application/json",
        dataschema: DATA_SCHEMA,
        traceparent: head.traceparent,
        data,
    };
    let mut bytes = Vec::with_capacity(RECORD_BYTES_USUAL);
    // Cannot fail: the values are texts, numbers and checked JSON, and a vector takes every write.
    let _ = serde_json::to_writer(&mut bytes, &written);
    Bytes::from(bytes)
}

/// What is read: every field may be missing, so that a bare object can be told from an event.
#[derive(Deserialize)]
pub(super) struct Envelope<'a> {
    #[serde(borrow, default, rename = "type")]
    pub(super) kind: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    specversion: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(super) source: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(super) id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    time: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    dataschema: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    traceparent: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
}

impl<'a> Envelope<'a> {
    pub(super) fn parse(payload: &'a [u8]) -> Result<Self, RecordError> {
        serde_json::from_slice(payload).map_err(|error| RecordError::NotJson(error.to_string()))
    }

    /// Refuses what this build would misunderstand.
    pub(super) fn check_version(&self) -> Result<(), RecordError> {
        match self.specversion.as_deref() {
            Some("1.0") => {}
            Some(other) => return Err(RecordError::UnsupportedVersion(format!("specversion {other}"))),
            None => return Err(missing("specversion")),
        }
        match self.dataschema.as_deref() {
            None | Some(DATA_SCHEMA) => Ok(()),
            Some(other) if other.starts_with(SCHEMA_FAMILY) => {
                Err(RecordError::UnsupportedVersion(other.to_owned()))
            }
            // Somebody's own schema for the same type: the fields decide.
            Some(_) => Ok(()),
        }
    }

    pub(super) fn data<D: Deserialize<'a>>(&self) -> Result<D, RecordError> {
        let data = self.data.ok_or_else(|| missing("data"))?;
        serde_json::from_str(data.get()).map_err(|error| invalid("data", error))
    }

    pub(super) fn time(&self) -> Result<Option<Timestamp>, RecordError> {
        self.time.as_deref().map(str::parse).transpose().map_err(|error| invalid("time", error))
    }

    /// The trace context; a malformed one is dropped, as W3C Trace Context asks of a receiver.
    pub(super) fn trace(&self) -> Option<TraceParent> {
        self.traceparent.as_deref().and_then(|text| TraceParent::parse(text).ok())
    }
}

pub(super) fn missing(field: &'static str) -> RecordError {
    RecordError::Invalid { field, problem: "is missing".to_owned() }
}

pub(super) fn invalid(field: &'static str, problem: impl Display) -> RecordError {
    RecordError::Invalid { field, problem: problem.to_string() }
}
