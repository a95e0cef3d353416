//! Owners' records with a status that this build does not know: a newer release wrote them.
//!
//! Looked for only in records that cannot be read, so readable records cost nothing.

use std::borrow::Cow;

use serde::Deserialize;

use super::envelope::Envelope;
use super::{fact, outcome};
use crate::lifecycle::Status;

/// Longer names are no status of any release.
const STATUS_NAME_BYTES_MAX: usize = 32;

/// The statuses that a record of an owner names, besides the derived lists.
#[derive(Deserialize)]
struct Named<'a> {
    #[serde(borrow, default)]
    status: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    rejection: Option<NamedInRejection<'a>>,
}

#[derive(Deserialize)]
struct NamedInRejection<'a> {
    #[serde(borrow, default)]
    current: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    requested: Option<Cow<'a, str>>,
}

/// The unknown status of a fact or an outcome of type `kind`. The type of a fact that enters a status follows from the
/// status's name. A record with another type is not of a newer release.
pub(super) fn status(envelope: &Envelope<'_>, kind: &str) -> Option<String> {
    let name = status_of(envelope)?;
    let keeps_status = [fact::LATE, fact::ASSIGNED, fact::UNASSIGNED, fact::TRACKING_REVOKED];
    let is_known_type = keeps_status.contains(&kind) || outcome::TYPES.contains(&kind);
    (is_known_type || kind == fact_type_of(&name)).then_some(name)
}

/// The first status in the record's data that this build does not know.
pub(super) fn status_of(envelope: &Envelope<'_>) -> Option<String> {
    let Named { status, rejection } = envelope.data().ok()?;
    let (current, requested) = rejection.map_or((None, None), |named| (named.current, named.requested));
    let names = [status, current, requested].into_iter().flatten();
    names.filter(|name| is_name(name)).find(|name| Status::from_name(name).is_none()).map(Cow::into_owned)
}

/// The type of the fact that an order entered a status of this name.
pub(super) fn fact_type_of(name: &str) -> String {
    format!("logistics.order.{}", name.to_ascii_lowercase().replace('_', "-"))
}

/// The text can be a status's name: upper-case letters and underscores.
fn is_name(text: &str) -> bool {
    (1..=STATUS_NAME_BYTES_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
}
