//! `CloudEvents` in binary mode: the attributes are headers of the record, and its payload is the data.

use serde_json::value::RawValue;

use super::envelope::{Envelope, PROCESSOR_SOURCE, invalid, missing};
use super::{CONTENT_TYPE, RecordError, is_surely_from_processor};
use crate::port::{Header, LogRecord};

const CONTENT_TYPE_HEADER: &str = "content-type";

/// The attributes that this system reads: the header, and the corresponding field in structured mode.
const ATTRIBUTES: [(&str, &str); 7] = [
    ("ce_specversion", "specversion"),
    ("ce_type", "type"),
    ("ce_source", "source"),
    ("ce_id", "id"),
    ("ce_time", "time"),
    ("ce_dataschema", "dataschema"),
    ("ce_traceparent", "traceparent"),
];

/// The required attributes. A record with at least one of them is an event in binary mode.
const REQUIRED: [&str; 4] = ["ce_specversion", "ce_type", "ce_source", "ce_id"];

/// Whether the record is an event in binary mode. It is not if the content type is that of structured mode, or if the payload
/// begins as an owner's record.
pub(super) fn is_binary(record: &LogRecord) -> bool {
    let is_attribute = |header: &Header| REQUIRED.iter().any(|name| is_named(header, name));
    record.headers.iter().any(is_attribute)
        && !record.headers.iter().any(says_structured)
        && !is_surely_from_processor(&record.payload)
}

fn is_named(header: &Header, name: &str) -> bool {
    header.name.eq_ignore_ascii_case(name)
}

fn says_structured(header: &Header) -> bool {
    let start = header.value.get(..CONTENT_TYPE.len());
    is_named(header, CONTENT_TYPE_HEADER)
        && start.is_some_and(|start| start.eq_ignore_ascii_case(CONTENT_TYPE.as_bytes()))
}

/// The record names an owner of the partition as its source.
pub(super) fn is_from_processor(record: &LogRecord) -> bool {
    record
        .headers
        .iter()
        .any(|header| is_named(header, "ce_source") && *header.value == *PROCESSOR_SOURCE.as_bytes())
}

/// The attributes of one record as JSON texts, in the order of [`ATTRIBUTES`].
pub(super) struct Attributes([Option<Box<RawValue>>; ATTRIBUTES.len()]);

impl Attributes {
    /// Reads them from the headers.
    ///
    /// # Errors
    /// A header is missing, repeated, or not UTF-8.
    pub(super) fn of(record: &LogRecord) -> Result<Self, RecordError> {
        let mut attributes = Self([const { None }; ATTRIBUTES.len()]);
        for ((name, _), attribute) in ATTRIBUTES.into_iter().zip(&mut attributes.0) {
            let mut values =
                record.headers.iter().filter(|header| is_named(header, name)).map(|header| &header.value);
            let Some(value) = values.next() else {
                if REQUIRED.contains(&name) {
                    return Err(missing(name));
                }
                continue;
            };
            if values.next().is_some() {
                return Err(invalid(name, "is there more than once"));
            }
            match std::str::from_utf8(value) {
                Ok(text) => {
                    let json = serde_json::value::to_raw_value(text).map_err(|error| invalid(name, error))?;
                    *attribute = Some(json);
                }
                // These two are optional: an invalid one is dropped, as in structured mode.
                Err(_) if ["ce_time", "ce_traceparent"].contains(&name) => {}
                Err(_) => return Err(invalid(name, "is not UTF-8")),
            }
        }
        Ok(attributes)
    }

    /// The envelope of these attributes around a payload.
    ///
    /// # Errors
    /// The payload is not JSON.
    pub(super) fn envelope<'a>(&'a self, payload: &'a [u8]) -> Result<Envelope<'a>, RecordError> {
        let text =
            std::str::from_utf8(payload).map_err(|_| RecordError::NotJson("it is not UTF-8".to_owned()))?;
        let data: &RawValue =
            serde_json::from_str(text).map_err(|error| RecordError::NotJson(error.to_string()))?;
        let [specversion, kind, source, id, time, dataschema, traceparent] =
            self.0.each_ref().map(|attribute| attribute.as_deref());
        Ok(Envelope {
            specversion,
            kind,
            source,
            id,
            time,
            dataschema,
            traceparent,
            data: Some(data),
            order_id: false,
        })
    }
}

/// The error with the header's name in place of the field's name of structured mode.
pub(super) fn with_header_name(error: RecordError) -> RecordError {
    match error {
        RecordError::Invalid { field, problem } => {
            let header = ATTRIBUTES.into_iter().find(|(_, name)| *name == field);
            RecordError::Invalid { field: header.map_or(field, |(header, _)| header), problem }
        }
        error => error,
    }
}
