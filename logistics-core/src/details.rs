//! An order's details: JSON that the platform stores and does not interpret.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::value::RawValue;

mod compare;

use crate::limits::{DETAILS_BYTES_MAX, DETAILS_DEPTH_MAX};

/// An order's details: any JSON value of at most 64 KiB that nests at most 64 deep, kept byte for byte.
#[derive(Debug, Clone)]
pub struct Details(Arc<RawValue>);

/// A text is not valid as an order's details.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidDetails {
    /// The text is not JSON.
    #[error("details are not JSON: {0}")]
    NotJson(String),
    /// The text is too long.
    #[error("details have {0} bytes; the limit is {DETAILS_BYTES_MAX}")]
    TooLong(usize),
    /// The JSON nests too deep.
    #[error("details nest deeper than {DETAILS_DEPTH_MAX} levels")]
    TooDeep,
}

impl Details {
    /// Parses JSON text.
    ///
    /// # Errors
    /// [`InvalidDetails`] when the text is not JSON, too long or nested too deep.
    pub fn parse(text: &str) -> Result<Self, InvalidDetails> {
        check(text)?;
        let raw: Box<RawValue> =
            serde_json::from_str(text).map_err(|error| InvalidDetails::NotJson(error.to_string()))?;
        Ok(Self(Arc::from(raw)))
    }

    /// The JSON text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.get()
    }

    /// Both have the same value: spacing, the order of the keys and the spelling of numbers do not count. Numbers of any
    /// length are compared exactly, as decimals. Of a repeated key, the last one counts.
    #[must_use]
    pub fn same_value(&self, other: &Self) -> bool {
        compare::same_value(self.as_str(), other.as_str())
    }
}

fn check(text: &str) -> Result<(), InvalidDetails> {
    if text.len() > DETAILS_BYTES_MAX {
        return Err(InvalidDetails::TooLong(text.len()));
    }
    if depth(text.as_bytes()) > DETAILS_DEPTH_MAX {
        return Err(InvalidDetails::TooDeep);
    }
    Ok(())
}

/// How deep brackets nest outside of strings. The text need not be valid: the recursive parser runs after this check.
fn depth(text: &[u8]) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for byte in text {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

impl PartialEq for Details {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Details {}

impl Hash for Details {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl Serialize for Details {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Details {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        check(raw.get()).map_err(de::Error::custom)?;
        Ok(Self(Arc::from(raw)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_hold_and_brackets_in_strings_do_not_count() {
        let nested = |depth| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
        assert!(Details::parse(&nested(DETAILS_DEPTH_MAX)).is_ok());
        assert_eq!(Details::parse(&nested(DETAILS_DEPTH_MAX + 1)).unwrap_err(), InvalidDetails::TooDeep);
        assert!(Details::parse(&format!("\"\\\"{}\"", "[".repeat(200))).is_ok());
        let long = format!("\"{}\"", "x".repeat(DETAILS_BYTES_MAX - 1));
        assert_eq!(Details::parse(&long).unwrap_err(), InvalidDetails::TooLong(DETAILS_BYTES_MAX + 1));
        assert!(matches!(Details::parse("{").unwrap_err(), InvalidDetails::NotJson(_)));
    }

    #[test]
    fn spacing_and_key_order_do_not_change_the_value() {
        let parse = |text| Details::parse(text).unwrap();
        assert!(parse(r#"{"a":1,"b":[2]}"#).same_value(&parse(r#"{ "b": [2], "a": 1 }"#)));
        assert!(!parse(r#"{"a":1}"#).same_value(&parse(r#"{"a":2}"#)));
    }
}
