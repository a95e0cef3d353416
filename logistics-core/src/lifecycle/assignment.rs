//! Who may set or clear the courier of an order: a table beside the transitions.

use super::{Actor, Status};

use Actor::{Courier, Merchant, Operator};

/// One row of [`ASSIGNMENTS`]: the roles that may set or clear the courier of an order in this status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AssignmentRule {
    /// The order's status, which an assignment does not change.
    pub status: Status,
    /// The roles that may request it.
    pub actors: &'static [Actor],
}

const fn row(status: Status, actors: &'static [Actor]) -> AssignmentRule {
    AssignmentRule { status, actors }
}

/// Who may set or clear the courier. In a status without a row, the courier does not change.
///
/// A courier that is a party may only claim an order without a courier, and release its own order.
#[rustfmt::skip]
pub const ASSIGNMENTS: &[AssignmentRule] = &[
    row(Status::Placed,         &[Merchant, Operator, Courier]),
    row(Status::Confirmed,      &[Merchant, Operator, Courier]),
    row(Status::Preparing,      &[Merchant, Operator, Courier]),
    row(Status::ReadyForPickup, &[Merchant, Operator, Courier]),
    row(Status::OutForDelivery, &[Operator]),
    row(Status::DeliveryFailed, &[Merchant, Operator, Courier]),
];

/// The roles that may set or clear the courier of an order in this status.
#[must_use]
pub fn assigners(status: Status) -> &'static [Actor] {
    ASSIGNMENTS.iter().find(|row| row.status == status).map_or(&[], |row| row.actors)
}

#[cfg(test)]
mod tests {
    use super::super::STATUSES;
    use super::*;

    #[test]
    fn a_status_has_one_row_if_orders_leave_it_and_none_otherwise() {
        for status in STATUSES {
            let rows = ASSIGNMENTS.iter().filter(|row| row.status == status).count();
            assert_eq!(rows, usize::from(!status.is_terminal()), "{status}");
            assert!(!assigners(status).contains(&Actor::System), "no timer assigns a courier");
            assert_eq!(assigners(status).contains(&Operator), !status.is_terminal());
        }
    }
}
