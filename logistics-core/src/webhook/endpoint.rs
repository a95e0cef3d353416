//! A webhook endpoint, as the fold of its facts.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::event_type::{EventFilter, EventType};
use super::secret::{Secret, StoredSecret};
use super::url::EndpointUrl;
use crate::ids::{EndpointDescription, EndpointId, Partition, PartyId, Timestamp, Version};
use crate::lifecycle::Actor;
use crate::named::named;
use crate::notify::Notification;
use crate::partitioner::partition_of_key;
use crate::port::PartyRole;

/// The partition of an endpoint's facts among `partitions`: that of its id as a key.
#[must_use]
pub fn endpoint_partition(id: &EndpointId, partitions: u32) -> Partition {
    partition_of_key(id.as_str(), partitions)
}

/// Who owns an endpoint, which determines the events that it may receive.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EndpointOwner {
    /// The platform: every notification, whatever its recipients are.
    Operator,
    /// A party: the notifications that it is a recipient of.
    Party(PartyRole, PartyId),
}

impl EndpointOwner {
    /// The role, for example `merchant`.
    #[must_use]
    pub fn role(&self) -> Actor {
        match self {
            EndpointOwner::Operator => Actor::Operator,
            EndpointOwner::Party(role, _) => role.actor(),
        }
    }

    /// The party; `None` for an operator.
    #[must_use]
    pub fn party(&self) -> Option<&PartyId> {
        match self {
            EndpointOwner::Operator => None,
            EndpointOwner::Party(_, id) => Some(id),
        }
    }

    /// Whether the owner may receive the notification.
    #[must_use]
    pub fn receives(&self, notification: &Notification) -> bool {
        match self {
            EndpointOwner::Operator => true,
            EndpointOwner::Party(role, id) => {
                let mut recipients = notification.recipients.iter();
                recipients
                    .any(|recipient| recipient.role == role.actor() && recipient.party.as_ref() == Some(id))
            }
        }
    }
}

impl fmt::Display for EndpointOwner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EndpointOwner::Operator => f.write_str("operator"),
            EndpointOwner::Party(role, id) => write!(f, "{} {id}", role.name()),
        }
    }
}

named! {
    /// What the body of an endpoint's reply is.
    #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
    #[serde(rename_all = "lowercase")]
    #[non_exhaustive]
    pub enum ReplyUse {
        /// Nothing: only the status counts.
        #[default]
        Ignored => "ignored",
        /// Requests about the order, with the rights of the endpoint's owner ([`parse_reply`](crate::reactor::parse_reply)). A reply
        /// that cannot be read is a failed attempt.
        Requests => "requests",
    }
    /// The name in records and the API.
    pub fn name;
}

impl ReplyUse {
    /// The use with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.name() == name)
    }

    fn is_ignored(&self) -> bool {
        *self == Self::Ignored
    }
}

/// What the owner of an endpoint chooses.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct EndpointSettings {
    /// Where to send.
    pub url: EndpointUrl,
    /// What to send.
    #[serde(default)]
    pub event_types: EventFilter,
    /// What the endpoint is for. Clients write it: escape it for an output's format.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<EndpointDescription>,
    /// What the body of its reply is. Releases before this setting ignore the body.
    #[serde(default, skip_serializing_if = "ReplyUse::is_ignored")]
    pub reply: ReplyUse,
}

named! {
    /// Why an endpoint is disabled.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
    #[serde(rename_all = "lowercase")]
    #[non_exhaustive]
    pub enum DisabledReason {
        /// Its owner or an operator disabled it.
        Owner => "owner",
        /// It answered 410 Gone.
        Gone => "gone",
        /// It failed for days, and for nothing else.
        Failing => "failing",
    }
    /// The name in records and the API.
    pub fn name;
}

/// Whether an endpoint receives events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EndpointState {
    /// It receives events.
    Enabled,
    /// It receives none until it is enabled again.
    Disabled {
        /// Why.
        reason: DisabledReason,
        /// When.
        since: Timestamp,
    },
    /// It receives none any more. Only its id and version matter: a late fact does not revive it.
    Deleted,
}

/// A secret of an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointSecret {
    /// The secret.
    pub secret: StoredSecret,
    /// Until when it signs; `None`: it is the newest one.
    pub valid_until: Option<Timestamp>,
}

/// A webhook endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Endpoint {
    /// Its id.
    pub id: EndpointId,
    /// The number of its facts so far that changed it.
    pub version: Version,
    /// Its owner.
    pub owner: EndpointOwner,
    /// What the owner chose.
    pub settings: EndpointSettings,
    /// Whether it receives events.
    pub state: EndpointState,
    /// Its secrets, the newest first: one, or two for some time after a rotation. None after its deletion.
    pub secrets: Vec<EndpointSecret>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it changed last.
    pub changed_at: Timestamp,
}

impl Endpoint {
    /// It receives events.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.state == EndpointState::Enabled
    }

    /// It is deleted.
    #[must_use]
    pub fn is_deleted(&self) -> bool {
        self.state == EndpointState::Deleted
    }

    /// It is enabled, its owner may receive the notification, and its filter matches. A revocation of tracking links is no event.
    #[must_use]
    pub fn receives(&self, notification: &Notification) -> bool {
        self.is_enabled()
            && !notification.tracking_revoked
            && self.settings.event_types.matches(EventType::of(notification))
            && self.owner.receives(notification)
    }

    /// The secrets that sign at this time, the newest first. A sealed one is left out; if there is no other, the message must
    /// not be sent.
    pub fn signing_secrets(&self, now: Timestamp) -> impl Iterator<Item = &Secret> {
        let valid = move |secret: &&EndpointSecret| secret.valid_until.is_none_or(|until| now < until);
        self.secrets.iter().filter(valid).filter_map(|secret| secret.secret.open())
    }
}
