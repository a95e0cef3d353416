//! Reactors: side effects with a result, for example a payment, a courier search or a kitchen printer.
//!
//! A [`Reactor`] gets each notification that it is concerned with, and answers with [`Reaction`]s: the requests about the same
//! order that follow. A driver appends the requests before the notification counts as delivered.
//!
//! ```text
//! notification -> react -> requests, with ids made from the fact and the reactor -> log -> delivered
//!                   |                                                               ^
//!                   +-- failed: again after 5 s, 5 min ... 24 h; not yet: when it wants
//! ```
//!
//! Delivery is at least once, so a crash may call the reactor again for the same notification. Its requests then have the same
//! ids ([`RequestId::of_reaction`](crate::RequestId::of_reaction)). A request whose first copy changed the order changes nothing
//! again. What the reactor itself did outside is not undone: a service that it calls needs an idempotency key, for which order id and
//! version serve.
//!
//! ```
//! use logistics_core::reactor::{Authority, Reaction, ReactorName, requests};
//! use logistics_core::notify::Notification;
//! use logistics_core::{Actor, Status, Timestamp, Version};
//!
//! let now = Timestamp::from_millis(1_790_000_000_000);
//! let authority = Authority::of_reactor(&ReactorName::parse("payments")?, Actor::Merchant);
//! let notification = Notification::new("o-1".parse()?, Version(1), Status::Placed, now);
//! let first = requests(&authority, &notification, vec![Reaction::transition(Status::Confirmed)], now)?;
//! let again = requests(&authority, &notification, vec![Reaction::transition(Status::Confirmed)], now)?;
//! assert_eq!(first, again);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod append;
mod authority;
mod by_status;
mod error;
mod reaction;
mod reply;

#[cfg(test)]
mod tests;

pub use crate::ids::ReactorName;
pub use append::append_requests;
pub use authority::{Authority, InvalidReaction, requests};
pub use by_status::{ByStatus, on_status};
pub use error::{ReactError, ReactErrorKind};
pub use reaction::{Reaction, Reactor};
pub use reply::{InvalidReply, parse_reply};
