//! Who is told what about a fact.

use serde::{Deserialize, Serialize};

use crate::fact::{Change, Fact};
use crate::ids::{OrderId, Timestamp, Version};
use crate::lifecycle::{Actor, Status};

/// What people are told about one fact.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Notification {
    /// The order.
    pub order_id: OrderId,
    /// Its status after the fact.
    pub status: Status,
    /// The fact's version; with the order id it names the notification, so that a repetition can be told.
    pub version: Version,
    /// When the fact happened.
    pub at: Timestamp,
    /// Who is told.
    pub audiences: Vec<Actor>,
    /// One sentence.
    pub text: String,
}

impl Notification {
    /// What `fact` tells, and whom.
    #[must_use]
    pub fn of(fact: &Fact) -> Self {
        let late = fact.change == Change::Late;
        let (order_id, status) = (fact.order_id.clone(), fact.status);
        let text = if late {
            format!("Order {order_id} is late: still {status}")
        } else {
            format!("Order {order_id} is now {status}")
        };
        let audiences = if late { late_audiences(status) } else { audiences(status) };
        Self { order_id, status, version: fact.version, at: fact.at, audiences: audiences.to_vec(), text }
    }
}

/// Who is told that an order entered `status`.
#[must_use]
pub fn audiences(status: Status) -> &'static [Actor] {
    use Actor::{Courier, Customer, Merchant, Operator};
    match status {
        Status::Placed | Status::Expired | Status::Delivered => &[Customer, Merchant],
        Status::Confirmed | Status::Preparing | Status::Rejected => &[Customer],
        Status::ReadyForPickup => &[Customer, Courier],
        Status::OutForDelivery => &[Customer, Merchant],
        Status::DeliveryFailed => &[Customer, Merchant, Operator],
        Status::Returned => &[Customer, Merchant],
        Status::Cancelled => &[Customer, Merchant, Courier],
    }
}

/// Who is told that an order is late in `status`: whoever can do something about it, and the operator.
#[must_use]
pub fn late_audiences(status: Status) -> &'static [Actor] {
    use Actor::{Courier, Merchant, Operator};
    match status {
        Status::ReadyForPickup | Status::OutForDelivery | Status::DeliveryFailed => &[Courier, Operator],
        _ => &[Merchant, Operator],
    }
}
