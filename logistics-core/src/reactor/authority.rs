//! With whose rights reactions are requested, and their ids.

use super::reaction::Reaction;
use crate::ids::{PartyId, ReactorName, RequestId, Subject, Timestamp};
use crate::lifecycle::Actor;
use crate::limits::{REACTED_VERSION_MAX, REACTIONS_MAX};
use crate::notify::Notification;
use crate::request::{Command, Request};

/// With whose rights the requests of a reactor are decided. The table of the lifecycle says what the role may do.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Authority {
    source: String,
    actor: Actor,
    party: Option<PartyId>,
    by: Subject,
}

impl Authority {
    /// A reactor of the platform that acts in this role, on all orders. Choose the role with the fewest rights that suffice:
    /// a merchant confirms, prepares, cancels and assigns. [`Actor::System`] has no rights here.
    #[must_use]
    pub fn of_reactor(name: &ReactorName, actor: Actor) -> Self {
        Self { source: name.channel().as_str().to_owned(), actor, party: None, by: name.subject() }
    }

    /// Restricts the requests to the orders of this party in the role.
    #[must_use]
    pub fn with_party(mut self, party: PartyId) -> Self {
        self.party = Some(party);
        self
    }

    /// A webhook endpoint, with the rights of its owner: an operator, or a party on its own orders.
    #[cfg(feature = "webhooks")]
    #[must_use]
    pub fn of_endpoint(id: &crate::ids::EndpointId, owner: &crate::webhook::EndpointOwner) -> Self {
        Self {
            source: format!("webhook.{id}"),
            actor: owner.role(),
            party: owner.party().cloned(),
            by: Subject::of_webhook(id),
        }
    }
}

/// Reactions cannot be requested.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidReaction {
    /// There are too many.
    #[error("a reactor answered with {0} requests; the limit is {REACTIONS_MAX}")]
    TooMany(usize),
    /// The order has too many facts already.
    #[error("a reactor answered to fact {0} of the order; answers count up to fact {REACTED_VERSION_MAX}")]
    TooManyFacts(u64),
    /// One places an order.
    #[error("a reactor may not place orders: its requests are about the order of the notification")]
    Placement,
}

/// The requests of these reactions to a notification. The same arguments make the same ids, so a repeated request whose first copy
/// changed the order changes nothing.
///
/// # Errors
/// [`InvalidReaction`] for more than [`REACTIONS_MAX`], a placement, or an order with more than [`REACTED_VERSION_MAX`] facts: an
/// answer that causes the next one would never end.
pub fn requests(
    authority: &Authority,
    notification: &Notification,
    reactions: Vec<Reaction>,
    now: Timestamp,
) -> Result<Vec<Request>, InvalidReaction> {
    if reactions.len() > REACTIONS_MAX {
        return Err(InvalidReaction::TooMany(reactions.len()));
    }
    if !reactions.is_empty() && notification.version.0 > REACTED_VERSION_MAX {
        return Err(InvalidReaction::TooManyFacts(notification.version.0));
    }
    if reactions.iter().any(|reaction| matches!(reaction.command, Command::Place(_))) {
        return Err(InvalidReaction::Placement);
    }
    let request = |(index, reaction): (usize, Reaction)| {
        let Reaction { command, expected_version, reason } = reaction;
        let order_id = notification.order_id.clone();
        let id = RequestId::of_reaction(&order_id, notification.version, &authority.source, index);
        let mut request = Request::new(id, order_id, authority.actor, command, now);
        request.by = Some(authority.by.clone());
        request.party.clone_from(&authority.party);
        (request.expected_version, request.reason) = (expected_version, reason);
        request.trace.clone_from(&notification.trace);
        request
    };
    Ok(reactions.into_iter().enumerate().map(request).collect())
}
