//! The fields of requests about webhook endpoints.

use std::collections::BTreeSet;

use logistics_core::port::PartyRole;
use logistics_core::webhook::{
    EndpointId, EndpointOwner, EventFilter, EventType, ReplyUse, Secret, SecretKind,
};
use logistics_core::{Actor, PartyId, Timestamp};
use logistics_service::RedriveSelection;
use serde::Deserialize;

use crate::input::fields::Fields;
use crate::input::query;
use crate::output::failure::Failure;

/// The fields of a creation.
pub(crate) const CREATE_FIELDS: &[&str] =
    &["url", "event_types", "description", "reply", "owner", "signature", "secret"];
/// The fields of a change.
pub(crate) const CHANGE_FIELDS: &[&str] = &["url", "event_types", "description", "reply"];
/// The fields of a rotation.
pub(crate) const ROTATE_FIELDS: &[&str] = &["overlap_s", "signature", "secret"];

/// The fields of a redrive.
pub(crate) const REDRIVE_FIELDS: &[&str] = &["order_id", "version", "since"];

/// The default number of endpoints on a page.
pub(crate) const PAGE_ENDPOINTS: usize = 100;
/// The maximum number of endpoints on a page.
pub(crate) const PAGE_ENDPOINTS_MAX: usize = 1000;

/// The filter; `None` where the field is missing. Null is the filter of all events.
pub(super) fn event_types(fields: &Fields<'_>) -> Result<Option<EventFilter>, Failure> {
    if !fields.has("event_types") {
        return Ok(None);
    }
    let Some(names) = fields.value::<Vec<String>>("event_types")? else { return Ok(Some(EventFilter::All)) };
    let known = |name: &String| {
        EventType::from_name(name).ok_or_else(|| {
            let all: Vec<&str> = EventType::all().map(EventType::name).collect();
            Failure::invalid("event_types", format!("each must be one of {}", all.join(", ")))
        })
    };
    let kinds: BTreeSet<EventType> = names.iter().map(known).collect::<Result<_, _>>()?;
    if kinds.is_empty() {
        let problem = "must have one type at least, or be null for all";
        return Err(Failure::invalid("event_types", problem));
    }
    Ok(Some(EventFilter::Only(kinds)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Owner {
    role: Actor,
    #[serde(default)]
    party: Option<PartyId>,
}

pub(super) fn owner(fields: &Fields<'_>) -> Result<Option<EndpointOwner>, Failure> {
    let Some(Owner { role, party }) = fields.value("owner")? else { return Ok(None) };
    match (role, PartyRole::of(role), party) {
        (Actor::Operator, _, None) => Ok(Some(EndpointOwner::Operator)),
        (_, Some(role), Some(party)) => Ok(Some(EndpointOwner::Party(role, party))),
        _ => Err(Failure::invalid("owner", "must have the role operator, or the role and the id of a party")),
    }
}

pub(super) fn reply(fields: &Fields<'_>) -> Result<Option<ReplyUse>, Failure> {
    fields.named("reply", &ReplyUse::ALL.map(ReplyUse::name), ReplyUse::from_name)
}

pub(super) fn signature(fields: &Fields<'_>) -> Result<Option<SecretKind>, Failure> {
    fields.named("signature", &SecretKind::ALL.map(SecretKind::name), SecretKind::from_name)
}

/// The error contains nothing of the text.
pub(super) fn secret(fields: &Fields<'_>) -> Result<Option<Secret>, Failure> {
    let problem = || {
        let problem = "must be whsec_ and the base64 of 24 to 64 bytes, or whsk_ and the base64 of an Ed25519 private key";
        Failure::invalid("secret", problem)
    };
    let text: Option<String> = fields.value("secret").map_err(|_| problem())?;
    text.map(|text| Secret::parse(&text).map_err(|_| problem())).transpose()
}

/// The time since which dead letters are listed, and their maximum number.
pub(super) fn dead_letters(text: &str) -> Result<(Option<Timestamp>, usize), Failure> {
    let [since, limit] = query::parse(text, ["since", "limit"])?;
    let wrong =
        |_| Failure::invalid("since", "must be a time with its offset, for example 2026-01-31T18:00:00Z");
    let since = since.as_deref().map(str::parse).transpose().map_err(wrong)?;
    Ok((since, page_length(limit.as_deref())?))
}

/// One message, or all since a time.
pub(super) fn redrive(fields: &Fields<'_>) -> Result<RedriveSelection, Failure> {
    let (order_id, version) = (fields.value("order_id")?, fields.value("version")?);
    match (order_id, version, fields.value("since")?) {
        (Some(order_id), Some(version), None) => Ok(RedriveSelection::One { order_id, version }),
        (None, None, Some(since)) => Ok(RedriveSelection::Since(since)),
        _ => Err(Failure::invalid("order_id", "must be given with version, or since alone")),
    }
}

/// The id behind which the page begins, and its length.
pub(super) fn page(text: &str) -> Result<(Option<EndpointId>, usize), Failure> {
    let [after, limit] = query::parse(text, ["after", "limit"])?;
    let limit = page_length(limit.as_deref())?;
    let wrong = |_| Failure::invalid("after", "must be the next_after of an earlier page");
    Ok((after.as_deref().map(EndpointId::parse).transpose().map_err(wrong)?, limit))
}

fn page_length(limit: Option<&str>) -> Result<usize, Failure> {
    let limit = limit.map_or(PAGE_ENDPOINTS, query::count);
    if (1..=PAGE_ENDPOINTS_MAX).contains(&limit) {
        return Ok(limit);
    }
    Err(Failure::invalid("limit", format!("must be a number from 1 to {PAGE_ENDPOINTS_MAX}")))
}
