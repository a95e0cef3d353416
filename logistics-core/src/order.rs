//! An order: the fold of its facts.

use serde::{Deserialize, Serialize};

use crate::details::Details;
use crate::fact::{Change, Fact};
use crate::ids::{OrderId, PartyId, Reason, RequestId, Timestamp, TraceParent, Version};
use crate::lifecycle::{Actor, Status, transitions_from};
use crate::policy::Deadline;
use crate::request::Placement;

/// One line of an order's history: a fact, as the order's document shows it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct HistoryEntry {
    /// The fact's version.
    pub version: Version,
    /// The status after it.
    pub status: Status,
    /// When.
    pub at: Timestamp,
    /// Who brought it about.
    pub actor: Actor,
    /// Why, where somebody said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// The status did not change: the order is late in it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub late: bool,
    /// The request that caused it; none for a timer. A repeated request is recognised by it for as long as the order exists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<RequestId>,
}

/// An order's current state: the fold of its facts. Its JSON is the document that the store holds and the API answers.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Order {
    /// The order.
    pub order_id: OrderId,
    /// Where it is.
    pub status: Status,
    /// The number of its facts.
    pub version: Version,
    /// When it was placed.
    pub created_at: Timestamp,
    /// When its latest fact happened.
    pub updated_at: Timestamp,
    /// Who ordered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<PartyId>,
    /// Who makes or sells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merchant_id: Option<PartyId>,
    /// Who carries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub courier_id: Option<PartyId>,
    /// Anything else that the placement said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Details>,
    /// How often it went out for delivery.
    #[serde(default)]
    pub delivery_attempts: u32,
    /// How many more delivery attempts it has; after a failed one only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempts_left: Option<u32>,
    /// It is late in its status.
    #[serde(default)]
    pub late: bool,
    /// When it moves or is late by itself, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Deadline>,
    /// W3C trace context of its latest fact that has one: facts that timers bring about continue it. Documents of earlier
    /// releases have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<TraceParent>,
    /// What may be asked of it now, whoever asks.
    #[serde(default)]
    pub allowed_transitions: Vec<Status>,
    /// Its facts.
    pub history: Vec<HistoryEntry>,
}

/// A fact that does not follow the order's version: facts are missing before it. Nothing can be decided on top.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
#[error("order {order_id} is at version {current} and the next fact has version {found}")]
pub struct VersionGap {
    /// The order.
    pub order_id: OrderId,
    /// Its version; 0 where there is none yet.
    pub current: Version,
    /// The fact's version.
    pub found: Version,
}

impl Order {
    /// What `actor` could ask of it now; `None`: what anybody could. What only the system does is not asked for.
    #[must_use]
    pub fn allowed(&self, actor: Option<Actor>) -> Vec<Status> {
        transitions_from(Some(self.status))
            .filter(|row| match actor {
                Some(actor) => row.actors.contains(&actor),
                None => row.actors != [Actor::System],
            })
            .map(|row| row.to)
            .filter(|to| *to != Status::OutForDelivery || self.attempts_left != Some(0))
            .collect()
    }

    /// What its placement said.
    #[must_use]
    pub fn placement(&self) -> Placement {
        Placement {
            customer_id: self.customer_id.clone(),
            merchant_id: self.merchant_id.clone(),
            courier_id: self.courier_id.clone(),
            details: self.details.clone(),
        }
    }

    /// The fact that this request caused; `None` where it caused none.
    #[must_use]
    pub fn caused_by(&self, request: &RequestId) -> Option<&HistoryEntry> {
        self.history.iter().find(|entry| entry.request.as_ref() == Some(request))
    }

    /// The fact by which the order entered its status; later facts of the order are about its being late.
    #[must_use]
    pub fn entered(&self) -> Option<&HistoryEntry> {
        self.history.iter().rev().find(|entry| !entry.late)
    }

    /// When its timer is due, if it has one.
    #[must_use]
    pub fn due(&self) -> Option<Timestamp> {
        self.deadline.map(|deadline| deadline.at)
    }

    /// The JSON of its document.
    #[must_use]
    pub fn to_document(&self) -> Vec<u8> {
        // Nothing in an order fails to serialize: no map with odd keys, no float.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// The order of a document.
    ///
    /// # Errors
    /// The parser's, when it is not an order's document.
    pub fn from_document(json: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(json)
    }
}

/// What a fact makes of an order. A fact that the order already has changes nothing, so that reading a log twice is safe.
///
/// # Errors
/// [`VersionGap`] when the fact is not the next one.
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
        delivery_attempts: 0,
        attempts_left: None,
        late: false,
        deadline: None,
        trace: None,
        allowed_transitions: Vec::new(),
        history: Vec::with_capacity(5),
    }
}

fn applied(mut order: Order, fact: &Fact) -> Order {
    let late = fact.change == Change::Late;
    order.version = fact.version;
    order.updated_at = fact.at;
    order.late = late;
    order.deadline = fact.deadline;
    if fact.trace.is_some() {
        order.trace.clone_from(&fact.trace);
    }
    if !late {
        order.status = fact.status;
        order.attempts_left = fact.attempts_left;
        order.delivery_attempts += u32::from(fact.status == Status::OutForDelivery);
    }
    order.history.push(HistoryEntry {
        version: fact.version,
        status: fact.status,
        at: fact.at,
        actor: fact.actor,
        reason: fact.reason.clone(),
        late,
        request: fact.cause.request().cloned(),
    });
    order.allowed_transitions = order.allowed(None);
    order
}
