//! Flags of the subcommands of `webhooks`.

use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use logistics_cli_kit::{Failure, Span};
use logistics_core::port::PartyRole;
use logistics_core::webhook::{
    EndpointDescription, EndpointId, EndpointOwner, EndpointUrl, EventType, ReplyUse, SecretKind,
};
use logistics_core::{OrderId, Timestamp};
use serde_json::{Value, json};

use super::secret_in;
use crate::client::ClientArgs;

/// The first part of every event type, which may be omitted.
const EVENT_PREFIX: &str = "logistics.order.";

/// Flags of `webhooks create`.
#[derive(Args, Debug)]
pub(super) struct CreateArgs {
    /// Where to send
    #[arg(value_name = "URL")]
    pub(super) endpoint_url: EndpointUrl,
    #[command(flatten)]
    pub(super) settings: SettingsArgs,
    /// The owner: `operator`, `merchant:ID` or `courier:ID` [default: by the credential; operator without one]
    #[arg(long, value_name = "ROLE[:ID]")]
    pub(super) owner: Option<OwnerArg>,
    #[command(flatten)]
    pub(super) secret: SecretArgs,
    /// Identifies a repetition, which prints the original endpoint
    #[arg(long, value_name = "KEY")]
    pub(super) idempotency_key: Option<String>,
    #[command(flatten)]
    pub(super) client: ClientArgs,
}

/// Flags of `webhooks change`.
#[derive(Args, Debug)]
pub(super) struct ChangeArgs {
    #[command(flatten)]
    pub(super) one: VersionedArgs,
    /// Where to send
    #[arg(long = "to", value_name = "URL")]
    pub(super) endpoint_url: Option<EndpointUrl>,
    #[command(flatten)]
    pub(super) settings: SettingsArgs,
    /// Send every event that the owner may receive
    #[arg(long, conflicts_with = "events")]
    pub(super) all_events: bool,
    /// Remove the description
    #[arg(long, conflicts_with = "description")]
    pub(super) no_description: bool,
}

/// Flags of `webhooks rotate`.
#[derive(Args, Debug)]
pub(super) struct RotateArgs {
    #[command(flatten)]
    pub(super) one: VersionedArgs,
    /// How long the previous secret signs as well, at most 168h [default: 24h]
    #[arg(long, value_name = "TIME")]
    pub(super) overlap: Option<Span>,
    #[command(flatten)]
    pub(super) secret: SecretArgs,
}

/// An endpoint.
#[derive(Args, Debug)]
pub(super) struct OneArgs {
    /// The endpoint
    #[arg(value_name = "ENDPOINT_ID")]
    pub(super) id: EndpointId,
    #[command(flatten)]
    pub(super) client: ClientArgs,
}

/// Flags of `webhooks dead-letters`.
#[derive(Args, Debug)]
pub(super) struct DeadLettersArgs {
    #[command(flatten)]
    pub(super) one: OneArgs,
    /// Only messages that were given up at or after this time, for example 2026-01-31T18:00:00Z
    #[arg(long, value_name = "TIME")]
    pub(super) since: Option<Timestamp>,
    /// Maximum number of messages
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub(super) limit: u64,
}

/// Flags of `webhooks redrive`.
#[derive(Args, Debug)]
pub(super) struct RedriveArgs {
    #[command(flatten)]
    pub(super) one: OneArgs,
    /// The order of one message
    #[arg(long, value_name = "ORDER_ID", requires = "order_version", required_unless_present = "since")]
    order: Option<OrderId>,
    /// The version of the order's fact
    #[arg(long, value_name = "VERSION", requires = "order")]
    order_version: Option<u64>,
    /// All messages that were given up at or after this time
    #[arg(long, value_name = "TIME", conflicts_with = "order")]
    since: Option<Timestamp>,
}

impl RedriveArgs {
    /// The body of the request.
    pub(super) fn body(&self) -> Value {
        match &self.order {
            Some(order) => json!({ "order_id": order, "version": self.order_version }),
            None => json!({ "since": self.since }),
        }
    }
}

/// An endpoint, perhaps with its version.
#[derive(Args, Debug)]
pub(super) struct VersionedArgs {
    /// The endpoint
    #[arg(value_name = "ENDPOINT_ID")]
    pub(super) id: EndpointId,
    /// Request it only if the endpoint still has this version
    #[arg(long, value_name = "VERSION")]
    pub(super) if_version: Option<u64>,
    #[command(flatten)]
    pub(super) client: ClientArgs,
}

/// What the owner of an endpoint chooses.
#[derive(Args, Debug)]
pub(super) struct SettingsArgs {
    /// Send events of this type, for example `delivered` or `late`; may be repeated [default: all]
    #[arg(long = "event", value_name = "TYPE", value_parser = event(), ignore_case = true)]
    events: Vec<EventType>,
    /// What the endpoint is for
    #[arg(long)]
    description: Option<EndpointDescription>,
    /// What the body of the endpoint's reply is: nothing, or requests about the order with the rights of its owner [default: ignored]
    #[arg(long, value_name = "USE", value_parser = reply())]
    reply: Option<ReplyUse>,
}

impl SettingsArgs {
    /// Adds the given ones to the body of a request.
    pub(super) fn put(&self, body: &mut Value) {
        if !self.events.is_empty() {
            body["event_types"] = self.events.iter().map(|event| event.name()).collect();
        }
        if let Some(description) = &self.description {
            body["description"] = description.as_str().into();
        }
        if let Some(reply) = self.reply {
            body["reply"] = reply.name().into();
        }
    }
}

/// The secret of a creation or a rotation.
#[derive(Args, Debug)]
pub(super) struct SecretArgs {
    /// How messages are signed: with a shared secret, or with a key pair [default: hmac-sha256, or as before]
    #[arg(long, value_name = "KIND", value_parser = signature())]
    signature: Option<SecretKind>,
    /// A file with a secret that the receiver has already, whsec_ or whsk_ [default: the server makes one]
    #[arg(long, value_name = "FILE", conflicts_with = "signature")]
    secret_file: Option<PathBuf>,
}

impl SecretArgs {
    /// Adds the given ones to the body of a request.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub(super) fn put(&self, body: &mut Value) -> Result<(), Failure> {
        if let Some(kind) = self.signature {
            body["signature"] = kind.name().into();
        }
        if let Some(file) = &self.secret_file {
            body["secret"] = secret_in(file)?.into();
        }
        Ok(())
    }
}

/// An owner as a flag.
#[derive(Debug, Clone)]
pub(super) struct OwnerArg(EndpointOwner);

impl OwnerArg {
    pub(super) fn to_json(&self) -> Value {
        match self.0.party() {
            Some(party) => json!({ "role": self.0.role().name(), "party": party.as_str() }),
            None => json!({ "role": self.0.role().name() }),
        }
    }
}

impl FromStr for OwnerArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "operator" {
            return Ok(Self(EndpointOwner::Operator));
        }
        let wrong = || "must be operator, merchant:ID or courier:ID".to_owned();
        let (role, id) = text.split_once(':').ok_or_else(wrong)?;
        let role = PartyRole::ALL.into_iter().find(|known| known.name() == role).ok_or_else(wrong)?;
        id.parse().map(|id| Self(EndpointOwner::Party(role, id))).map_err(|error| format!("{error}"))
    }
}

fn event() -> impl TypedValueParser<Value = EventType> {
    let short = |kind: EventType| kind.name().strip_prefix(EVENT_PREFIX).unwrap_or(kind.name());
    PossibleValuesParser::new(EventType::all().map(short).collect::<Vec<_>>()).try_map(|name| {
        EventType::from_name(&format!("{EVENT_PREFIX}{}", name.to_ascii_lowercase()))
            .ok_or("unknown event type")
    })
}

fn reply() -> impl TypedValueParser<Value = ReplyUse> {
    PossibleValuesParser::new(ReplyUse::ALL.map(ReplyUse::name))
        .try_map(|name| ReplyUse::from_name(&name).ok_or("unknown use"))
}

fn signature() -> impl TypedValueParser<Value = SecretKind> {
    PossibleValuesParser::new(SecretKind::ALL.map(SecretKind::name))
        .try_map(|name| SecretKind::from_name(&name).ok_or("unknown kind"))
}
