//! The statuses: one list, from which the type, its names and [`STATUSES`] come.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! statuses {
    ($($(#[$doc:meta])* $status:ident => $name:literal,)+) => {
        /// Where an order is.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Status {
            $($(#[$doc])* #[serde(rename = $name)] $status,)+
        }

        /// Every status, in the order in which people read them.
        pub const STATUSES: [Status; [$($name),+].len()] = [$(Status::$status),+];

        impl Status {
            /// The name in records, documents and the API, for example `OUT_FOR_DELIVERY`.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Status::$status => $name,)+
                }
            }
        }
    };
}

statuses! {
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
    /// The merchant refused the order. Terminal.
    Rejected => "REJECTED",
    /// The merchant did not answer in time. Terminal.
    Expired => "EXPIRED",
    /// The order was cancelled. Terminal.
    Cancelled => "CANCELLED",
}

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
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
