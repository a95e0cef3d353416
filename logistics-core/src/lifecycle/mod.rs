//! The order lifecycle: one table, and what is derived from it.
//!
//! To change what an order may do, change [`TRANSITIONS`]. The validator, the API's `allowed_transitions`, the OpenAPI
//! enums, the diagrams, the docs table and the exhaustive tests are derived from the table. `CONTRIBUTING.md` lists what a
//! new status needs besides its rows. [`ASSIGNMENTS`] is the table of the changes that keep the status: those of the courier.

mod assignment;
pub mod diagram;
#[cfg(feature = "allows-lost")]
#[doc(hidden)]
pub mod release;
mod status;

use serde::{Deserialize, Serialize};

use crate::named::named;

pub use assignment::{ASSIGNMENTS, AssignmentRule, assigners};
pub use status::{KnownStatuses, STATUSES, Status};

named! {
    /// The role that requests a transition.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
    #[serde(rename_all = "lowercase")]
    pub enum Actor {
        /// Orders and receives.
        Customer => "customer",
        /// Makes or sells.
        Merchant => "merchant",
        /// Carries.
        Courier => "courier",
        /// Runs the platform.
        Operator => "operator",
        /// The platform itself: a timer.
        System => "system",
    }
    /// The name in records, documents and the API, for example `merchant`.
    pub fn name;
}

named! {
    /// The timers that cause a transition without a request.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
    #[serde(rename_all = "lowercase")]
    pub enum Timer {
        /// The dwell time of the status, with [`Mode::Simulate`](crate::Mode::Simulate).
        Dwell => "dwell",
        /// The accept deadline.
        Accept => "accept",
        /// The return deadline.
        Return => "return",
    }
    /// The name in records and diagrams.
    pub fn name;
}

/// One row of the table: a transition, the roles that may request it, and the timer that causes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transition {
    /// The status before; `None` for a new order.
    pub from: Option<Status>,
    /// The status after.
    pub to: Status,
    /// The roles that may request it. [`Actor::System`] means the timer.
    pub actors: &'static [Actor],
    /// The timer that causes it without a request, if one does.
    pub timer: Option<Timer>,
}

const fn row(from: Option<Status>, to: Status, actors: &'static [Actor], timer: Option<Timer>) -> Transition {
    Transition { from, to, actors, timer }
}

use Actor::{Courier, Customer, Merchant, Operator, System};
use Status::{
    Cancelled, Confirmed, Delivered, DeliveryFailed, Expired, OutForDelivery, Placed, Preparing,
    ReadyForPickup, Rejected, Returned,
};

/// The lifecycle. A transition without a row cannot happen.
#[rustfmt::skip]
pub const TRANSITIONS: &[Transition] = &[
    row(None,                 Placed,         &[Customer],                      None),
    row(Some(Placed),         Confirmed,      &[Merchant, Operator, System],    Some(Timer::Dwell)),
    row(Some(Placed),         Rejected,       &[Merchant, Operator],            None),
    row(Some(Placed),         Expired,        &[System],                        Some(Timer::Accept)),
    row(Some(Placed),         Cancelled,      &[Customer, Merchant, Operator],  None),
    row(Some(Confirmed),      Preparing,      &[Merchant, Operator, System],    Some(Timer::Dwell)),
    row(Some(Confirmed),      Cancelled,      &[Customer, Merchant, Operator],  None),
    row(Some(Preparing),      ReadyForPickup, &[Merchant, Operator],            None),
    row(Some(Preparing),      OutForDelivery, &[Courier, Operator, System],     Some(Timer::Dwell)),
    row(Some(Preparing),      Cancelled,      &[Merchant, Operator],            None),
    row(Some(ReadyForPickup), OutForDelivery, &[Courier, Operator, System],     Some(Timer::Dwell)),
    row(Some(ReadyForPickup), Cancelled,      &[Merchant, Operator],            None),
    row(Some(OutForDelivery), Delivered,      &[Courier, Operator, System],     Some(Timer::Dwell)),
    row(Some(OutForDelivery), DeliveryFailed, &[Courier, Operator],             None),
    row(Some(DeliveryFailed), OutForDelivery, &[Courier, Operator],             None),
    row(Some(DeliveryFailed), Returned,       &[Courier, Operator, System],     Some(Timer::Return)),
    #[cfg(feature = "allows-lost")]
    row(Some(DeliveryFailed), Status::Lost,   &[Operator],                      None),
];

/// Every actor.
pub const ACTORS: [Actor; Actor::ALL.len()] = Actor::ALL;

/// The row from `from` to `to`, if the table has one.
#[must_use]
pub fn transition(from: Option<Status>, to: Status) -> Option<&'static Transition> {
    rows().find(|row| row.from == from && row.to == to)
}

/// The rows that leave `from`, in table order.
pub fn transitions_from(from: Option<Status>) -> impl Iterator<Item = &'static Transition> {
    rows().filter(move |row| row.from == from)
}

/// The rows that lead to `to`, in table order.
pub fn transitions_to(to: Status) -> impl Iterator<Item = &'static Transition> {
    rows().filter(move |row| row.to == to)
}

/// The statuses that `actor` can request from `from`; `None`: any actor. Transitions of the system alone are not included.
pub(crate) fn requestable(from: Status, actor: Option<Actor>, has_attempts_left: bool) -> Vec<Status> {
    transitions_from(Some(from))
        .filter(|row| match actor {
            Some(actor) => row.actors.contains(&actor),
            None => row.actors != [System],
        })
        .map(|row| row.to)
        .filter(|to| *to != OutForDelivery || has_attempts_left)
        .collect()
}

#[cfg(not(feature = "allows-lost"))]
fn rows() -> impl Iterator<Item = &'static Transition> {
    TRANSITIONS.iter()
}

#[cfg(feature = "allows-lost")]
fn rows() -> impl Iterator<Item = &'static Transition> {
    TRANSITIONS.iter().filter(|row| release::has(row))
}

impl Status {
    /// The status to which `timer` moves an order in this status.
    #[must_use]
    pub fn moved_by(self, timer: Timer) -> Option<Status> {
        transitions_from(Some(self)).find(|row| row.timer == Some(timer)).map(|row| row.to)
    }
}

impl Actor {
    /// The actor of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Actor> {
        ACTORS.into_iter().find(|actor| actor.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_serde_names_and_lead_back() {
        for (index, status) in STATUSES.into_iter().enumerate() {
            assert_eq!(serde_json::to_string(&status).unwrap(), format!("\"{}\"", status.name()));
            assert_eq!(Status::from_name(status.name()), Some(status));
            assert_eq!(status.index(), index);
        }
        for actor in ACTORS {
            assert_eq!(serde_json::to_string(&actor).unwrap(), format!("\"{}\"", actor.name()));
            assert_eq!(Actor::from_name(actor.name()), Some(actor));
        }
    }

    #[test]
    fn a_pair_of_statuses_has_one_row_and_a_clock_acts_as_the_system() {
        for (i, row) in TRANSITIONS.iter().enumerate() {
            assert!(TRANSITIONS[i + 1..].iter().all(|other| (other.from, other.to) != (row.from, row.to)));
            assert_eq!(row.timer.is_some(), row.actors.contains(&System), "{row:?}");
        }
    }

    #[test]
    fn the_dwell_timer_walks_from_placed_to_delivered() {
        let mut walk = vec![Placed];
        while let Some(next) = walk.last().unwrap().moved_by(Timer::Dwell) {
            walk.push(next);
        }
        assert_eq!(walk, [Placed, Confirmed, Preparing, OutForDelivery, Delivered]);
        assert_eq!(ReadyForPickup.moved_by(Timer::Dwell), Some(OutForDelivery));
    }
}
