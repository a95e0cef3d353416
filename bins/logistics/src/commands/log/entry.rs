//! A record of the log in the JSON of the API, and as a line of text.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use logistics_core::port::{LogRecord, Topic};
use logistics_core::text::Escaped;
use logistics_core::{Offset, Partition, Timestamp};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use logistics_core::text::escaped_json;

/// A record. A key that is not UTF-8 or a payload that is not JSON is encoded in base64.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) offset: Offset,
    pub(crate) at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key_base64: Option<String>,
    // Without this, a payload of `null` would be an absent one.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present_value")]
    value: Option<Box<RawValue>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    value_base64: Option<String>,
}

fn present_value<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Box<RawValue>>, D::Error> {
    Box::deserialize(deserializer).map(Some)
}

impl Entry {
    /// Converts a record of the log.
    pub(super) fn of(record: &LogRecord) -> Self {
        let key = record.key.as_deref();
        let text = key.and_then(|key| std::str::from_utf8(key).ok()).map(str::to_owned);
        let value: Option<Box<RawValue>> = serde_json::from_slice(&record.payload).ok();
        Self {
            offset: record.offset,
            at: record.at,
            key_base64: key.filter(|_| text.is_none()).map(|key| STANDARD.encode(key)),
            key: text,
            value_base64: value.is_none().then(|| STANDARD.encode(&record.payload)),
            value,
        }
    }

    /// The exported record. Its JSON has the same value, but maybe other bytes.
    pub(super) fn record(self) -> Result<LogRecord, base64::DecodeError> {
        let key = match (self.key, self.key_base64) {
            (Some(key), _) => Some(Bytes::from(key)),
            (None, Some(key)) => Some(STANDARD.decode(key)?.into()),
            (None, None) => None,
        };
        let payload = match (self.value, self.value_base64) {
            (Some(value), _) => Bytes::copy_from_slice(value.get().as_bytes()),
            (None, Some(value)) => STANDARD.decode(value)?.into(),
            (None, None) => Bytes::new(),
        };
        Ok(LogRecord { offset: self.offset, key, payload, headers: Vec::new(), at: self.at })
    }

    /// All fields, as JSON on one line.
    pub(super) fn json(&self, topic: Topic, partition: Partition) -> String {
        #[derive(Serialize)]
        struct Line<'a> {
            topic: &'static str,
            partition: Partition,
            #[serde(flatten)]
            entry: &'a Entry,
        }
        let line = Line { topic: topic.name(), partition, entry: self };
        // Texts, numbers and parsed JSON cannot fail to serialize.
        escaped_json(&serde_json::to_string(&line).unwrap_or_default()).into_owned()
    }

    /// A line of text: time, position, type, order, status, actor and reason.
    pub(super) fn line(&self, partition: Partition) -> String {
        let place = format!("{partition}:{}", self.offset);
        let summary = self.value.as_ref().and_then(|json| summary_of(json.get()));
        let summary = summary.unwrap_or_else(|| "an unreadable record".to_owned());
        format!("{}  {place:<8} {}", self.at, Escaped(&summary))
    }
}

/// The common fields of a record of any type.
fn summary_of(json: &str) -> Option<String> {
    let value: Value = serde_json::from_str(json).ok()?;
    let text = |pointer: &str| value.pointer(pointer).and_then(Value::as_str).map(Cow::Borrowed);
    let kind = text("/type").unwrap_or("not an event".into());
    let kind = kind.strip_prefix("logistics.order.").unwrap_or(&kind);
    let order = text("/data/order_id").or(text("/order_id")).or(text("/subject"));
    let status = text("/data/status").or(text("/status"));
    let actor = text("/data/actor").map(|actor| format!("by {actor}").into());
    let reason = text("/data/reason").or(text("/data/rejection/code"));
    let reason = reason.map(|reason| format!("({reason})").into());
    let rest: Vec<_> = [order, status, actor, reason].into_iter().flatten().collect();
    Some(format!("{kind:<22} {}", rest.join("  ")))
}

#[cfg(test)]
mod tests {
    use logistics_core::{Status, wire};
    use logistics_testkit::sample;

    use super::*;

    fn record(payload: impl Into<bytes::Bytes>) -> LogRecord {
        let key = Some("key".into());
        LogRecord {
            offset: Offset(7),
            key,
            headers: Vec::new(),
            payload: payload.into(),
            at: Timestamp::from_millis(1500),
        }
    }

    #[test]
    fn facts_and_notifications_have_a_summary() {
        let facts = sample::facts_to(Status::Confirmed);
        let entry = Entry::of(&record(wire::encode_fact(&facts[1])));
        let order_id = &facts[1].order_id;
        let line = entry.line(Partition(2));
        let head = "1970-01-01T00:00:01.500Z  2:7      confirmed              ";
        assert!(line.starts_with(&format!("{head}{order_id}  CONFIRMED  by ")), "{line}");
        let notification = wire::encode_notification(&sample::notification(Status::Cancelled));
        let line = Entry::of(&record(notification)).line(Partition(0));
        assert!(line.contains("notification") && line.ends_with("CANCELLED"), "{line}");
    }

    #[test]
    fn any_payload_is_one_line_and_survives_a_round_trip() {
        let cases: [(&'static [u8], &str); 4] = [
            (b"{\"a\":\n1.50}", r#""value":{"a": 1.50}"#),
            (b"null", r#""value":null"#),
            (b"{", r#""value_base64":"ew==""#),
            (b"\xff", r#""value_base64":"/w==""#),
        ];
        for (payload, value) in cases {
            let entry = Entry::of(&record(payload));
            let json = entry.json(Topic::Orders, Partition(2));
            let head =
                r#"{"topic":"orders","partition":2,"offset":7,"at":"1970-01-01T00:00:01.500Z","key":"key","#;
            assert_eq!(json, format!("{head}{value}}}"));
            let served: Entry = serde_json::from_str(&serde_json::to_string(&entry).unwrap()).unwrap();
            assert_eq!(served.json(Topic::Orders, Partition(2)), json);
            assert!(!entry.line(Partition(2)).is_empty());
        }
    }
}
