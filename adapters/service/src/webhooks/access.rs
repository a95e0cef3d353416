//! Who manages which endpoint.

use std::sync::Arc;

use logistics_core::port::PartyRole;
use logistics_core::webhook::{Endpoint, EndpointId, EndpointOwner};

use super::Webhooks;
use super::error::WebhookError;
use crate::error::ServiceError;
use crate::principal::Principal;

/// The roles of parties that may have endpoints.
const ROLES: [PartyRole; 2] = [PartyRole::Merchant, PartyRole::Courier];

/// The owners whose endpoints the principal manages; `None`: all.
///
/// # Errors
/// `Forbidden` for a principal that manages none.
pub(super) fn managed(principal: &Principal) -> Result<Option<Vec<EndpointOwner>>, WebhookError> {
    if principal.is_operator() {
        return Ok(None);
    }
    let own = |role: PartyRole| {
        let party = principal.party(role.actor())?;
        Some(EndpointOwner::Party(role, party.clone()))
    };
    let owners: Vec<_> = ROLES.into_iter().filter_map(own).collect();
    if owners.is_empty() { Err(ServiceError::Forbidden.into()) } else { Ok(Some(owners)) }
}

/// The owner of a new endpoint: the named one, or the only one that the principal manages.
///
/// # Errors
/// `ForeignParty` for another party; `Forbidden` for a customer; `Invalid` if the principal manages several and names none.
pub(super) fn owner_of_new(
    principal: &Principal,
    named: Option<EndpointOwner>,
) -> Result<EndpointOwner, WebhookError> {
    let managed = managed(principal)?;
    if matches!(named, Some(EndpointOwner::Party(PartyRole::Customer, _))) {
        return Err(WebhookError::invalid("owner", "must be an operator, a merchant or a courier"));
    }
    match (managed, named) {
        (None, named) => Ok(named.unwrap_or(EndpointOwner::Operator)),
        (Some(owners), Some(named)) if owners.contains(&named) => Ok(named),
        (Some(_), Some(_)) => Err(ServiceError::ForeignParty { field: "owner" }.into()),
        (Some(mut owners), None) => match (owners.pop(), owners.is_empty()) {
            (Some(owner), true) => Ok(owner),
            _ => Err(WebhookError::invalid("owner", "is missing; this principal has several roles")),
        },
    }
}

impl Webhooks {
    /// The endpoint, if the principal manages it.
    pub(super) fn own(&self, principal: &Principal, id: &EndpointId) -> Result<Arc<Endpoint>, WebhookError> {
        let managed = managed(principal)?;
        self.ready()?;
        let endpoint = self.0.registry.endpoint(id).filter(|endpoint| !endpoint.is_deleted());
        let is_managed =
            |endpoint: &Arc<Endpoint>| managed.as_ref().is_none_or(|own| own.contains(&endpoint.owner));
        endpoint.filter(is_managed).ok_or(WebhookError::NotFound)
    }

    /// Checks that the principal may see what became of the deliveries to an endpoint that it manages or, if it is an operator, to a
    /// receiver of another channel, such as the e-mails.
    pub(super) fn observable(&self, principal: &Principal, id: &EndpointId) -> Result<(), WebhookError> {
        if managed(principal)?.is_none() && self.0.deliveries.channel_of(id).is_some() {
            return Ok(());
        }
        self.own(principal, id).map(drop)
    }

    /// # Errors
    /// `NotReady` until all facts are read: a missing endpoint may exist.
    pub(super) fn ready(&self) -> Result<(), WebhookError> {
        if self.0.registry.is_ready() { Ok(()) } else { Err(WebhookError::NotReady) }
    }
}
