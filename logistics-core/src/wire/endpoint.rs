//! Facts about webhook endpoints as records of the topic `webhook_endpoints`.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::RecordError;
use super::envelope::{Envelope, Head, encode as encode_envelope, field, invalid, missing};
use super::signing::LogKeys;
use crate::ids::{EndpointId, Partition, PartyId, Subject, Timestamp, Version};
use crate::lifecycle::Actor;
use crate::limits::RECORD_BYTES_MAX;
use crate::port::PartyRole;
use crate::webhook::{
    DisabledReason, EndpointChange, EndpointFact, EndpointOwner, EndpointSettings, NewEndpoint, StoredSecret,
};

/// The schema of `data` in records about webhook endpoints; the number is the major version.
pub const ENDPOINT_SCHEMA: &str = "urn:logistics:webhook-endpoint:1";
const SCHEMA_FAMILY: &str = "urn:logistics:webhook-endpoint:";
const SOURCE: &str = "/logistics/webhooks";
const TYPE_PREFIX: &str = "logistics.webhook.endpoint.";

#[derive(Serialize)]
struct Written<'a> {
    endpoint_id: &'a EndpointId,
    version: Version,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<&'a Subject>,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<WrittenOwner<'a>>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    settings: Option<&'a EndpointSettings>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<DisabledReason>,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<&'a StoredSecret>,
    #[serde(skip_serializing_if = "Option::is_none")]
    old_valid_until: Option<Timestamp>,
}

#[derive(Serialize)]
struct WrittenOwner<'a> {
    role: Actor,
    #[serde(skip_serializing_if = "Option::is_none")]
    party: Option<&'a PartyId>,
}

/// Writes a fact about a webhook endpoint.
#[must_use]
pub fn encode_endpoint_fact(fact: &EndpointFact) -> Bytes {
    let EndpointFact { id, endpoint_id, version, change, at, by } = fact;
    let mut data = Written {
        endpoint_id,
        version: *version,
        by: by.as_ref(),
        owner: None,
        settings: None,
        reason: None,
        secret: None,
        old_valid_until: None,
    };
    match change {
        EndpointChange::Created(NewEndpoint { owner, settings, secret }) => {
            data.owner = Some(WrittenOwner { role: owner.role(), party: owner.party() });
            (data.settings, data.secret) = (Some(settings), Some(secret));
        }
        EndpointChange::Changed(settings) => data.settings = Some(settings),
        EndpointChange::Disabled { reason } => data.reason = Some(*reason),
        EndpointChange::SecretRotated { secret, old_valid_until } => {
            (data.secret, data.old_valid_until) = (Some(secret), Some(*old_valid_until));
        }
        EndpointChange::Enabled | EndpointChange::Deleted => {}
    }
    let head = Head {
        source: SOURCE,
        kind: type_of(change),
        dataschema: ENDPOINT_SCHEMA,
        id,
        subject: Some(endpoint_id.as_str()),
        time: *at,
        traceparent: None,
    };
    encode_envelope(head, data)
}

fn type_of(change: &EndpointChange) -> &'static str {
    match change {
        EndpointChange::Created(_) => "logistics.webhook.endpoint.created",
        EndpointChange::Changed(_) => "logistics.webhook.endpoint.changed",
        EndpointChange::Enabled => "logistics.webhook.endpoint.enabled",
        EndpointChange::Disabled { .. } => "logistics.webhook.endpoint.disabled",
        EndpointChange::SecretRotated { .. } => "logistics.webhook.endpoint.secret-rotated",
        EndpointChange::Deleted => "logistics.webhook.endpoint.deleted",
    }
}

#[derive(Deserialize)]
struct Read {
    endpoint_id: EndpointId,
    version: Version,
    #[serde(default)]
    by: Option<Subject>,
    #[serde(default)]
    owner: Option<ReadOwner>,
    #[serde(default)]
    reason: Option<DisabledReason>,
    #[serde(default)]
    secret: Option<StoredSecret>,
    #[serde(default)]
    old_valid_until: Option<Timestamp>,
}

#[derive(Deserialize)]
struct ReadOwner {
    role: Actor,
    #[serde(default)]
    party: Option<PartyId>,
}

impl ReadOwner {
    fn owner(self) -> Result<EndpointOwner, RecordError> {
        match (self.role, PartyRole::of(self.role), self.party) {
            (Actor::Operator, _, None) => Ok(EndpointOwner::Operator),
            (_, Some(role), Some(party)) => Ok(EndpointOwner::Party(role, party)),
            _ => Err(invalid("owner", "must be an operator, or a party with its id")),
        }
    }
}

/// Reads a record of this partition of the topic `webhook_endpoints`. With keys, only records that one of them signed count: who can
/// only write to the topic makes no endpoint.
///
/// # Errors
/// As [`decode_endpoint_fact`], and [`RecordError::Unsigned`].
pub fn decode_signed_endpoint_fact(
    payload: &[u8],
    partition: Partition,
    keys: Option<&LogKeys>,
) -> Result<EndpointFact, RecordError> {
    if keys.is_some_and(|keys| !keys.verifies_input(partition, payload)) {
        return Err(RecordError::Unsigned);
    }
    decode_endpoint_fact(payload)
}

/// Reads a record of the topic `webhook_endpoints`, signed or not. Errors contain no secret.
///
/// # Errors
/// [`RecordError`]. After [`RecordError::NewerVersion`] the state of the endpoint is unknown, so a reader must not go on.
pub fn decode_endpoint_fact(payload: &[u8]) -> Result<EndpointFact, RecordError> {
    if payload.len() > RECORD_BYTES_MAX {
        return Err(RecordError::TooLong(payload.len()));
    }
    let envelope = Envelope::parse(payload)?;
    check_schema(&envelope)?;
    let kind = envelope.kind()?;
    let Some(kind) = kind.strip_prefix(TYPE_PREFIX) else {
        return Err(RecordError::Foreign(format!("type {kind}")));
    };
    let data: Read = envelope.data()?;
    let at = envelope.time()?.ok_or_else(|| missing("time"))?;
    let settings = || envelope.data::<EndpointSettings>();
    let change = match kind {
        "created" => EndpointChange::Created(NewEndpoint {
            owner: data.owner.ok_or_else(|| missing("owner"))?.owner()?,
            settings: settings()?,
            secret: data.secret.ok_or_else(|| missing("secret"))?,
        }),
        "changed" => EndpointChange::Changed(settings()?),
        "enabled" => EndpointChange::Enabled,
        "disabled" => EndpointChange::Disabled { reason: data.reason.ok_or_else(|| missing("reason"))? },
        "secret-rotated" => EndpointChange::SecretRotated {
            secret: data.secret.ok_or_else(|| missing("secret"))?,
            old_valid_until: data.old_valid_until.ok_or_else(|| missing("old_valid_until"))?,
        },
        "deleted" => EndpointChange::Deleted,
        other => return Err(RecordError::Foreign(format!("type {TYPE_PREFIX}{other}"))),
    };
    let Read { endpoint_id, version, by, .. } = data;
    Ok(EndpointFact { id: envelope.id()?, endpoint_id, version, change, at, by })
}

fn check_schema(envelope: &Envelope<'_>) -> Result<(), RecordError> {
    let specversion: Option<String> = field(envelope.specversion, "specversion")?;
    match specversion.as_deref() {
        Some("1.0") => {}
        Some(other) => return Err(RecordError::UnsupportedVersion(format!("specversion {other}"))),
        None => return Err(missing("specversion")),
    }
    let schema: Option<String> = field(envelope.dataschema, "dataschema")?;
    match schema {
        Some(schema) if schema == ENDPOINT_SCHEMA => Ok(()),
        Some(schema) => match schema.strip_prefix(SCHEMA_FAMILY).map(str::parse::<u64>) {
            Some(Ok(major)) if major > 1 => Err(RecordError::NewerVersion(schema)),
            _ => Err(RecordError::UnsupportedVersion(format!("dataschema {schema}"))),
        },
        None => Err(missing("dataschema")),
    }
}
