//! `CloudEvents` in binary mode: the attributes are headers of the record, and its payload is the data.

use serde_json::value::RawValue;

use super::envelope::{Envelope, PROCESSOR_SOURCE, invalid, missing};
use super::{CONTENT_TYPE, RecordError, is_surely_from_processor};
use crate::port::{Header, LogRecord};

const CONTENT_TYPE_HEADER: &str = "content-type";

/// The attributes that this system reads: the header, and the field of the same meaning in structured mode.
const ATTRIBUTES: [(&str, &str); 7] = [
    ("ce_specversion", "specversion"),
    ("ce_type", "type"),
    ("ce_source", "source"),
    ("ce_id", "id"),
    ("ce_time", "time"),
    ("ce_dataschema", "dataschema"),
    ("ce_traceparent", "traceparent"),
];

/// Those without which a record is no event. One of them makes it an event in binary mode.
const REQUIRED: [&str; 4] = ["ce_specversion", "ce_type", "ce_source", "ce_id"];

/// Whether the record is an event in binary mode. A content type of structured mode wins, and so does a payload that begins
/// as an owner's.
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

/// It says that an owner of the partition wrote it.
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
    /// The header that is missing, there more than once, or no text.
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
                // These two are information: a wrong one is dropped, as in structured mode.
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

/// The same error, where it names a field of structured mode, with the name of the header.
pub(super) fn with_header_name(error: RecordError) -> RecordError {
    match error {
        RecordError::Invalid { field, problem } => {
            let header = ATTRIBUTES.into_iter().find(|(_, name)| *name == field);
            RecordError::Invalid { field: header.map_or(field, |(header, _)| header), problem }
        }
        error => error,
    }
}
