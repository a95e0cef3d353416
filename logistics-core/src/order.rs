//! An order: the fold of its facts.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::contact::Contacts;
use crate::details::Details;
use crate::fact::{Assignment, Change, Fact};
use crate::ids::{OrderId, PartyId, Reason, RequestId, Subject, Timestamp, TraceParent, Version};
use crate::lifecycle::{Actor, Status, requestable};
use crate::notify::Parties;
use crate::policy::Deadline;
use crate::request::Placement;

/// An entry of an order's history: a fact, as the order's document shows it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct HistoryEntry {
    /// The fact's version.
    pub version: Version,
    /// The status after the fact.
    pub status: Status,
    /// The time of the fact.
    pub at: Timestamp,
    /// The role that caused the fact.
    pub actor: Actor,
    /// The authenticated subject that caused the fact; none for anonymous requests and timers, and in documents of earlier
    /// releases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Subject>,
    /// The request's reason, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// The order is late in `status`; the status did not change.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub late: bool,
    /// The order's courier changed; the status did not change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assignment: Option<Assignment>,
    /// The order's tracking links from before this fact are revoked; the status did not change.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tracking_revoked: bool,
    /// The request that caused the fact; none for a timer. It identifies a repeated request as long as the order exists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<RequestId>,
    /// W3C trace context of the fact: its span. None without traces, and in documents of earlier releases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<TraceParent>,
}

impl HistoryEntry {
    /// The order entered `status` by this fact: the placement, or a transition.
    #[must_use]
    pub fn is_move(&self) -> bool {
        !self.late && self.assignment.is_none() && !self.tracking_revoked
    }

    /// The entry of a fact. `previous_courier_id`: the courier before the fact, which an assignment does not name; ignored for
    /// other facts.
    #[must_use]
    pub fn of(fact: &Fact, previous_courier_id: Option<PartyId>) -> Self {
        let assignment = match &fact.change {
            Change::Assigned { courier_id } => Some(Assignment::new(courier_id.clone(), previous_courier_id)),
            Change::Placed(_) | Change::Moved | Change::Late | Change::TrackingRevoked => None,
        };
        Self {
            version: fact.version,
            status: fact.status,
            at: fact.at,
            actor: fact.actor,
            by: fact.by.clone(),
            reason: fact.reason.clone(),
            late: fact.change == Change::Late,
            assignment,
            tracking_revoked: fact.change == Change::TrackingRevoked,
            request: fact.cause.request().cloned(),
            trace: fact.trace.clone(),
        }
    }
}

/// An order's current state: the fold of its facts. Its JSON is the document that the store holds and the API answers.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(remote = "Self")]
pub struct Order {
    /// The order's id.
    pub order_id: OrderId,
    /// The current status.
    pub status: Status,
    /// The number of its facts.
    pub version: Version,
    /// The time of its first fact, the placement.
    pub created_at: Timestamp,
    /// The time of its latest fact.
    pub updated_at: Timestamp,
    /// The customer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<PartyId>,
    /// The merchant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merchant_id: Option<PartyId>,
    /// The courier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub courier_id: Option<PartyId>,
    /// The placement's details, if it has any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Details>,
    /// How its parties are reached. Personal data: no interface shows it.
    #[serde(default, skip_serializing_if = "Contacts::is_empty")]
    pub contacts: Contacts,
    /// The number of delivery attempts so far.
    #[serde(default)]
    pub delivery_attempts: u32,
    /// The number of delivery attempts left; after a failed attempt only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempts_left: Option<u32>,
    /// The order is late in its status.
    #[serde(default)]
    pub late: bool,
    /// The time of the next transition or lateness without a request, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Deadline>,
    /// W3C trace context of its latest fact that has one. Facts of timers continue it. Documents of earlier releases have
    /// none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<TraceParent>,
    /// The version of the latest fact that revoked its tracking links; none if none did. A tracking link is valid while this is
    /// what it was when the link was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracking_epoch: Option<Version>,
    /// The transitions that requests can cause now, from any actor: [`Order::allowed`]. Reading a document ignores the
    /// document's list, which another release may have derived from another table.
    #[serde(skip_deserializing)]
    pub allowed_transitions: Vec<Status>,
    /// Its facts.
    pub history: Vec<HistoryEntry>,
}

impl Serialize for Order {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Order::serialize(self, serializer)
    }
}

impl<'de> Deserialize<'de> for Order {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut order = Order::deserialize(deserializer)?;
        order.allowed_transitions = order.allowed(None);
        Ok(order)
    }
}

/// A fact does not continue the order: facts before it are missing.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
#[error("order {order_id} is at version {current} and the next fact has version {found}")]
pub struct VersionGap {
    /// The order's id.
    pub order_id: OrderId,
    /// The order's version; 0 where there is no order yet.
    pub current: Version,
    /// The fact's version.
    pub found: Version,
}

impl Order {
    /// The statuses that `actor` can request now; `None`: any actor. Transitions of the system alone are not included.
    #[must_use]
    pub fn allowed(&self, actor: Option<Actor>) -> Vec<Status> {
        requestable(self.status, actor, self.attempts_left != Some(0))
    }

    /// Its placement, with the courier that it was placed with.
    #[must_use]
    pub fn placement(&self) -> Placement {
        let first = self.history.iter().find_map(|entry| entry.assignment.as_ref());
        Placement {
            customer_id: self.customer_id.clone(),
            merchant_id: self.merchant_id.clone(),
            courier_id: first.map_or(&self.courier_id, |first| &first.previous_courier_id).clone(),
            details: self.details.clone(),
            contacts: self.contacts.clone(),
        }
    }

    /// The order's party in this role; `None` if it has none, and for roles that are not a party of an order.
    #[must_use]
    pub fn party(&self, role: Actor) -> Option<&PartyId> {
        Parties::from(self).id(role)
    }

    /// The fact that this request caused, if it caused one.
    #[must_use]
    pub fn caused_by(&self, request: &RequestId) -> Option<&HistoryEntry> {
        self.history.iter().find(|entry| entry.request.as_ref() == Some(request))
    }

    /// The fact by which the order entered its status. A later fact can only mark it as late, change the courier or revoke
    /// tracking links.
    #[must_use]
    pub fn entered(&self) -> Option<&HistoryEntry> {
        self.history.iter().rev().find(|entry| entry.is_move())
    }

    /// The latest fact that changed the courier after the placement, if one did.
    #[must_use]
    pub fn assigned(&self) -> Option<&HistoryEntry> {
        self.history.iter().rev().find(|entry| entry.assignment.is_some())
    }

    /// The time at which its timer is due, if it has one.
    #[must_use]
    pub fn due(&self) -> Option<Timestamp> {
        self.deadline.map(|deadline| deadline.at)
    }

    /// Its document, as JSON.
    #[must_use]
    pub fn to_document(&self) -> Vec<u8> {
        // An order has no part that can fail to serialize, such as a float or a map with other keys than texts.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads a document. The list of allowed transitions is derived from this build's table; the document's is ignored.
    ///
    /// # Errors
    /// The JSON is not an order's document, or has a status that this build does not know.
    pub fn from_document(json: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(json)
    }
}

/// Applies a fact to an order. A fact that the order already has changes nothing, so a log can be read twice.
///
/// # Errors
/// [`VersionGap`] when the fact is neither the next one nor one that the order has.
pub fn evolve(order: Option<Order>, fact: &Fact) -> Result<Order, VersionGap> {
    let current = order.as_ref().map_or(Version(0), |order| order.version);
    let gap = || VersionGap { order_id: fact.order_id.clone(), current, found: fact.version };
    match order {
        Some(order) if fact.version <= current => Ok(order),
        _ if fact.version != current.next() => Err(gap()),
        None => match &fact.change {
            Change::Placed(placement) => Ok(applied(new_order(fact, placement), fact)),
            _ => Err(gap()),
        },
        Some(order) => Ok(applied(order, fact)),
    }
}

fn new_order(fact: &Fact, placement: &Placement) -> Order {
    Order {
        order_id: fact.order_id.clone(),
        status: fact.status,
        version: Version(0),
        created_at: fact.at,
        updated_at: fact.at,
        customer_id: placement.customer_id.clone(),
        merchant_id: placement.merchant_id.clone(),
        courier_id: placement.courier_id.clone(),
        details: placement.details.clone(),
        contacts: placement.contacts.clone(),
        delivery_attempts: 0,
        attempts_left: None,
        late: false,
        deadline: None,
        trace: None,
        tracking_epoch: None,
        allowed_transitions: Vec::new(),
        history: Vec::with_capacity(5),
    }
}

fn applied(mut order: Order, fact: &Fact) -> Order {
    order.version = fact.version;
    order.updated_at = fact.at;
    order.deadline = fact.deadline;
    if fact.trace.is_some() {
        order.trace.clone_from(&fact.trace);
    }
    let mut previous_courier_id = None;
    match &fact.change {
        Change::Placed(_) | Change::Moved => {
            order.late = false;
            order.status = fact.status;
            order.attempts_left = fact.attempts_left;
            order.delivery_attempts += u32::from(fact.status == Status::OutForDelivery);
        }
        Change::Late => order.late = true,
        Change::Assigned { courier_id } => {
            previous_courier_id = std::mem::replace(&mut order.courier_id, courier_id.clone());
        }
        Change::TrackingRevoked => order.tracking_epoch = Some(fact.version),
    }
    order.history.push(HistoryEntry::of(fact, previous_courier_id));
    order.allowed_transitions = order.allowed(None);
    order
}
