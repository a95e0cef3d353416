//! The notification of a fact, and the parties that it notifies.

use serde::{Deserialize, Serialize};

use crate::fact::{Change, Fact};
use crate::ids::{OrderId, PartyId, Reason, Timestamp, TraceParent, Version};
use crate::lifecycle::{Actor, Status};
use crate::order::Order;
use crate::request::Placement;

/// The notification of one fact, as data. The channel that delivers it renders the text.
///
/// Order id and version identify a notification: a repetition has the same two.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Notification {
    /// The order.
    pub order_id: OrderId,
    /// The order's status after the fact.
    pub status: Status,
    /// The fact's version.
    pub version: Version,
    /// The order is late in `status`; the status did not change.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub late: bool,
    /// The fact's reason, if it has one. Clients write it: escape it for the channel's format.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// When the fact happened.
    pub at: Timestamp,
    /// The fact's W3C trace context, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<TraceParent>,
    /// The parties to notify, each role once.
    pub recipients: Vec<Recipient>,
}

/// A party to notify.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Recipient {
    /// Its role in the order.
    pub role: Actor,
    /// Its id, if the order has one. Clients write it: escape it for the channel's format.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub party: Option<PartyId>,
}

impl Recipient {
    /// The party of this role.
    #[must_use]
    pub fn new(role: Actor, party: Option<PartyId>) -> Self {
        Self { role, party }
    }
}

/// The parties of an order, from its state or its placement.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Parties<'a> {
    customer: Option<&'a PartyId>,
    merchant: Option<&'a PartyId>,
    courier: Option<&'a PartyId>,
}

impl<'a> Parties<'a> {
    /// The party's id; `None` if the order has none, and for roles that are not a party of an order.
    #[must_use]
    pub fn id(&self, role: Actor) -> Option<&'a PartyId> {
        match role {
            Actor::Customer => self.customer,
            Actor::Merchant => self.merchant,
            Actor::Courier => self.courier,
            Actor::Operator | Actor::System => None,
        }
    }
}

impl<'a> From<&'a Order> for Parties<'a> {
    fn from(order: &'a Order) -> Self {
        let Order { customer_id, merchant_id, courier_id, .. } = order;
        Self { customer: customer_id.as_ref(), merchant: merchant_id.as_ref(), courier: courier_id.as_ref() }
    }
}

impl<'a> From<&'a Placement> for Parties<'a> {
    fn from(placement: &'a Placement) -> Self {
        let Placement { customer_id, merchant_id, courier_id, .. } = placement;
        Self { customer: customer_id.as_ref(), merchant: merchant_id.as_ref(), courier: courier_id.as_ref() }
    }
}

impl Notification {
    /// A notification that an order entered `status`, without recipients. Set the other fields directly.
    #[must_use]
    pub fn new(order_id: OrderId, version: Version, status: Status, at: Timestamp) -> Self {
        Self { order_id, status, version, late: false, reason: None, at, trace: None, recipients: Vec::new() }
    }

    /// The notification of a fact, to the parties of its order: `&Order` after the fact, or its `&Placement`.
    #[must_use]
    pub fn of<'a>(fact: &Fact, parties: impl Into<Parties<'a>>) -> Self {
        let parties = parties.into();
        let late = fact.change == Change::Late;
        let roles = if late { late_audiences(fact.status) } else { audiences(fact.status) };
        let recipients = roles.iter().map(|role| Recipient::new(*role, parties.id(*role).cloned())).collect();
        Self {
            order_id: fact.order_id.clone(),
            status: fact.status,
            version: fact.version,
            late,
            reason: fact.reason.clone(),
            at: fact.at,
            trace: fact.trace.clone(),
            recipients,
        }
    }
}

/// The roles that are notified when an order enters `status`.
#[must_use]
pub fn audiences(status: Status) -> &'static [Actor] {
    use Actor::{Courier, Customer, Merchant, Operator};
    match status {
        Status::Placed | Status::Expired | Status::Delivered => &[Customer, Merchant],
        Status::Confirmed | Status::Preparing | Status::Rejected => &[Customer],
        Status::ReadyForPickup => &[Customer, Courier],
        Status::OutForDelivery => &[Customer, Merchant],
        Status::DeliveryFailed => &[Customer, Merchant, Operator],
        #[cfg(feature = "knows-lost")]
        Status::Lost => &[Customer, Merchant, Courier, Operator],
        Status::Returned => &[Customer, Merchant],
        Status::Cancelled => &[Customer, Merchant, Courier],
    }
}

/// The roles that are notified when an order is late in `status`: the party that can act on it, and the operator.
#[must_use]
pub fn late_audiences(status: Status) -> &'static [Actor] {
    use Actor::{Courier, Merchant, Operator};
    match status {
        Status::ReadyForPickup | Status::OutForDelivery | Status::DeliveryFailed => &[Courier, Operator],
        Status::Placed
        | Status::Confirmed
        | Status::Preparing
        | Status::Delivered
        | Status::Returned
        | Status::Rejected
        | Status::Expired
        | Status::Cancelled => &[Merchant, Operator],
        #[cfg(feature = "knows-lost")]
        Status::Lost => &[Courier, Operator],
    }
}
