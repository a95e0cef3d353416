//! The messages of the protocol, `logistics.live.v1`.

use std::collections::BTreeSet;

use logistics_core::{OrderId, Status, Version};
use logistics_service::{LiveFact, LivePosition, ServiceError};
use serde::Deserialize;

/// Bytes of a subscription's id.
const ID_BYTES_MAX: usize = 64;

/// A message of a client.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum ClientMessage {
    /// The first message of a client that sends no credential with the request.
    ConnectionInit {
        #[serde(default)]
        token: Option<Token>,
    },
    Subscribe(Subscribe),
    Unsubscribe {
        id: SubscriptionId,
    },
}

/// A credential. Its `Debug` does not show it.
#[derive(Deserialize)]
#[serde(transparent)]
pub(crate) struct Token(pub(crate) String);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token")
    }
}

/// The client's name of a subscription: printable ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct SubscriptionId(String);

impl TryFrom<String> for SubscriptionId {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        let is_valid = (1..=ID_BYTES_MAX).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\');
        if is_valid { Ok(Self(text)) } else { Err("an id has 1 to 64 printable ASCII characters") }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Subscribe {
    pub(crate) id: SubscriptionId,
    #[serde(default)]
    order_id: Option<OrderId>,
    #[serde(default)]
    last_version: Option<Version>,
    #[serde(default)]
    all: bool,
    #[serde(default)]
    position: Option<String>,
    #[serde(default)]
    statuses: BTreeSet<Status>,
}

/// What a client subscribes to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    Order { order_id: OrderId, after: Option<Version> },
    All { from: Option<LivePosition>, statuses: BTreeSet<Status> },
}

impl Subscribe {
    /// `None`: the fields do not belong together, or the position is none.
    pub(crate) fn subject(self) -> Option<(SubscriptionId, Subject)> {
        let Self { id, order_id, last_version, all, position, statuses } = self;
        let subject = match (order_id, all) {
            (Some(order_id), false) if position.is_none() && statuses.is_empty() => {
                Subject::Order { order_id, after: last_version }
            }
            (None, true) if last_version.is_none() => {
                let from = position.map(|text| text.parse()).transpose().ok()?;
                Subject::All { from, statuses }
            }
            _ => return None,
        };
        Some((id, subject))
    }
}

pub(crate) const ACKNOWLEDGED: &str = r#"{"type":"connection_ack"}"#;

/// Neither the id nor a position contains a character that JSON escapes. Documents and facts are JSON.
fn message(kind: &str, SubscriptionId(id): &SubscriptionId, rest: &str) -> String {
    format!(r#"{{"type":"{kind}","id":"{id}"{rest}}}"#)
}

pub(crate) fn snapshot(id: &SubscriptionId, version: Version, json: &[u8]) -> String {
    let json = String::from_utf8_lossy(json);
    message("snapshot", id, &format!(r#","version":{version},"order":{json}"#))
}

/// `position`: that of a subscription to all orders.
pub(crate) fn fact(id: &SubscriptionId, fact: &LiveFact, position: Option<&LivePosition>) -> String {
    let json = String::from_utf8_lossy(&fact.json);
    let position = position.map_or(String::new(), |position| format!(r#","position":"{position}""#));
    message("fact", id, &format!(r#","version":{}{position},"fact":{json}"#, fact.version))
}

pub(crate) fn position(id: &SubscriptionId, position: &LivePosition) -> String {
    message("position", id, &format!(r#","position":"{position}""#))
}

pub(crate) fn complete(id: &SubscriptionId) -> String {
    message("complete", id, "")
}

pub(crate) fn resume_version(id: &SubscriptionId, from: Version) -> String {
    message("resume", id, &format!(r#","resume_from":{from}"#))
}

pub(crate) fn resume_position(id: &SubscriptionId, from: &LivePosition) -> String {
    message("resume", id, &format!(r#","resume_from":"{from}""#))
}

pub(crate) fn ended(id: &SubscriptionId, code: &str) -> String {
    message("error", id, &format!(r#","code":"{code}""#))
}

pub(crate) fn failed(id: &SubscriptionId, error: &ServiceError) -> String {
    // A text always serializes.
    let sentence = serde_json::to_string(&error.to_string()).unwrap_or_default();
    let (code, retryable) = (error.code(), error.is_retryable());
    message("error", id, &format!(r#","code":"{code}","error":{sentence},"retryable":{retryable}"#))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Option<Subject> {
        match serde_json::from_str(text) {
            Ok(ClientMessage::Subscribe(subscribe)) => subscribe.subject().map(|(_, subject)| subject),
            _ => None,
        }
    }

    #[test]
    fn a_subscription_is_to_one_order_or_to_all() {
        let order_id = OrderId::parse("a").unwrap();
        let order = Subject::Order { order_id, after: Some(Version(3)) };
        let text = r#"{"type":"subscribe","id":"s1","order_id":"a","last_version":3}"#;
        assert_eq!(parsed(text), Some(order));
        let text = r#"{"type":"subscribe","id":"s1","all":true,"statuses":["PLACED"],"position":"AQA"}"#;
        assert!(
            matches!(parsed(text), Some(Subject::All { from: Some(_), statuses }) if statuses.len() == 1)
        );
        for wrong in [
            r#"{"type":"subscribe","id":"s1"}"#,
            r#"{"type":"subscribe","id":"","all":true}"#,
            r#"{"type":"subscribe","id":"a\"b","all":true}"#,
            r#"{"type":"subscribe","id":"s1","order_id":"a","all":true}"#,
            r#"{"type":"subscribe","id":"s1","order_id":"a","statuses":["PLACED"]}"#,
            r#"{"type":"subscribe","id":"s1","all":true,"position":"?"}"#,
            r#"{"type":"subscribe","id":"s1","all":true,"last_version":1}"#,
            r#"{"type":"subscribe","id":"s1","all":true,"more":1}"#,
            r#"{"type":"unknown","id":"s1"}"#,
            r#"{"id":"s1"}"#,
            "[]",
        ] {
            assert_eq!(parsed(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_token_is_not_shown() {
        let message: ClientMessage =
            serde_json::from_str(r#"{"type":"connection_init","token":"secret"}"#).unwrap();
        assert!(!format!("{message:?}").contains("secret"));
    }
}
