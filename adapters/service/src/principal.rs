//! The caller of a use case: who it is, and what it may do.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use logistics_core::notify::Parties;
use logistics_core::port::PartyRole;
use logistics_core::{Actor, OrderId, PartyId, Subject, Timestamp};

use crate::error::ServiceError;
use crate::tracking::Claims;

/// What a principal is. Each role maps to the actor of the lifecycle table with the same name, except [`Role::Service`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Role {
    /// Places orders for its own customer id, and sees and cancels these orders.
    Customer,
    /// Sees and moves the orders of its merchant id.
    Merchant,
    /// Sees and moves the orders that are assigned to its courier id.
    Courier,
    /// Sees every order, may name any actor except `system`, and may read the log.
    Operator,
    /// A program. It may do what its [`Scope`]s permit.
    Service,
}

impl Role {
    /// All roles.
    pub const ALL: [Role; 5] = [Role::Customer, Role::Merchant, Role::Courier, Role::Operator, Role::Service];

    /// The name in tokens and key files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Role::Customer => "customer",
            Role::Merchant => "merchant",
            Role::Courier => "courier",
            Role::Operator => "operator",
            Role::Service => "service",
        }
    }

    /// The role with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|role| role.name() == name)
    }
}

/// What a principal with [`Role::Service`] may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Scope {
    /// See every order.
    ReadOrders,
    /// See every order, place for any customer, and name any actor except `system`.
    ActAs,
}

impl Scope {
    /// All scopes.
    pub const ALL: [Scope; 2] = [Scope::ReadOrders, Scope::ActAs];

    /// The name in tokens and key files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Scope::ReadOrders => "orders:read",
            Scope::ActAs => "orders:act-as",
        }
    }

    /// The scope with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Scope> {
        Scope::ALL.into_iter().find(|scope| scope.name() == name)
    }
}

/// The caller of a use case.
///
/// [`Principal::anonymous`] is the caller of a server without authentication: it may act as every actor except `system`, and
/// see every order. A principal with a subject may do what its roles, parties and scopes permit, and nothing at first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal(Option<Arc<Identity>>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Identity {
    subject: Subject,
    roles: BTreeSet<Role>,
    scopes: BTreeSet<Scope>,
    customer: Option<PartyId>,
    merchant: Option<PartyId>,
    courier: Option<PartyId>,
    /// It holds a tracking link, and may read its order alone.
    tracked: Option<Claims>,
    expires_at: Option<Timestamp>,
}

/// The actor that a principal acts as, and the party that it is in this role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Acting {
    pub(crate) actor: Actor,
    /// The order must have this party in the actor's role. `None`: any order.
    pub(crate) party: Option<PartyId>,
}

impl Principal {
    /// A caller that is not authenticated, of a server that authenticates no caller.
    #[must_use]
    pub const fn anonymous() -> Self {
        Self(None)
    }

    /// An authenticated caller without a role.
    #[must_use]
    pub fn new(subject: Subject) -> Self {
        let (roles, scopes) = (BTreeSet::new(), BTreeSet::new());
        let identity = Identity {
            subject,
            roles,
            scopes,
            customer: None,
            merchant: None,
            courier: None,
            expires_at: None,
            tracked: None,
        };
        Self(Some(Arc::new(identity)))
    }

    /// The holder of a tracking link. It has no role, party or scope.
    pub(crate) fn holder_of(claims: Claims) -> Result<Self, ServiceError> {
        // Letters and digits are always a subject.
        let subject = Subject::parse(&format!("link:{}", claims.link_id));
        let subject = subject.map_err(|_| ServiceError::NotFound)?;
        Ok(Self::new(subject).with_expiry(claims.expires_at).with(|identity| identity.tracked = Some(claims)))
    }

    /// Adds a role. The roles of a party have no effect without [`Principal::with_party`]. No effect on an anonymous caller.
    #[must_use]
    pub fn with_role(self, role: Role) -> Self {
        self.with(|identity| {
            identity.roles.insert(role);
        })
    }

    /// Sets the party that the principal is in the role `customer`, `merchant` or `courier`. No effect for other roles and on
    /// an anonymous caller.
    #[must_use]
    pub fn with_party(self, role: Role, party: PartyId) -> Self {
        self.with(|identity| match role {
            Role::Customer => identity.customer = Some(party),
            Role::Merchant => identity.merchant = Some(party),
            Role::Courier => identity.courier = Some(party),
            Role::Operator | Role::Service => {}
        })
    }

    /// Adds a scope. It has an effect with [`Role::Service`] only, and none on an anonymous caller.
    #[must_use]
    pub fn with_scope(self, scope: Scope) -> Self {
        self.with(|identity| {
            identity.scopes.insert(scope);
        })
    }

    /// Sets the time at which the credential of the principal expires. Streams of live facts end then. No effect on an anonymous
    /// caller.
    #[must_use]
    pub fn with_expiry(self, at: Timestamp) -> Self {
        self.with(|identity| identity.expires_at = Some(at))
    }

    fn with(mut self, change: impl FnOnce(&mut Identity)) -> Self {
        if let Some(identity) = &mut self.0 {
            change(Arc::make_mut(identity));
        }
        self
    }

    /// The tracking link that the principal holds.
    pub(crate) fn tracked(&self) -> Option<&Claims> {
        self.0.as_ref()?.tracked.as_ref()
    }

    /// The only order that the principal may read, with reduced fields: it holds a tracking link.
    #[must_use]
    pub fn tracked_order(&self) -> Option<&OrderId> {
        self.tracked().map(|claims| &claims.order_id)
    }

    /// When the principal's tracking link ends, if it holds one.
    #[must_use]
    pub fn link_expires_at(&self) -> Option<Timestamp> {
        self.tracked().map(|claims| claims.expires_at)
    }

    /// The name of the subject; `anonymous` without authentication. Idempotency keys belong to a subject: one key of two
    /// subjects names two orders.
    #[must_use]
    pub fn subject(&self) -> &str {
        self.authenticated().map_or("anonymous", Subject::as_str)
    }

    /// The subject; `None` without authentication.
    #[must_use]
    pub fn authenticated(&self) -> Option<&Subject> {
        self.0.as_ref().map(|identity| &identity.subject)
    }

    /// The roles, in the order of [`Role::ALL`]. None without authentication.
    pub fn roles(&self) -> impl Iterator<Item = Role> {
        self.0.iter().flat_map(|identity| identity.roles.iter().copied())
    }

    /// The party that the principal is as `actor`. `None` without the role.
    #[must_use]
    pub fn party(&self, actor: Actor) -> Option<&PartyId> {
        let identity = self.0.as_ref()?;
        let (role, party) = match actor {
            Actor::Customer => (Role::Customer, &identity.customer),
            Actor::Merchant => (Role::Merchant, &identity.merchant),
            Actor::Courier => (Role::Courier, &identity.courier),
            Actor::Operator | Actor::System => return None,
        };
        party.as_ref().filter(|_| identity.roles.contains(&role))
    }

    /// The time until the credential of the principal expires, zero if it has expired; `None` if it does not expire.
    #[must_use]
    pub fn expires_in(&self, now: Timestamp) -> Option<Duration> {
        let expires_at = self.0.as_ref()?.expires_at?;
        Some(Duration::from_millis(expires_at.millis_since(now)))
    }

    /// Whether the principal has the operator's permissions: reading the log, and everything below `/admin`.
    #[must_use]
    pub fn is_operator(&self) -> bool {
        self.0.as_ref().is_none_or(|identity| identity.roles.contains(&Role::Operator))
    }

    /// Whether the principal may do more than the parties of an order: it is an operator or has a scope, and is authenticated.
    #[must_use]
    pub fn is_privileged(&self) -> bool {
        self.0.is_some() && self.sees_every_order()
    }

    /// Whether the principal may see every order.
    #[must_use]
    pub fn sees_every_order(&self) -> bool {
        self.is_operator() || self.has_scope(Scope::ReadOrders) || self.has_scope(Scope::ActAs)
    }

    /// Whether the principal may see an order with these parties.
    #[must_use]
    pub fn sees(&self, parties: Parties<'_>) -> bool {
        self.sees_every_order() || self.is_party(parties)
    }

    /// Whether the principal may make tracking links of an order with these parties.
    pub(crate) fn may_share(&self, parties: Parties<'_>) -> bool {
        self.names_any_actor() || self.is_party(parties)
    }

    fn is_party(&self, parties: Parties<'_>) -> bool {
        let own = |actor| self.party(actor).is_some_and(|party| parties.id(actor) == Some(party));
        PartyRole::ALL.into_iter().map(PartyRole::actor).any(own)
    }

    fn has_scope(&self, scope: Scope) -> bool {
        self.0.as_ref().is_some_and(|identity| {
            identity.roles.contains(&Role::Service) && identity.scopes.contains(&scope)
        })
    }

    /// Whether the principal may name any actor except `system`.
    pub(crate) fn names_any_actor(&self) -> bool {
        self.is_operator() || self.has_scope(Scope::ActAs)
    }

    /// The actor that the principal acts as: `named`, or its own. `usual`: the actor of a principal that may be any.
    ///
    /// # Errors
    /// [`ServiceError::ReservedActor`] for `system`, which only the processor's timers use; [`ServiceError::Forbidden`] for an
    /// actor that the principal may not be; [`ServiceError::Invalid`] if the principal has several actors and names none.
    pub(crate) fn act(&self, named: Option<Actor>, usual: Actor) -> Result<Acting, ServiceError> {
        if named == Some(Actor::System) {
            return Err(ServiceError::ReservedActor);
        }
        if self.names_any_actor() {
            return Ok(Acting { actor: named.unwrap_or(usual), party: None });
        }
        let own = |actor: Actor| self.party(actor).map(|party| Acting { actor, party: Some(party.clone()) });
        if let Some(named) = named {
            return own(named).ok_or(ServiceError::Forbidden);
        }
        let mut own = PartyRole::ALL.into_iter().map(PartyRole::actor).filter_map(own);
        let first = own.next().ok_or(ServiceError::Forbidden)?;
        match own.next() {
            Some(_) => Err(ServiceError::invalid("actor", "is missing; this principal has several roles")),
            None => Ok(first),
        }
    }

    /// Returns `actor` if the principal may act as this actor.
    ///
    /// # Errors
    /// [`ServiceError::ReservedActor`] for `system`; [`ServiceError::Forbidden`] for an actor that the principal may not be.
    pub fn act_as(&self, actor: Actor) -> Result<Actor, ServiceError> {
        self.act(Some(actor), actor).map(|acting| acting.actor)
    }
}

#[cfg(test)]
mod tests {
    use logistics_core::Placement;
    use logistics_core::lifecycle::ACTORS;

    use super::*;

    fn known(role: Role) -> Principal {
        Principal::new(Subject::parse("jwt:a").unwrap()).with_role(role)
    }

    fn party(id: &str) -> PartyId {
        PartyId::parse(id).unwrap()
    }

    #[test]
    fn every_role_but_service_has_the_name_of_an_actor() {
        for role in Role::ALL {
            assert_eq!(Role::from_name(role.name()), Some(role));
            assert_eq!(Actor::from_name(role.name()).is_some(), role != Role::Service);
        }
        for scope in Scope::ALL {
            assert_eq!(Scope::from_name(scope.name()), Some(scope));
        }
    }

    #[test]
    fn an_anonymous_caller_and_an_operator_may_act_as_every_actor_except_the_system() {
        let scoped = known(Role::Service).with_scope(Scope::ActAs);
        for principal in [Principal::anonymous(), known(Role::Operator), scoped] {
            for actor in ACTORS {
                let expected =
                    if actor == Actor::System { Err(ServiceError::ReservedActor) } else { Ok(actor) };
                assert_eq!(principal.act_as(actor), expected);
            }
            assert_eq!(principal.act(None, Actor::Operator).unwrap().actor, Actor::Operator);
        }
    }

    #[test]
    fn a_party_acts_as_itself_only() {
        let merchant = known(Role::Merchant).with_party(Role::Merchant, party("m-1"));
        for actor in ACTORS {
            let expected = match actor {
                Actor::System => Err(ServiceError::ReservedActor),
                Actor::Merchant => Ok(actor),
                _ => Err(ServiceError::Forbidden),
            };
            assert_eq!(merchant.act_as(actor), expected, "{actor:?}");
        }
        let acting = merchant.act(None, Actor::Operator).unwrap();
        assert_eq!((acting.actor, acting.party), (Actor::Merchant, Some(party("m-1"))));
        let both = merchant.with_role(Role::Courier).with_party(Role::Courier, party("c-1"));
        assert!(matches!(both.act(None, Actor::Operator), Err(ServiceError::Invalid { field: "actor", .. })));
        assert_eq!(both.act_as(Actor::Courier), Ok(Actor::Courier));
    }

    #[test]
    fn a_role_without_its_party_and_a_party_without_its_role_permit_nothing() {
        let order = Placement::new().with_merchant(party("m-1"));
        let role_alone = known(Role::Merchant);
        let party_alone = known(Role::Service).with_party(Role::Merchant, party("m-1"));
        for principal in [role_alone, party_alone] {
            assert!(!principal.sees(Parties::from(&order)));
            assert_eq!(principal.act(None, Actor::Operator), Err(ServiceError::Forbidden));
        }
    }

    #[test]
    fn a_party_sees_its_own_orders_only() {
        let of = |id: &str| Placement::new().with_merchant(party(id)).with_customer(party("same"));
        let merchant = known(Role::Merchant).with_party(Role::Merchant, party("m-1"));
        assert!(merchant.sees(Parties::from(&of("m-1"))));
        assert!(!merchant.sees(Parties::from(&of("m-2"))));
        assert!(!merchant.sees(Parties::from(&Placement::new())));
        // The id of a merchant is no id of a customer.
        let merchant = known(Role::Merchant).with_party(Role::Merchant, party("same"));
        assert!(!merchant.sees(Parties::from(&of("m-1"))));
        let reader = known(Role::Service).with_scope(Scope::ReadOrders);
        assert!(reader.sees(Parties::from(&of("m-2"))) && !reader.is_operator());
        assert_eq!(reader.act_as(Actor::Merchant), Err(ServiceError::Forbidden));
    }
}
