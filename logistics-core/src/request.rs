//! Requests: the inputs that a client appends to the log.

use serde::{Deserialize, Serialize};

use crate::contact::Contacts;
use crate::details::Details;
use crate::ids::{OrderId, PartyId, Reason, RequestId, Subject, Timestamp, TraceParent, Version};
use crate::lifecycle::{Actor, Status};

/// The contents of a placement. Every field is optional.
///
/// ```
/// use logistics_core::Placement;
///
/// let placement = Placement::new().with_customer("customer-1".parse()?).with_merchant("merchant-7".parse()?);
/// assert_eq!(placement.courier_id, None);
/// # Ok::<(), logistics_core::InvalidText>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Placement {
    /// The customer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<PartyId>,
    /// The merchant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merchant_id: Option<PartyId>,
    /// The courier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub courier_id: Option<PartyId>,
    /// Other data of the order, as JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Details>,
    /// How its parties are reached. Personal data: no interface shows it.
    #[serde(default, skip_serializing_if = "Contacts::is_empty")]
    pub contacts: Contacts,
}

impl Placement {
    /// An empty placement. The fields are public: set what it has, or use the methods below.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the customer.
    #[must_use]
    pub fn with_customer(mut self, customer: PartyId) -> Self {
        self.customer_id = Some(customer);
        self
    }

    /// Sets the merchant.
    #[must_use]
    pub fn with_merchant(mut self, merchant: PartyId) -> Self {
        self.merchant_id = Some(merchant);
        self
    }

    /// Sets the courier.
    #[must_use]
    pub fn with_courier(mut self, courier: PartyId) -> Self {
        self.courier_id = Some(courier);
        self
    }

    /// Sets the details.
    #[must_use]
    pub fn with_details(mut self, details: Details) -> Self {
        self.details = Some(details);
        self
    }

    /// Sets how the parties are reached.
    #[must_use]
    pub fn with_contacts(mut self, contacts: Contacts) -> Self {
        self.contacts = contacts;
        self
    }

    /// Whether both place the same order: a repetition, not a conflict. Details are compared as JSON values.
    #[must_use]
    pub fn same_as(&self, other: &Self) -> bool {
        let parties = (&self.customer_id, &self.merchant_id, &self.courier_id)
            == (&other.customer_id, &other.merchant_id, &other.courier_id);
        parties
            && self.contacts == other.contacts
            && match (&self.details, &other.details) {
                (None, None) => true,
                (Some(mine), Some(theirs)) => mine.same_value(theirs),
                _ => false,
            }
    }
}

/// What a request asks for.
///
/// Exhaustive on purpose, like every enum of the lifecycle: after an addition, the compiler names each decision to extend.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Command {
    /// Places a new order.
    Place(Placement),
    /// Moves the order to another status.
    Transition {
        /// The requested status.
        to: Status,
    },
    /// Cancels the order: the transition to CANCELLED.
    Cancel,
    /// Sets or clears the order's courier. The status does not change.
    Assign {
        /// The courier; `None`: no courier.
        courier_id: Option<PartyId>,
    },
    /// Revokes every tracking link of the order that exists. The status does not change.
    RevokeTracking,
}

impl Command {
    /// The requested status; `None` if the command keeps the status.
    #[must_use]
    pub fn target(&self) -> Option<Status> {
        match self {
            Command::Place(_) => Some(Status::Placed),
            Command::Transition { to } => Some(*to),
            Command::Cancel => Some(Status::Cancelled),
            Command::Assign { .. } | Command::RevokeTracking => None,
        }
    }
}

/// A request about one order.
///
/// ```
/// use logistics_core::{Actor, Command, Request, Timestamp, Version};
///
/// let at = Timestamp::from_millis(1_790_000_000_000);
/// let cancel = Request::new("request-1".parse()?, "order-1".parse()?, Actor::Customer, Command::Cancel, at)
///     .with_expected_version(Version(3))
///     .with_reason("changed my mind".parse()?);
/// assert_eq!(cancel.expected_version, Some(Version(3)));
/// # Ok::<(), logistics_core::InvalidText>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Request {
    /// The sender's id of the request. A repetition has the same id.
    pub id: RequestId,
    /// The order.
    pub order_id: OrderId,
    /// The role that sends the request.
    pub actor: Actor,
    /// The authenticated subject that sends the request; `None`: an anonymous one. The order's facts and history show it.
    pub by: Option<Subject>,
    /// The party that the sender is in the role `actor`. The request then reaches the orders of this party only; another
    /// order does not exist for it. `None`: every order, for example for operators, services and anonymous senders.
    pub party: Option<PartyId>,
    /// What the request asks for.
    pub command: Command,
    /// The version that the order must have; otherwise the request is rejected as stale. `None`: any version.
    pub expected_version: Option<Version>,
    /// The reason, if any.
    pub reason: Option<Reason>,
    /// A client waits for the outcome, so the store keeps it for
    /// [`OUTCOME_KEPT_MS`](crate::limits::OUTCOME_KEPT_MS).
    pub awaited: bool,
    /// W3C trace context of the sender.
    pub trace: Option<TraceParent>,
    /// When the request was sent, by the sender's clock. Information only: no decision uses it.
    pub at: Timestamp,
}

impl Request {
    /// An anonymous request that expects no version, has no reason and no trace, and is not awaited. The fields are public:
    /// set what else it has, or use the methods below.
    #[must_use]
    pub fn new(id: RequestId, order_id: OrderId, actor: Actor, command: Command, at: Timestamp) -> Self {
        Self {
            id,
            order_id,
            actor,
            by: None,
            party: None,
            command,
            expected_version: None,
            reason: None,
            awaited: false,
            trace: None,
            at,
        }
    }

    /// Sets the authenticated subject.
    #[must_use]
    pub fn with_by(mut self, by: Subject) -> Self {
        self.by = Some(by);
        self
    }

    /// Sets the party that the sender is in the role of the actor.
    #[must_use]
    pub fn with_party(mut self, party: PartyId) -> Self {
        self.party = Some(party);
        self
    }

    /// Sets the version that the order must have.
    #[must_use]
    pub fn with_expected_version(mut self, expected: Version) -> Self {
        self.expected_version = Some(expected);
        self
    }

    /// Sets the reason.
    #[must_use]
    pub fn with_reason(mut self, reason: Reason) -> Self {
        self.reason = Some(reason);
        self
    }

    /// Sets whether a client waits for the outcome.
    #[must_use]
    pub fn with_awaited(mut self, awaited: bool) -> Self {
        self.awaited = awaited;
        self
    }

    /// Sets the trace context.
    #[must_use]
    pub fn with_trace(mut self, trace: TraceParent) -> Self {
        self.trace = Some(trace);
        self
    }
}
