//! An order's document.

use std::fmt;

use bytes::Bytes;
use logistics_core::{HistoryEntry, Version};
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
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

/// The document as the principal may see it. No principal sees the contacts: they are for channels of notifications alone. The
/// holder of a tracking link sees the way of the order alone. Only operators see the subjects of its facts, which name people and
/// programs, and the trace contexts.
///
/// # Errors
/// [`ServiceError::Unavailable`] if the document is unreadable.
pub(crate) fn visible(principal: &Principal, json: Bytes) -> Result<Bytes, ServiceError> {
    if principal.tracked_order().is_some() {
        return reduced(&json).map(Bytes::from).map_err(|error| unreadable(None, &error));
    }
    // Most documents have nothing to hide. The details of an order may contain the text, too.
    let has = |parts: &[&[u8]]| parts.iter().any(|part| contains(&json, part));
    let hides = match principal.is_operator() {
        true => has(&[br#""contacts":"#]),
        false => has(&[br#""contacts":"#, br#""by":"#, br#""trace":"#]),
    };
    if !hides {
        return Ok(json);
    }
    shown(&json, principal.is_operator()).map(Bytes::from).map_err(|error| unreadable(None, &error))
}

/// Only the history is parsed and written again; the rest may be long.
fn shown(json: &[u8], to_operator: bool) -> serde_json::Result<Vec<u8>> {
    let hidden;
    let Fields(mut fields) = serde_json::from_slice(json)?;
    fields.retain(|(name, _)| name != "contacts" && (to_operator || name != "trace"));
    if !to_operator && let Some((_, history)) = fields.iter_mut().find(|(name, _)| name == "history") {
        let mut entries: Vec<HistoryEntry> = serde_json::from_str(history.get())?;
        entries.iter_mut().for_each(|entry| (entry.by, entry.trace) = (None, None));
        hidden = serde_json::value::to_raw_value(&entries)?;
        *history = &hidden;
    }
    serde_json::to_vec(&Fields(fields))
}

/// The fields of an object, in their order.
struct Fields<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsVisitor)
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Fields<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = map.next_entry()? {
            fields.push(field);
        }
        Ok(Fields(fields))
    }
}

impl Serialize for Fields<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
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
    use crate::principal::Role;
    use logistics_core::{Contact, Details, Order, Status, Subject};
    use logistics_testkit::sample;

    #[test]
    fn parties_see_every_field_but_the_subjects_and_the_traces_and_no_principal_the_contacts() {
        let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let mut order = Order::from_document(&sample::document(&sample::order_id(7), Status::Delivered))
            .expect("a document");
        order.details = Details::parse(r#"{"by":"x","trace":"mine","contacts":{},"list":[1, 2]}"#).ok();
        let expected = order.clone();
        order.trace = trace.parse().ok();
        for entry in &mut order.history {
            (entry.by, entry.trace) = (Subject::parse("jwt:ann").ok(), trace.parse().ok());
        }
        let stored = Bytes::from(order.to_document());
        let of = |role| Principal::new(Subject::parse("jwt:bob").expect("a subject")).with_role(role);
        for role in [Role::Customer, Role::Merchant, Role::Courier] {
            let shown = visible(&of(role), stored.clone()).expect("readable");
            assert_eq!(shown, expected.to_document(), "{role:?}");
        }
        assert_eq!(visible(&of(Role::Operator), stored.clone()).expect("readable"), stored);
        order.contacts.customer = Some(Contact::new("ann@example.com".parse().expect("an address")));
        let reached = Bytes::from(order.to_document());
        assert_eq!(visible(&of(Role::Operator), reached.clone()).expect("readable"), stored);
        assert_eq!(visible(&of(Role::Customer), reached).expect("readable"), expected.to_document());
    }

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
