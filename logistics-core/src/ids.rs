//! Identifiers, positions and time: newtypes that cannot hold what is invalid.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::limits::{
    CHANNEL_NAME_BYTES_MAX, ENDPOINT_ID_BYTES_MAX, ORDER_ID_BYTES_MAX, PARTY_BYTES_MAX,
    REACTOR_NAME_BYTES_MAX, REASON_BYTES_MAX, REQUEST_ID_BYTES_MAX, SUBJECT_BYTES_MAX,
};
#[cfg(feature = "webhooks")]
use crate::limits::{ENDPOINT_DESCRIPTION_BYTES_MAX, MESSAGE_ID_BYTES_MAX};

/// A text is not a valid identifier.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
#[error("{what} {problem}")]
pub struct InvalidText {
    what: &'static str,
    problem: String,
}

impl InvalidText {
    #[cfg(feature = "webhooks")]
    pub(crate) fn new(what: &'static str, problem: impl Into<String>) -> Self {
        Self { what, problem: problem.into() }
    }

    /// The kind of identifier, for example `order_id`.
    #[must_use]
    pub fn what(&self) -> &'static str {
        self.what
    }
}

/// A validated text that is cheap to clone: the form of all text identifiers.
macro_rules! text_newtype {
    ($(#[$meta:meta])* $name:ident, $what:literal, $max:expr, $allowed:expr, $alphabet:literal) => {
        $(#[$meta])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Parses the text.
            ///
            /// # Errors
            /// [`InvalidText`] when the text is empty, too long, or contains a character outside of the alphabet.
            pub fn parse(text: &str) -> Result<Self, InvalidText> {
                let wrong = |problem: String| Err(InvalidText { what: $what, problem });
                if text.is_empty() {
                    return wrong("must not be empty".to_owned());
                }
                if text.len() > $max {
                    return wrong(format!("has {} bytes; the limit is {}", text.len(), $max));
                }
                if !text.chars().all($allowed) {
                    return wrong(format!("may only hold {}", $alphabet));
                }
                Ok(Self(Arc::from(text)))
            }

            /// The text itself.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = InvalidText;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::parse(text)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Text;
                impl de::Visitor<'_> for Text {
                    type Value = $name;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str(concat!("a text for ", $what))
                    }

                    fn visit_str<E: de::Error>(self, text: &str) -> Result<$name, E> {
                        $name::parse(text).map_err(E::custom)
                    }
                }
                deserializer.deserialize_str(Text)
            }
        }
    };
}

fn is_id_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '-'
}

fn is_reactor_char(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'
}

fn is_channel_char(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit() || c == '.' || c == '-'
}

fn is_printable(c: char) -> bool {
    !c.is_control()
}

text_newtype!(
    /// An order's identifier: 1 to 64 bytes of `[A-Za-z0-9_-]`.
    OrderId, "order_id", ORDER_ID_BYTES_MAX, is_id_char, "[A-Za-z0-9_-]"
);
text_newtype!(
    /// The name that a request has from its sender: 1 to 128 bytes without control characters. It is the `CloudEvents`
    /// `id` of the input.
    RequestId, "request id", REQUEST_ID_BYTES_MAX, is_printable, "printable characters"
);
text_newtype!(
    /// The platform's id of a customer, merchant or courier: 1 to 128 bytes without control characters.
    PartyId, "party id", PARTY_BYTES_MAX, is_printable, "printable characters"
);
text_newtype!(
    /// The reason of a request, as a code or a short text: 1 to 256 bytes without control characters.
    Reason, "reason", REASON_BYTES_MAX, is_printable, "printable characters"
);
text_newtype!(
    /// The authenticated person or program behind a request, for example `jwt:alice` or `key:acme-shop`: 1 to 256 bytes
    /// without control characters.
    Subject, "subject", SUBJECT_BYTES_MAX, is_printable, "printable characters"
);
text_newtype!(
    /// A W3C Trace Context `traceparent` value. Its text may be malformed: see [`TraceParent::context`].
    TraceParent, "traceparent", 55, |c: char| c.is_ascii_hexdigit() || c == '-', "hexadecimal digits and dashes"
);
text_newtype!(
    /// A webhook endpoint's identifier: 1 to 64 bytes of `[A-Za-z0-9_-]`. Generated ones begin with `we_`.
    EndpointId, "endpoint_id", ENDPOINT_ID_BYTES_MAX, is_id_char, "[A-Za-z0-9_-]"
);
text_newtype!(
    /// The name of a reactor: 1 to 32 bytes of `[a-z0-9-]`. The ids of its requests are made from it.
    ReactorName, "reactor name", REACTOR_NAME_BYTES_MAX, is_reactor_char, "[a-z0-9-]"
);
text_newtype!(
    /// The name of a channel that delivers notifications with retries: 1 to 48 bytes of `[a-z0-9.-]`. The channel of the webhook
    /// endpoints is [`ChannelName::webhooks`].
    ChannelName, "channel name", CHANNEL_NAME_BYTES_MAX, is_channel_char, "[a-z0-9.-]"
);
#[cfg(feature = "webhooks")]
text_newtype!(
    /// A webhook message's identifier, the `webhook-id` of every attempt to deliver it: 1 to 64 bytes of `[A-Za-z0-9_-]`.
    /// Generated ones begin with `msg_`.
    MessageId, "message id", MESSAGE_ID_BYTES_MAX, is_id_char, "[A-Za-z0-9_-]"
);
#[cfg(feature = "webhooks")]
text_newtype!(
    /// The owner's description of a webhook endpoint: 1 to 256 bytes without control characters.
    EndpointDescription, "description", ENDPOINT_DESCRIPTION_BYTES_MAX, is_printable, "printable characters"
);

/// Namespace of the name-based order ids.
const IDEMPOTENCY_NAMESPACE: uuid::Uuid = uuid::uuid!("6f1d3c1e-2b5a-5d0e-9a39-1f0f6c1f7a52");

impl OrderId {
    /// A new order's id: `UUIDv7` (RFC 9562) of the time and 10 random bytes.
    #[must_use]
    pub fn generate(now: Timestamp, random: [u8; 10]) -> Self {
        Self(Arc::from(uuid_v7(now, random).as_str()))
    }

    /// The id of the order that this client's `Idempotency-Key` names: `UUIDv5` of both. A retry therefore names the
    /// original order.
    #[must_use]
    pub fn from_idempotency_key(client: &str, key: &str) -> Self {
        // The length keeps ("a", "bc") and ("ab", "c") apart.
        let name = format!("{}:{client}:{key}", client.len());
        Self(Arc::from(uuid::Uuid::new_v5(&IDEMPOTENCY_NAMESPACE, name.as_bytes()).to_string()))
    }

    /// The key of the order's records in the log.
    #[must_use]
    pub fn to_key(&self) -> Bytes {
        Bytes::copy_from_slice(self.0.as_bytes())
    }

    /// The time of an id that [`OrderId::generate`] made; `None` for every other id.
    #[must_use]
    pub fn generated_at(&self) -> Option<Timestamp> {
        let id = uuid::Uuid::try_parse(&self.0).ok()?;
        let (seconds, nanos) = match id.get_version() {
            Some(uuid::Version::SortRand) => id.get_timestamp()?.to_unix(),
            _ => return None,
        };
        Some(Timestamp::from_millis(i64::try_from(seconds).ok()? * 1000 + i64::from(nanos / 1_000_000)))
    }
}

impl RequestId {
    /// A new request's id: `UUIDv7` of the time and 10 random bytes.
    #[must_use]
    pub fn generate(now: Timestamp, random: [u8; 10]) -> Self {
        Self(Arc::from(uuid_v7(now, random).as_str()))
    }

    /// The id of the request that this client's `Idempotency-Key` names for this order: `UUIDv5` of all three. A retry
    /// therefore has the id of the original request.
    #[must_use]
    pub fn from_idempotency_key(client: &str, key: &str, order_id: &OrderId) -> Self {
        // The lengths keep ("a", "bc") and ("ab", "c") apart.
        let name = format!("{}:{client}:{}:{key}:{order_id}", client.len(), key.len());
        Self(Arc::from(uuid::Uuid::new_v5(&IDEMPOTENCY_NAMESPACE, name.as_bytes()).to_string()))
    }

    /// The id of the request with this index in the reaction of `source` to a version of an order: `UUIDv5` of all four. A
    /// repeated reaction therefore has the same ids.
    #[must_use]
    pub fn of_reaction(order_id: &OrderId, version: Version, source: &str, index: usize) -> Self {
        // No order id contains a colon, and the names of clients have a length before them.
        let name = format!("reaction:{order_id}:{version}:{index}:{source}");
        Self(Arc::from(uuid::Uuid::new_v5(&IDEMPOTENCY_NAMESPACE, name.as_bytes()).to_string()))
    }
}

impl ReactorName {
    /// The channel of its deliveries: `reactor.<name>`.
    #[must_use]
    pub fn channel(&self) -> ChannelName {
        ChannelName(Arc::from(format!("reactor.{self}")))
    }

    /// The one endpoint of its channel.
    #[must_use]
    pub fn endpoint(&self) -> EndpointId {
        EndpointId(self.0.clone())
    }

    /// Who sends its requests, in facts and history: `reactor:<name>`.
    #[must_use]
    pub fn subject(&self) -> Subject {
        Subject(Arc::from(format!("reactor:{self}")))
    }
}

#[cfg(feature = "webhooks")]
impl Subject {
    /// A webhook endpoint whose reply has requests: `webhook:<id>`.
    #[must_use]
    pub fn of_webhook(id: &EndpointId) -> Self {
        Self(Arc::from(format!("webhook:{id}")))
    }
}

impl ChannelName {
    /// The channel of the webhook endpoints.
    #[must_use]
    pub fn webhooks() -> Self {
        Self(Arc::from("webhooks"))
    }

    /// Whether this is the channel of the webhook endpoints.
    #[must_use]
    pub fn is_webhooks(&self) -> bool {
        self.as_str() == "webhooks"
    }
}

impl EndpointId {
    /// Whether the id has the form of a generated one of a webhook endpoint. Receivers of other channels have none of that form.
    #[must_use]
    pub fn is_of_webhook(&self) -> bool {
        self.as_str().starts_with("we_")
    }

    /// A new endpoint's id: `we_` and the `UUIDv7` of the time and 10 random bytes, without dashes.
    #[must_use]
    pub fn generate(now: Timestamp, random: [u8; 10]) -> Self {
        Self(Arc::from(format!("we_{}", uuid_v7(now, random).replace('-', ""))))
    }

    /// The id of the endpoint that this client's `Idempotency-Key` names: `UUIDv5` of both. A retry therefore names the
    /// original endpoint.
    #[must_use]
    pub fn from_idempotency_key(client: &str, key: &str) -> Self {
        // The prefix keeps endpoints and orders of one key apart; the length keeps ("a", "bc") and ("ab", "c") apart.
        let name = format!("webhook endpoint:{}:{client}:{key}", client.len());
        let id = uuid::Uuid::new_v5(&IDEMPOTENCY_NAMESPACE, name.as_bytes());
        Self(Arc::from(format!("we_{}", id.simple())))
    }

    /// The key of the endpoint's records in the log.
    #[must_use]
    pub fn to_key(&self) -> Bytes {
        Bytes::copy_from_slice(self.0.as_bytes())
    }
}

#[cfg(feature = "webhooks")]
impl MessageId {
    /// The id of the message about this version of the order to this endpoint: the same in every attempt, also by another
    /// process, and after a redrive.
    #[must_use]
    pub fn of(order_id: &OrderId, version: Version, endpoint: &EndpointId) -> Self {
        use sha2::{Digest as _, Sha256};
        // No id contains a colon.
        let digest = Sha256::digest(format!("{order_id}:{version}:{endpoint}"));
        let hex: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        Self(Arc::from(format!("msg_{hex}")))
    }

    /// The id of a message that is about no order: `msg_` and the `UUIDv7` of the time and 10 random bytes, without dashes.
    #[must_use]
    pub fn generate(now: Timestamp, random: [u8; 10]) -> Self {
        Self(Arc::from(format!("msg_{}", uuid_v7(now, random).replace('-', ""))))
    }
}

fn uuid_v7(now: Timestamp, random: [u8; 10]) -> String {
    let millis = u64::try_from(now.as_millis()).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid().to_string()
}

macro_rules! number_newtype {
    ($(#[$meta:meta])* $name:ident, $inner:ty) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl $name {
            /// The next number. It saturates, so a number from a record cannot overflow.
            #[must_use]
            pub fn next(self) -> Self {
                Self(self.0.saturating_add(1))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

number_newtype!(
    /// A partition of the log, from 0.
    Partition, u32
);
number_newtype!(
    /// A position in a partition, from 0.
    Offset, u64
);
number_newtype!(
    /// The number of an order's facts so far: 1 for the first.
    Version, u64
);

/// Milliseconds since the Unix epoch, UTC. Its text form is RFC 3339.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From milliseconds since the Unix epoch, clamped to the range that RFC 3339 can express.
    #[must_use]
    pub fn from_millis(millis: i64) -> Self {
        // To the second: the library rejects the milliseconds of its last second.
        Self(millis.clamp(0, jiff::Timestamp::MAX.as_second() * 1000))
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub fn as_millis(self) -> i64 {
        self.0
    }

    /// The time this many milliseconds later.
    #[must_use]
    pub fn after_millis(self, millis: u64) -> Self {
        Self::from_millis(self.0.saturating_add(i64::try_from(millis).unwrap_or(i64::MAX)))
    }

    /// Milliseconds from `earlier` to this time; 0 when `earlier` is not earlier.
    #[must_use]
    pub fn millis_since(self, earlier: Self) -> u64 {
        u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = jiff::Timestamp::from_millisecond(self.0).map_err(|_| fmt::Error)?;
        write!(f, "{time:.3}")
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::str::FromStr for Timestamp {
    type Err = InvalidText;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let time: jiff::Timestamp = text.parse().map_err(|_| InvalidText {
            what: "time",
            problem: "must be an RFC 3339 time such as 2026-01-31T12:00:00Z".to_owned(),
        })?;
        Ok(Self::from_millis(time.as_millisecond()))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_ids_keep_to_their_alphabet_and_length() {
        assert!(OrderId::parse("a-B_9").is_ok());
        assert!(OrderId::parse(&"x".repeat(64)).is_ok());
        for wrong in ["", "a b", "ä", "a/b", "a.b", &"x".repeat(65)] {
            assert!(OrderId::parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn generated_ids_contain_their_time_and_others_do_not() {
        let now = Timestamp::from_millis(1_764_000_000_123);
        assert_eq!(OrderId::generate(now, [7; 10]).generated_at(), Some(now));
        assert_eq!(OrderId::from_idempotency_key("a", "b").generated_at(), None);
        assert_eq!(OrderId::parse("mine-1").unwrap().generated_at(), None);
    }

    #[test]
    fn idempotency_keys_of_two_clients_make_different_ids() {
        assert_eq!(OrderId::from_idempotency_key("a", "bc"), OrderId::from_idempotency_key("a", "bc"));
        assert_ne!(OrderId::from_idempotency_key("a", "bc"), OrderId::from_idempotency_key("ab", "c"));
    }

    #[test]
    fn times_are_rfc_3339_to_the_millisecond() {
        let time: Timestamp = "2026-11-24T05:00:00.120Z".parse().unwrap();
        assert_eq!(time.to_string(), "2026-11-24T05:00:00.120Z");
        assert_eq!("2026-11-24T06:00:00.120+01:00".parse::<Timestamp>().unwrap(), time);
        assert!("yesterday".parse::<Timestamp>().is_err());
        // A clamped time survives its text form.
        for extreme in [i64::MIN, -1, 0, i64::MAX] {
            let time = Timestamp::from_millis(extreme);
            assert_eq!(time.to_string().parse::<Timestamp>().unwrap(), time);
            assert_eq!(time.after_millis(u64::MAX), Timestamp::from_millis(i64::MAX));
        }
        assert!("9999-12-30T22:00:00.999Z".parse::<Timestamp>().unwrap().to_string().starts_with("9999"));
    }
}
