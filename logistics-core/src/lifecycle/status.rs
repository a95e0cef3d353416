//! The statuses.

use serde::{Deserialize, Deserializer, Serialize};

use super::{transitions_from, transitions_to};
use crate::named::named;

named! {
    /// The status of an order.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
    #[serde(rename_all = "SCREAMING_SNAKE_CASE")]
    pub enum Status {
        /// The customer placed the order; the merchant has not answered yet.
        Placed => "PLACED",
        /// The merchant accepted the order.
        Confirmed => "CONFIRMED",
        /// The merchant makes or packs the order.
        Preparing => "PREPARING",
        /// The order waits for a courier.
        ReadyForPickup => "READY_FOR_PICKUP",
        /// A courier has the order.
        OutForDelivery => "OUT_FOR_DELIVERY",
        /// The customer has the order. Terminal.
        Delivered => "DELIVERED",
        /// A delivery attempt failed; another one may follow.
        DeliveryFailed => "DELIVERY_FAILED",
        /// The order went back to the merchant after failed attempts. Terminal.
        Returned => "RETURNED",
        /// The order was lost after a failed attempt. Terminal. For tests of the project only.
        #[doc(hidden)]
        Lost => "LOST" if "knows-lost",
        /// The merchant refused the order. Terminal.
        Rejected => "REJECTED",
        /// The merchant did not answer in time. Terminal.
        Expired => "EXPIRED",
        /// The order was cancelled. Terminal.
        Cancelled => "CANCELLED",
    }
    /// The name in records, documents and the API, for example `OUT_FOR_DELIVERY`.
    pub fn name;
}

/// A list of statuses that another release may have written. Reading it leaves out the statuses that this build does not know.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KnownStatuses(pub Vec<Status>);

impl<'de> Deserialize<'de> for KnownStatuses {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let names = Vec::<String>::deserialize(deserializer)?;
        Ok(Self(names.iter().filter_map(|name| Status::from_name(name)).collect()))
    }
}

/// Every status, in the order in which people read them.
pub const STATUSES: [Status; Status::ALL.len()] = Status::ALL;

impl Status {
    /// The status of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Status> {
        STATUSES.into_iter().find(|status| status.name() == name)
    }

    /// The place in [`STATUSES`]: stable within one build only.
    #[must_use]
    pub fn index(self) -> usize {
        self as usize
    }

    /// No transition leaves the status.
    #[must_use]
    pub fn is_terminal(self) -> bool {
        transitions_from(Some(self)).next().is_none()
    }

    /// A transition leads to the status. No transition leads to a status that this release only knows: the next release
    /// writes it.
    #[must_use]
    pub fn is_reachable(self) -> bool {
        transitions_to(self).next().is_some()
    }
}
