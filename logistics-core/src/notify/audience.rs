//! The roles that a fact notifies.

use crate::lifecycle::{Actor, Status};

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
