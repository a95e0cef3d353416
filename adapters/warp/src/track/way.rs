//! The way of an order, from the table of the lifecycle.

use logistics_core::lifecycle::{STATUSES, Status, Timer, transitions_from};
use logistics_core::{HistoryEntry, Order};

/// The statuses that the order entered, in their order.
pub(super) fn past(order: &Order) -> impl Iterator<Item = &HistoryEntry> {
    order.history.iter().filter(|entry| entry.is_move())
}

/// The statuses that are expected to follow.
pub(super) fn next(order: &Order) -> Vec<Status> {
    if order.attempts_left == Some(0) { exhausted() } else { after(order.status) }
}

/// What follows a failed attempt that was the last one.
pub(super) fn exhausted() -> Vec<Status> {
    Status::DeliveryFailed.moved_by(Timer::Return).into_iter().collect()
}

/// What follows a status on the main path, which is the one that the dwell timer takes. From a side path, the first row that does not
/// end the order leads back.
pub(super) fn after(status: Status) -> Vec<Status> {
    let mut way: Vec<Status> = Vec::new();
    let mut at = status;
    while let Some(next) = at.moved_by(Timer::Dwell).or_else(|| way_back(at)) {
        // A table with a cycle must not keep a request busy.
        if way.len() >= STATUSES.len() {
            break;
        }
        way.push(next);
        at = next;
    }
    way
}

fn way_back(status: Status) -> Option<Status> {
    transitions_from(Some(status)).map(|row| row.to).find(|to| !to.is_terminal())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_ahead_is_the_main_path_and_ends_with_the_order() {
        use Status::{
            Confirmed, Delivered, DeliveryFailed, OutForDelivery, Placed, Preparing, ReadyForPickup, Returned,
        };
        assert_eq!(after(Placed), [Confirmed, Preparing, OutForDelivery, Delivered]);
        assert_eq!(after(ReadyForPickup), [OutForDelivery, Delivered]);
        assert_eq!(after(DeliveryFailed), [OutForDelivery, Delivered]);
        assert_eq!(exhausted(), [Returned]);
        for status in STATUSES {
            assert_eq!(after(status).is_empty(), status.is_terminal(), "{status}");
        }
    }
}
