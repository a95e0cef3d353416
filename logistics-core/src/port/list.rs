//! The list of orders: what to list, and where a page begins.

use std::fmt;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use super::store::OrderParties;
use crate::ids::{OrderId, PartyId, Timestamp};
use crate::lifecycle::{Actor, STATUSES, Status};

/// The roles of an order's parties.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PartyRole {
    /// The customer.
    Customer,
    /// The merchant.
    Merchant,
    /// The courier.
    Courier,
}

impl PartyRole {
    /// Every role.
    pub const ALL: [PartyRole; 3] = [PartyRole::Customer, PartyRole::Merchant, PartyRole::Courier];

    /// The actor that the party is.
    #[must_use]
    pub fn actor(self) -> Actor {
        match self {
            PartyRole::Customer => Actor::Customer,
            PartyRole::Merchant => Actor::Merchant,
            PartyRole::Courier => Actor::Courier,
        }
    }

    /// The role of an actor; `None` if it is no party of an order.
    #[must_use]
    pub fn of(actor: Actor) -> Option<PartyRole> {
        PartyRole::ALL.into_iter().find(|role| role.actor() == actor)
    }

    /// The field of a document that has the party's id.
    #[must_use]
    pub fn field(self) -> &'static str {
        match self {
            PartyRole::Customer => "customer_id",
            PartyRole::Merchant => "merchant_id",
            PartyRole::Courier => "courier_id",
        }
    }

    /// The role's name: `customer`, `merchant` or `courier`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.actor().name()
    }
}

/// A party whose orders are listed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartyFilter {
    /// Its role in the orders.
    pub role: PartyRole,
    /// Its id.
    pub id: PartyId,
}

impl PartyFilter {
    /// Whether this document is of an order of the party. A document that cannot be parsed is of none.
    #[must_use]
    pub fn matches(&self, document: &[u8]) -> bool {
        OrderParties::from_document(document).is_ok_and(|parties| parties.id(self.role) == Some(&self.id))
    }

    /// The digest that identifies this party's list in a cursor. It does not contain the id.
    #[must_use]
    pub fn digest(&self) -> PartyDigest {
        let digest = Sha256::digest(format!("{}:{}", self.role.name(), self.id));
        PartyDigest(digest.iter().take(8).fold(0, |digest, byte| (digest << 8) | u64::from(*byte)))
    }
}

/// The digest of a party in a cursor: [`PartyFilter::digest`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PartyDigest(u64);

/// The orders of one status: their number, and the one that has not changed for the longest time.
///
/// Exhaustive: adding a field is a breaking change ([why](crate::port#exhaustive-types)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StatusSummary {
    /// The status.
    pub status: Status,
    /// The number of orders in the list of the status.
    pub count: u64,
    /// The earliest of their latest changes; `None`: there are no orders.
    pub oldest_change: Option<Timestamp>,
}

impl StatusSummary {
    /// A summary without orders for each status, in the order of [`STATUSES`].
    #[must_use]
    pub fn none() -> Vec<Self> {
        STATUSES.map(|status| Self { status, count: 0, oldest_change: None }).to_vec()
    }

    /// Adds the orders of another partition.
    pub fn add(&mut self, count: u64, oldest_change: Option<Timestamp>) {
        self.count += count;
        self.oldest_change = [self.oldest_change, oldest_change].into_iter().flatten().min();
    }
}

/// A page of the list begins behind this order.
///
/// Exhaustive: adding a field is a breaking change ([why](crate::port#exhaustive-types)).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Cursor {
    /// The last order's status in the list. Without meaning in a list of a party, which is not grouped by status.
    pub status: Status,
    /// The time of the last order's latest change.
    pub changed_at: Timestamp,
    /// The last order.
    pub order_id: OrderId,
    /// In a list of a party: the digest of the party. A store ignores it, because the query names the party; a service
    /// rejects the cursor of another party's list.
    pub party: Option<PartyDigest>,
}

/// The text is not a cursor of the list.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
#[error("the cursor is invalid; use the `next` cursor of a page of the list")]
pub struct InvalidCursor;

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.status, self.changed_at.as_millis(), self.order_id)?;
        match self.party {
            Some(PartyDigest(digest)) => write!(f, ".{digest:016x}"),
            None => Ok(()),
        }
    }
}

impl std::str::FromStr for Cursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.splitn(4, '.');
        let mut part = || parts.next().ok_or(InvalidCursor);
        let status = Status::from_name(part()?).ok_or(InvalidCursor)?;
        let changed_at = Timestamp::from_millis(part()?.parse().map_err(|_| InvalidCursor)?);
        let order_id = OrderId::parse(part()?).map_err(|_| InvalidCursor)?;
        let digest = |text| u64::from_str_radix(text, 16).map(PartyDigest).map_err(|_| InvalidCursor);
        let party = parts.next().map(digest).transpose()?;
        Ok(Self { status, changed_at, order_id, party })
    }
}

/// The orders to list.
///
/// Exhaustive: adding a field is a breaking change ([why](crate::port#exhaustive-types)).
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct ListQuery {
    /// Only orders in this status; `None`: all, grouped by status in the order of [`crate::lifecycle::STATUSES`].
    pub status: Option<Status>,
    /// Only orders that are late in their status, the longest late first. They are not grouped by status.
    pub late: bool,
    /// Only orders of this party, not grouped by status. A page shows no order whose document names another party, even if
    /// `after` is the cursor of another party's list, which only determines the position.
    pub party: Option<PartyFilter>,
    /// Only orders whose latest change is at or after this time.
    pub since: Option<Timestamp>,
    /// The page begins behind this order; `None`: at the first order.
    pub after: Option<Cursor>,
    /// Maximum number of orders, from 1 to [`crate::limits::PAGE_ORDERS_MAX`].
    pub limit: usize,
}

/// A page of the list.
///
/// Exhaustive: adding a field is a breaking change ([why](crate::port#exhaustive-types)).
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Page {
    /// The documents: within a status the latest change first, and at the same millisecond the greater id first.
    ///
    /// With a party and a status, or with late orders of a party or a status, a store inspects a bounded number of orders per
    /// page. Such a page may have fewer documents than the limit, or none, although another page follows.
    pub documents: Vec<Bytes>,
    /// The cursor of the next page; `None` when this is the last page.
    pub next: Option<Cursor>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn party(role: PartyRole, id: &str) -> PartyFilter {
        PartyFilter { role, id: PartyId::parse(id).unwrap() }
    }

    #[test]
    fn a_cursor_survives_its_text_and_names_the_party_of_its_list() {
        let cursor = |party: Option<PartyFilter>| Cursor {
            status: Status::Placed,
            changed_at: Timestamp::from_millis(5),
            order_id: OrderId::parse("a-b_c").unwrap(),
            party: party.map(|party| party.digest()),
        };
        assert_eq!(cursor(None).to_string(), "PLACED.5.a-b_c", "as earlier releases wrote it");
        let customer = cursor(Some(party(PartyRole::Customer, "amir")));
        for cursor in [cursor(None), customer.clone(), cursor(Some(party(PartyRole::Courier, "a.b {p1}")))] {
            assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }
        assert!(!customer.to_string().contains("amir"));
        assert_ne!(customer, cursor(Some(party(PartyRole::Merchant, "amir"))));
        for wrong in ["", "PLACED.1", "PLACED.1.a.", "PLACED.1.a.xyz", "PLACED.1.a.1.2"] {
            assert_eq!(wrong.parse::<Cursor>(), Err(InvalidCursor), "{wrong:?}");
        }
    }

    #[test]
    fn a_document_matches_the_party_in_its_role_only() {
        let document = br#"{"order_id":"o","customer_id":"a\u006dir","merchant_id":"bloom","details":{"courier_id":"x"}}"#;
        assert!(party(PartyRole::Customer, "amir").matches(document));
        assert!(party(PartyRole::Merchant, "bloom").matches(document));
        for (role, id) in
            [(PartyRole::Merchant, "amir"), (PartyRole::Customer, "ami"), (PartyRole::Courier, "x")]
        {
            assert!(!party(role, id).matches(document), "{role:?} {id}");
        }
        assert!(!party(PartyRole::Customer, "amir").matches(b"no JSON"));
    }
}
