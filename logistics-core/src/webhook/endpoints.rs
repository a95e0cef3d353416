//! All endpoints, as the fold of the log's facts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::endpoint::{Endpoint, EndpointOwner, endpoint_partition};
use super::evolve::{FactIgnored, evolve_endpoint};
use super::fact::EndpointFact;
use crate::ids::{EndpointId, Partition};
use crate::notify::Notification;
use crate::port::PartyRole;

/// Every endpoint that the log knows. Each process that manages endpoints or delivers to them folds the same facts, so all agree.
#[derive(Debug, Clone, Default)]
pub struct Endpoints {
    /// Deleted ones included: a late fact must find them.
    by_id: BTreeMap<EndpointId, Arc<Endpoint>>,
    /// Without deleted ones.
    by_owner: BTreeMap<EndpointOwner, BTreeSet<EndpointId>>,
    count: usize,
    enabled: usize,
}

impl Endpoints {
    /// Folds a fact that was read from `partition` of `partitions`. Returns the endpoint after it.
    ///
    /// # Errors
    /// [`FactIgnored`]: the fact changes nothing.
    pub fn fold(
        &mut self,
        fact: &EndpointFact,
        partition: Partition,
        partitions: u32,
    ) -> Result<Arc<Endpoint>, FactIgnored> {
        if endpoint_partition(&fact.endpoint_id, partitions) != partition {
            return Err(FactIgnored::ForeignPartition(partition));
        }
        let before = self.by_id.get(&fact.endpoint_id).map(Arc::as_ref);
        let after = Arc::new(evolve_endpoint(before, fact)?);
        let was_enabled = before.is_some_and(Endpoint::is_enabled);
        self.enabled = self.enabled - usize::from(was_enabled) + usize::from(after.is_enabled());
        let of_owner = self.by_owner.entry(after.owner.clone()).or_default();
        if after.is_deleted() {
            self.count -= usize::from(of_owner.remove(&after.id));
        } else {
            self.count += usize::from(of_owner.insert(after.id.clone()));
        }
        if of_owner.is_empty() {
            self.by_owner.remove(&after.owner);
        }
        self.by_id.insert(after.id.clone(), after.clone());
        Ok(after)
    }

    /// The endpoint, also a deleted one.
    #[must_use]
    pub fn get(&self, id: &EndpointId) -> Option<&Arc<Endpoint>> {
        self.by_id.get(id)
    }

    /// The endpoints that are not deleted, by id.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Endpoint>> {
        self.by_id.values().filter(|endpoint| !endpoint.is_deleted())
    }

    /// The endpoints that receive the notification, by owner and id.
    pub fn receivers(&self, notification: &Notification) -> impl Iterator<Item = &Arc<Endpoint>> {
        let mut owners = BTreeSet::from([EndpointOwner::Operator]);
        for recipient in &notification.recipients {
            if let (Some(role), Some(party)) = (PartyRole::of(recipient.role), &recipient.party) {
                owners.insert(EndpointOwner::Party(role, party.clone()));
            }
        }
        let ids = owners.into_iter().filter_map(|owner| self.by_owner.get(&owner)).flatten();
        ids.filter_map(|id| self.by_id.get(id)).filter(|endpoint| endpoint.receives(notification))
    }

    /// The enabled endpoints that get messages about this one: the owner's others, and those of the platform.
    pub fn told_about(&self, endpoint: &Endpoint) -> impl Iterator<Item = &Arc<Endpoint>> {
        let owners = BTreeSet::from([EndpointOwner::Operator, endpoint.owner.clone()]);
        let ids = owners.into_iter().filter_map(|owner| self.by_owner.get(&owner)).flatten();
        let id = endpoint.id.clone();
        ids.filter_map(|id| self.by_id.get(id)).filter(move |other| other.is_enabled() && other.id != id)
    }

    /// The number of endpoints that are not deleted.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// The number of enabled endpoints.
    #[must_use]
    pub fn enabled(&self) -> usize {
        self.enabled
    }

    /// The number of an owner's endpoints that are not deleted.
    #[must_use]
    pub fn count_of(&self, owner: &EndpointOwner) -> usize {
        self.by_owner.get(owner).map_or(0, BTreeSet::len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{RequestId, Timestamp, Version};
    use crate::lifecycle::{Actor, Status};
    use crate::notify::Recipient;
    use crate::webhook::{
        DisabledReason, EndpointChange, EndpointSettings, EventFilter, NewEndpoint, ReplyUse, Secret,
        SecretKind, StoredSecret,
    };

    const PARTITIONS: u32 = 4;

    fn fact(id: &str, version: u64, change: EndpointChange) -> EndpointFact {
        let (request, endpoint_id) = (RequestId::parse("r").unwrap(), id.parse().unwrap());
        let at = Timestamp::from_millis(1_790_000_000_000);
        EndpointFact { id: request, endpoint_id, version: Version(version), change, at, by: None }
    }

    fn creation(id: &str, owner: EndpointOwner) -> EndpointFact {
        let url = "https://a.example/".parse().unwrap();
        let settings = EndpointSettings {
            url,
            event_types: EventFilter::All,
            description: None,
            reply: ReplyUse::Ignored,
        };
        let secret = StoredSecret::Open(Secret::generate(SecretKind::Hmac, [1; 32]));
        fact(id, 1, EndpointChange::Created(NewEndpoint { owner, settings, secret }))
    }

    fn home(fact: &EndpointFact) -> Partition {
        endpoint_partition(&fact.endpoint_id, PARTITIONS)
    }

    fn merchant(id: &str) -> EndpointOwner {
        EndpointOwner::Party(PartyRole::Merchant, id.parse().unwrap())
    }

    #[test]
    fn counts_and_receivers_follow_the_facts() {
        let mut endpoints = Endpoints::default();
        let mut fold = |fact: EndpointFact| endpoints.fold(&fact, home(&fact), PARTITIONS).unwrap();
        fold(creation("we_1", EndpointOwner::Operator));
        fold(creation("we_2", merchant("m-1")));
        fold(creation("we_3", merchant("m-2")));
        fold(creation("we_4", merchant("m-1")));
        fold(fact("we_1", 2, EndpointChange::Disabled { reason: DisabledReason::Owner }));
        fold(fact("we_4", 2, EndpointChange::Deleted));
        assert_eq!((endpoints.count(), endpoints.enabled()), (3, 2));
        assert_eq!(endpoints.count_of(&merchant("m-1")), 1);
        assert_eq!(endpoints.iter().map(|it| it.id.as_str()).collect::<Vec<_>>(), ["we_1", "we_2", "we_3"]);
        assert!(endpoints.get(&"we_4".parse().unwrap()).unwrap().is_deleted());

        let at = Timestamp::from_millis(0);
        let mut notification = Notification::new("o1".parse().unwrap(), Version(5), Status::Delivered, at);
        notification.recipients = vec![Recipient::new(Actor::Merchant, Some("m-1".parse().unwrap()))];
        let receivers = |endpoints: &Endpoints| {
            endpoints.receivers(&notification).map(|it| it.id.as_str().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(receivers(&endpoints), ["we_2"]);
        let enabled = fact("we_1", 3, EndpointChange::Enabled);
        endpoints.fold(&enabled, home(&enabled), PARTITIONS).unwrap();
        assert_eq!(receivers(&endpoints), ["we_1", "we_2"]);
    }

    #[test]
    fn a_fact_outside_of_its_partition_changes_nothing() {
        let mut endpoints = Endpoints::default();
        let creation = creation("we_1", EndpointOwner::Operator);
        let foreign = Partition((home(&creation).0 + 1) % PARTITIONS);
        let ignored = endpoints.fold(&creation, foreign, PARTITIONS).unwrap_err();
        assert_eq!((ignored, endpoints.count()), (FactIgnored::ForeignPartition(foreign), 0));
    }
}
