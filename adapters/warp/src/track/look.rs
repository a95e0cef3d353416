//! The look of a status: its colours and its sign.

use logistics_core::{Order, Status};

/// The colours of the page of an order.
pub(super) fn tone(order: &Order) -> &'static str {
    match tone_of(order.status) {
        "active" if order.late => "warn",
        tone => tone,
    }
}

/// The colours of a status.
pub(super) fn tone_of(status: Status) -> &'static str {
    match status {
        Status::Delivered => "good",
        Status::DeliveryFailed => "warn",
        Status::Returned | Status::Rejected | Status::Expired | Status::Cancelled => "bad",
        _ => "active",
    }
}

/// The sign of a status, a symbol of `assets/signs.svg`.
pub(super) fn sign_of(status: Status) -> &'static str {
    match status {
        Status::Placed => "receipt",
        Status::Confirmed => "thumb",
        Status::Preparing => "timer",
        Status::ReadyForPickup => "box",
        Status::OutForDelivery => "courier",
        Status::Delivered => "home",
        Status::DeliveryFailed => "door",
        Status::Returned => "back",
        Status::Rejected | Status::Cancelled => "cross",
        Status::Expired => "clock",
        #[allow(unreachable_patterns, reason = "a status for tests only")]
        _ => "box",
    }
}
