//! The fold of an endpoint's facts.

use super::endpoint::{Endpoint, EndpointSecret, EndpointState};
use super::fact::{EndpointChange, EndpointFact, NewEndpoint};
use crate::ids::{EndpointId, Partition, Version};
use crate::limits::WEBHOOK_OVERLAP_MS_MAX;

/// Why a fact changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum FactIgnored {
    /// Another fact made this version first, or the writer read an older state.
    #[error("the fact makes version {fact}, and the endpoint has version {current}")]
    Stale {
        /// The version in the fact.
        fact: Version,
        /// The endpoint's version; 0 if there is no such endpoint.
        current: Version,
    },
    /// The fact names another endpoint than the state.
    #[error("the fact is about endpoint {0}")]
    OtherEndpoint(EndpointId),
    /// The fact is in this partition, which is not its endpoint's.
    #[error("the fact is in partition {0}, which is another endpoint's")]
    ForeignPartition(Partition),
    /// The endpoint is deleted.
    #[error("the endpoint is deleted")]
    Deleted,
    /// The change is impossible in this state.
    #[error("the change is impossible: {0}")]
    Invalid(&'static str),
}

/// The endpoint after the fact. The same facts in the same order give the same endpoint in every process, whatever its clock.
///
/// # Errors
/// [`FactIgnored`]: the fact changes nothing, and the endpoint keeps its state. Give it back by cloning it before, or fold a
/// reference: the state is only read.
pub fn evolve_endpoint(current: Option<&Endpoint>, fact: &EndpointFact) -> Result<Endpoint, FactIgnored> {
    let version = current.map_or(Version(0), |endpoint| endpoint.version);
    if let Some(endpoint) = current {
        if endpoint.id != fact.endpoint_id {
            return Err(FactIgnored::OtherEndpoint(fact.endpoint_id.clone()));
        }
        if endpoint.is_deleted() {
            return Err(FactIgnored::Deleted);
        }
    }
    if fact.version != version.next() {
        return Err(FactIgnored::Stale { fact: fact.version, current: version });
    }
    match (current, &fact.change) {
        (None, EndpointChange::Created(new)) => Ok(created(fact, new)),
        (None, _) => Err(FactIgnored::Invalid("there is no such endpoint")),
        (Some(_), EndpointChange::Created(_)) => Err(FactIgnored::Invalid("the endpoint exists")),
        (Some(endpoint), change) => {
            let mut next = endpoint.clone();
            apply(&mut next, change, fact)?;
            (next.version, next.changed_at) = (fact.version, fact.at.max(endpoint.changed_at));
            Ok(next)
        }
    }
}

fn created(fact: &EndpointFact, new: &NewEndpoint) -> Endpoint {
    Endpoint {
        id: fact.endpoint_id.clone(),
        version: fact.version,
        owner: new.owner.clone(),
        settings: new.settings.clone(),
        state: EndpointState::Enabled,
        secrets: vec![EndpointSecret { secret: new.secret.clone(), valid_until: None }],
        created_at: fact.at,
        changed_at: fact.at,
    }
}

fn apply(endpoint: &mut Endpoint, change: &EndpointChange, fact: &EndpointFact) -> Result<(), FactIgnored> {
    match change {
        // The caller has handled it.
        EndpointChange::Created(_) => return Err(FactIgnored::Invalid("the endpoint exists")),
        EndpointChange::Changed(settings) => endpoint.settings = settings.clone(),
        EndpointChange::Enabled if endpoint.is_enabled() => {
            return Err(FactIgnored::Invalid("the endpoint is enabled already"));
        }
        EndpointChange::Enabled => endpoint.state = EndpointState::Enabled,
        EndpointChange::Disabled { .. } if !endpoint.is_enabled() => {
            return Err(FactIgnored::Invalid("the endpoint is disabled already"));
        }
        EndpointChange::Disabled { reason } => {
            endpoint.state = EndpointState::Disabled { reason: *reason, since: fact.at };
        }
        EndpointChange::SecretRotated { secret, old_valid_until } => {
            if *old_valid_until > fact.at.after_millis(WEBHOOK_OVERLAP_MS_MAX) {
                return Err(FactIgnored::Invalid("the previous secret would sign for too long"));
            }
            endpoint.secrets.truncate(1);
            endpoint.secrets.iter_mut().for_each(|old| old.valid_until = Some(*old_valid_until));
            endpoint.secrets.insert(0, EndpointSecret { secret: secret.clone(), valid_until: None });
        }
        EndpointChange::Deleted => {
            endpoint.state = EndpointState::Deleted;
            endpoint.secrets.clear();
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{RequestId, Timestamp};
    use crate::lifecycle::{Actor, Status};
    use crate::notify::{Notification, Recipient};
    use crate::port::PartyRole;
    use crate::webhook::{
        DisabledReason, EndpointOwner, EndpointSettings, EventFilter, EventType, ReplyUse, Secret,
        SecretKind, StoredSecret,
    };

    const HOUR_MS: u64 = 60 * 60 * 1000;

    fn at(hours: u64) -> Timestamp {
        Timestamp::from_millis(1_790_000_000_000).after_millis(hours * HOUR_MS)
    }

    fn secret(n: u8) -> StoredSecret {
        StoredSecret::Open(Secret::generate(SecretKind::Hmac, [n; 32]))
    }

    fn settings(url: &str) -> EndpointSettings {
        let url = url.parse().unwrap();
        EndpointSettings { url, event_types: EventFilter::All, description: None, reply: ReplyUse::Ignored }
    }

    fn fact(version: u64, change: EndpointChange) -> EndpointFact {
        let (id, endpoint_id) = (RequestId::parse("r").unwrap(), "we_1".parse().unwrap());
        EndpointFact { id, endpoint_id, version: Version(version), change, at: at(version), by: None }
    }

    fn creation(owner: EndpointOwner) -> EndpointFact {
        let settings = settings("https://a.example/");
        fact(1, EndpointChange::Created(NewEndpoint { owner, settings, secret: secret(1) }))
    }

    fn merchant(id: &str) -> EndpointOwner {
        EndpointOwner::Party(PartyRole::Merchant, id.parse().unwrap())
    }

    /// The state after the facts, and which of them were ignored.
    fn fold(facts: &[EndpointFact]) -> (Option<Endpoint>, Vec<Option<FactIgnored>>) {
        let (mut endpoint, mut ignored) = (None, Vec::new());
        for fact in facts {
            match evolve_endpoint(endpoint.as_ref(), fact) {
                Ok(next) => {
                    endpoint = Some(next);
                    ignored.push(None);
                }
                Err(why) => ignored.push(Some(why)),
            }
        }
        (endpoint, ignored)
    }

    #[test]
    fn of_two_facts_that_make_one_version_the_first_counts() {
        let (first, second) = ("https://first.example/", "https://second.example/");
        let facts = [
            creation(merchant("m-1")),
            fact(2, EndpointChange::Changed(settings(first))),
            fact(2, EndpointChange::Changed(settings(second))),
            fact(4, EndpointChange::Deleted),
        ];
        let (endpoint, ignored) = fold(&facts);
        let endpoint = endpoint.unwrap();
        assert_eq!((endpoint.version, endpoint.settings.url.as_str()), (Version(2), first));
        let stale = |fact| Some(FactIgnored::Stale { fact: Version(fact), current: Version(2) });
        assert_eq!(ignored, [None, None, stale(2), stale(4)]);
    }

    #[test]
    fn a_fact_without_its_endpoint_and_a_second_creation_change_nothing() {
        let (endpoint, ignored) = fold(&[fact(1, EndpointChange::Enabled), fact(2, EndpointChange::Deleted)]);
        assert_eq!(endpoint, None);
        assert!(matches!(ignored[0], Some(FactIgnored::Invalid(_))), "{ignored:?}");
        assert!(matches!(ignored[1], Some(FactIgnored::Stale { .. })), "{ignored:?}");
        let mut again = creation(merchant("m-2"));
        let (endpoint, ignored) = fold(&[creation(merchant("m-1")), again.clone()]);
        assert_eq!(endpoint.clone().unwrap().owner, merchant("m-1"));
        assert!(matches!(ignored[1], Some(FactIgnored::Stale { .. })), "{ignored:?}");
        again.version = Version(2);
        assert!(matches!(evolve_endpoint(endpoint.as_ref(), &again), Err(FactIgnored::Invalid(_))));
        let mut other = fact(2, EndpointChange::Deleted);
        other.endpoint_id = "we_2".parse().unwrap();
        assert!(matches!(evolve_endpoint(endpoint.as_ref(), &other), Err(FactIgnored::OtherEndpoint(_))));
    }

    #[test]
    fn nothing_revives_a_deleted_endpoint() {
        let (endpoint, ignored) = fold(&[
            creation(merchant("m-1")),
            fact(2, EndpointChange::Deleted),
            fact(3, EndpointChange::Enabled),
            creation(merchant("m-1")),
        ]);
        let endpoint = endpoint.unwrap();
        assert!(endpoint.is_deleted() && endpoint.secrets.is_empty() && endpoint.version == Version(2));
        assert_eq!(ignored[2..], [Some(FactIgnored::Deleted), Some(FactIgnored::Deleted)]);
    }

    #[test]
    fn after_a_rotation_both_secrets_sign_until_the_old_one_expires_and_never_three() {
        let rotated = |version, n, hours| {
            let (secret, old_valid_until) = (secret(n), at(version + hours));
            fact(version, EndpointChange::SecretRotated { secret, old_valid_until })
        };
        let (endpoint, _) = fold(&[creation(merchant("m-1")), rotated(2, 2, 24)]);
        let endpoint = endpoint.unwrap();
        let signing = |endpoint: &Endpoint, now| {
            endpoint.signing_secrets(now).cloned().map(StoredSecret::Open).collect::<Vec<_>>()
        };
        assert_eq!(signing(&endpoint, at(2)), [secret(2), secret(1)]);
        assert_eq!(signing(&endpoint, at(26)), [secret(2)]);
        let endpoint = evolve_endpoint(Some(&endpoint), &rotated(3, 3, 0)).unwrap();
        assert_eq!(endpoint.secrets.len(), 2);
        assert_eq!(signing(&endpoint, at(3)), [secret(3)], "without an overlap the old one signs no more");
        let too_long = rotated(4, 4, 7 * 24 + 1);
        assert!(matches!(evolve_endpoint(Some(&endpoint), &too_long), Err(FactIgnored::Invalid(_))));
    }

    #[test]
    fn enabling_and_disabling_alternate() {
        let disabled = |version| fact(version, EndpointChange::Disabled { reason: DisabledReason::Gone });
        let (endpoint, ignored) = fold(&[
            creation(merchant("m-1")),
            fact(2, EndpointChange::Enabled),
            disabled(2),
            disabled(3),
            fact(3, EndpointChange::Enabled),
        ]);
        assert!(endpoint.unwrap().is_enabled());
        let invalid: Vec<bool> =
            ignored.iter().map(|it| matches!(it, Some(FactIgnored::Invalid(_)))).collect();
        assert_eq!(invalid, [false, true, false, true, false]);
    }

    #[test]
    fn an_endpoint_receives_what_its_owner_is_a_recipient_of_and_its_filter_names() {
        let mut notification = Notification::new("o1".parse().unwrap(), Version(5), Status::Delivered, at(0));
        notification.recipients = vec![
            Recipient::new(Actor::Customer, Some("same".parse().unwrap())),
            Recipient::new(Actor::Merchant, Some("m-1".parse().unwrap())),
        ];
        let of = |owner| evolve_endpoint(None, &creation(owner)).unwrap();
        assert!(of(EndpointOwner::Operator).receives(&notification));
        let revoked = Notification { tracking_revoked: true, ..notification.clone() };
        assert!(!of(EndpointOwner::Operator).receives(&revoked));
        let mut own = of(merchant("m-1"));
        assert!(own.receives(&notification));
        // The id of a customer is no id of a merchant.
        assert!(
            !of(merchant("same")).receives(&notification) && !of(merchant("m-2")).receives(&notification)
        );
        own.settings.event_types = EventFilter::Only([EventType::Late].into());
        assert!(!own.receives(&notification));
        notification.late = true;
        assert!(own.receives(&notification));
        own.state = EndpointState::Disabled { reason: DisabledReason::Owner, since: at(1) };
        assert!(!own.receives(&notification));
    }
}
