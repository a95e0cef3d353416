//! The notification of a fact, and the parties that it notifies.

mod audience;

use serde::{Deserialize, Serialize};

use crate::contact::{Contact, Contacts};
use crate::fact::{Assignment, Change, Fact};
use crate::ids::{OrderId, PartyId, Reason, Timestamp, TraceParent, Version};
use crate::lifecycle::{Actor, Status};
use crate::order::Order;
use crate::port::OrderParties;
use crate::request::Placement;

pub use audience::{audiences, late_audiences};

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
    /// The order's courier changed; the status did not change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assignment: Option<Assignment>,
    /// The order's tracking links were revoked; the status did not change. Such a notification has no recipients, and services
    /// deliver it to no channel: it only continues the order's versions.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tracking_revoked: bool,
    /// The fact's reason, if it has one. Clients write it: escape it for the channel's format.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// When the fact happened.
    pub at: Timestamp,
    /// The fact's W3C trace context, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<TraceParent>,
    /// The parties to notify, each once. A notification of another courier has two couriers: the one after the change, then
    /// the one before.
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
    /// How it is reached, if the order's placement says so. Personal data, for the channel that uses it alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<Contact>,
}

impl Recipient {
    /// The party of this role, without a contact.
    #[must_use]
    pub fn new(role: Actor, party: Option<PartyId>) -> Self {
        Self { role, party, contact: None }
    }

    /// Sets how it is reached.
    #[must_use]
    pub fn with_contact(mut self, contact: Option<Contact>) -> Self {
        self.contact = contact;
        self
    }
}

/// The parties of an order, from its state or its placement.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Parties<'a> {
    customer: Option<&'a PartyId>,
    merchant: Option<&'a PartyId>,
    courier: Option<&'a PartyId>,
    /// The courier before the order's latest fact, if that fact changed the courier.
    previous_courier: Option<&'a PartyId>,
    contacts: Option<&'a Contacts>,
}

impl<'a> Parties<'a> {
    /// The same parties, with the courier before an assignment. `&Order` after the assignment has it already.
    #[must_use]
    pub fn with_previous_courier(mut self, courier: Option<&'a PartyId>) -> Self {
        self.previous_courier = courier;
        self
    }

    /// The party of this role as a recipient.
    fn recipient(&self, role: Actor) -> Recipient {
        let contact = self.contacts.and_then(|contacts| contacts.of(role));
        Recipient::new(role, self.id(role).cloned()).with_contact(contact.cloned())
    }

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
        let Order { customer_id, merchant_id, courier_id, history, contacts, .. } = order;
        let assignment = history.last().and_then(|entry| entry.assignment.as_ref());
        Self {
            customer: customer_id.as_ref(),
            merchant: merchant_id.as_ref(),
            courier: courier_id.as_ref(),
            previous_courier: assignment.and_then(|assignment| assignment.previous_courier_id.as_ref()),
            contacts: Some(contacts),
        }
    }
}

impl<'a> From<&'a Placement> for Parties<'a> {
    fn from(placement: &'a Placement) -> Self {
        let Placement { customer_id, merchant_id, courier_id, contacts, .. } = placement;
        Self {
            customer: customer_id.as_ref(),
            merchant: merchant_id.as_ref(),
            courier: courier_id.as_ref(),
            previous_courier: None,
            contacts: Some(contacts),
        }
    }
}

impl<'a> From<&'a OrderParties> for Parties<'a> {
    fn from(parties: &'a OrderParties) -> Self {
        let OrderParties { customer, merchant, courier } = parties;
        let (customer, merchant, courier) = (customer.as_ref(), merchant.as_ref(), courier.as_ref());
        Self { customer, merchant, courier, ..Self::default() }
    }
}

impl Notification {
    /// A notification that an order entered `status`, without recipients. Set the other fields directly.
    #[must_use]
    pub fn new(order_id: OrderId, version: Version, status: Status, at: Timestamp) -> Self {
        Self {
            order_id,
            status,
            version,
            late: false,
            assignment: None,
            tracking_revoked: false,
            reason: None,
            at,
            trace: None,
            recipients: Vec::new(),
        }
    }

    /// The same notification without the contacts of its recipients: for what needs none.
    #[must_use]
    pub fn without_contacts(mut self) -> Self {
        self.recipients.iter_mut().for_each(|recipient| recipient.contact = None);
        self
    }

    /// The notification of a fact, to the parties of its order: `&Order` after the fact, or its `&Placement`. A placement does
    /// not have the courier before an assignment; [`Parties::with_previous_courier`] adds it.
    #[must_use]
    pub fn of<'a>(fact: &Fact, parties: impl Into<Parties<'a>>) -> Self {
        let parties = parties.into();
        let late = fact.change == Change::Late;
        let by_role = |roles: &[Actor]| roles.iter().map(|role| parties.recipient(*role)).collect();
        let (recipients, assignment) = match &fact.change {
            Change::Placed(_) | Change::Moved => (by_role(audiences(fact.status)), None),
            Change::Late => (by_role(late_audiences(fact.status)), None),
            Change::Assigned { courier_id } => {
                let assignment = Assignment::new(courier_id.clone(), parties.previous_courier.cloned());
                (assignment_recipients(&assignment, parties), Some(assignment))
            }
            Change::TrackingRevoked => (Vec::new(), None),
        };
        Self {
            order_id: fact.order_id.clone(),
            status: fact.status,
            version: fact.version,
            late,
            assignment,
            tracking_revoked: fact.change == Change::TrackingRevoked,
            reason: fact.reason.clone(),
            at: fact.at,
            trace: fact.trace.clone(),
            recipients,
        }
    }
}

/// The courier after the change, the courier before it, and the merchant. Without a courier, there is only the merchant.
fn assignment_recipients(assignment: &Assignment, parties: Parties<'_>) -> Vec<Recipient> {
    let couriers = [&assignment.courier_id, &assignment.previous_courier_id].into_iter().flatten();
    let couriers = couriers.map(|courier| Recipient::new(Actor::Courier, Some(courier.clone())));
    couriers.chain([parties.recipient(Actor::Merchant)]).collect()
}
