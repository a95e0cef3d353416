//! An order's document.

use std::ops::Range;

use bytes::Bytes;
use logistics_core::{HistoryEntry, Version};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::ServiceError;
use crate::history::unreadable;
use crate::principal::Principal;
use crate::tracking::reduced;

/// The document of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Document {
    /// Its JSON, as stored; [`logistics_core::Order::from_document`] parses it. The bytes count towards the service's
    /// budget until their last copy is dropped.
    pub json: Bytes,
    /// The order's version; `None` if the JSON has none.
    pub version: Option<Version>,
}

/// The document as the principal may see it. The holder of a tracking link sees the way of the order alone. Only operators see the subjects of its facts, which name people and programs, and
/// the trace contexts of its history.
///
/// # Errors
/// [`ServiceError::Unavailable`] if the document is unreadable.
pub(crate) fn visible(principal: &Principal, json: Bytes) -> Result<Bytes, ServiceError> {
    if principal.tracked_order().is_some() {
        return reduced(&json).map(Bytes::from).map_err(|error| unreadable(None, &error));
    }
    // Most documents name no subject and no trace. The details of an order may contain the text, too.
    let hides = || [&br#""by":"#[..], br#""trace":"#].iter().any(|part| contains(&json, part));
    if principal.is_operator() || !hides() {
        return Ok(json);
    }
    // Only the history is parsed and written again; the rest may be long.
    #[derive(Deserialize)]
    struct Outline<'a> {
        #[serde(borrow)]
        history: &'a RawValue,
    }
    let read = || -> serde_json::Result<(Range<usize>, Vec<u8>)> {
        let Outline { history } = serde_json::from_slice(&json)?;
        let mut entries: Vec<HistoryEntry> = serde_json::from_str(history.get())?;
        entries.iter_mut().for_each(|entry| (entry.by, entry.trace) = (None, None));
        let place = json.slice_ref(history.get().as_bytes());
        let start = place.as_ptr() as usize - json.as_ptr() as usize;
        Ok((start..start + place.len(), serde_json::to_vec(&entries)?))
    };
    let (place, history) = read().map_err(|error| unreadable(None, &error))?;
    Ok(Bytes::from([&json[..place.start], &history, &json[place.end..]].concat()))
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

/// The version of a document.
pub(crate) fn version_of(document: &[u8]) -> Option<Version> {
    leading_version(document).or_else(|| {
        #[derive(Deserialize)]
        struct Versioned {
            version: Version,
        }
        serde_json::from_slice::<Versioned>(document).ok().map(|document| document.version)
    })
}

/// The version of a document with the core's field order: the third field, so the rest is not parsed.
fn leading_version(document: &[u8]) -> Option<Version> {
    let rest = document.strip_prefix(br#"{"order_id":""#)?;
    // Neither an id nor a status contains a quotation mark.
    let rest = behind_quote(rest)?.strip_prefix(br#","status":""#)?;
    let rest = behind_quote(rest)?.strip_prefix(br#","version":"#)?;
    let digits = rest.iter().position(|byte| !byte.is_ascii_digit())?;
    std::str::from_utf8(&rest[..digits]).ok()?.parse().ok().map(Version)
}

fn behind_quote(text: &[u8]) -> Option<&[u8]> {
    text.iter().position(|byte| *byte == b'"').map(|at| &text[at + 1..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use logistics_core::Status;
    use logistics_testkit::sample;

    #[test]
    fn the_version_of_a_document_of_the_core_is_read_without_parsing_it() {
        let document = sample::document(&sample::order_id(7), Status::Delivered);
        assert_eq!(leading_version(&document), Some(Version(5)));
        assert_eq!(version_of(&document), Some(Version(5)));
    }

    #[test]
    fn a_document_with_another_field_order_is_parsed() {
        let document = br#"{ "version": 12, "order_id": "a" }"#;
        assert_eq!(leading_version(document), None);
        assert_eq!(version_of(document), Some(Version(12)));
        assert_eq!(version_of(b"no JSON"), None);
    }
}
