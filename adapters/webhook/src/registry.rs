//! The webhook endpoints, as the log has them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock};

use logistics_core::notify::Notification;
use logistics_core::port::PartyRole;
use logistics_core::webhook::{Endpoint, EndpointFact, EndpointId, EndpointOwner, evolve_endpoint};

/// Every endpoint, and which of them belong to an owner. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Registry(Arc<RwLock<State>>);

#[derive(Debug, Default)]
struct State {
    endpoints: BTreeMap<EndpointId, Arc<Endpoint>>,
    /// Those that are enabled.
    by_owner: BTreeMap<EndpointOwner, BTreeSet<EndpointId>>,
}

impl Registry {
    /// The endpoint, deleted ones included.
    pub(crate) fn endpoint(&self, id: &EndpointId) -> Option<Arc<Endpoint>> {
        self.read(|state| state.endpoints.get(id).cloned())
    }

    /// The endpoints that receive the notification.
    pub(crate) fn receivers(&self, notification: &Notification) -> Vec<EndpointId> {
        self.read(|state| {
            let mut owners = BTreeSet::from([EndpointOwner::Operator]);
            for recipient in &notification.recipients {
                if let (Some(role), Some(party)) = (PartyRole::of(recipient.role), &recipient.party) {
                    owners.insert(EndpointOwner::Party(role, party.clone()));
                }
            }
            let ids = owners.iter().filter_map(|owner| state.by_owner.get(owner)).flatten();
            let receives = |id: &&EndpointId| {
                state.endpoints.get(*id).is_some_and(|endpoint| endpoint.receives(notification))
            };
            ids.filter(receives).cloned().collect()
        })
    }

    /// Folds a fact. Returns the endpoint after it, or `None` if it changed nothing.
    pub(crate) fn fold(&self, fact: &EndpointFact) -> Option<Arc<Endpoint>> {
        let mut state = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let current = state.endpoints.get(&fact.endpoint_id).map(Arc::as_ref);
        let next = Arc::new(evolve_endpoint(current, fact).ok()?);
        let ids = state.by_owner.entry(next.owner.clone()).or_default();
        if next.is_enabled() {
            ids.insert(next.id.clone());
        } else {
            ids.remove(&next.id);
        }
        state.endpoints.insert(next.id.clone(), next.clone());
        Some(next)
    }

    /// The number of enabled endpoints.
    pub(crate) fn enabled(&self) -> usize {
        self.read(|state| state.by_owner.values().map(BTreeSet::len).sum())
    }

    fn read<T>(&self, read: impl FnOnce(&State) -> T) -> T {
        read(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}
