//! The names of statuses in the built-in languages.

use logistics_core::Status;

/// The name of a status in a language; in another language than the built-in ones, its name in the API.
pub(super) fn status_name(language: &str, status: Status) -> &'static str {
    match language.split('-').next() {
        Some("en") => english(status),
        Some("de") => german(status),
        _ => status.name(),
    }
}

fn english(status: Status) -> &'static str {
    match status {
        Status::Placed => "placed",
        Status::Confirmed => "confirmed",
        Status::Preparing => "in preparation",
        Status::ReadyForPickup => "ready for pickup",
        Status::OutForDelivery => "out for delivery",
        Status::Delivered => "delivered",
        Status::DeliveryFailed => "delivery failed",
        Status::Returned => "returned",
        Status::Rejected => "rejected",
        Status::Expired => "expired",
        Status::Cancelled => "cancelled",
        // A status of a newer release, and that of tests.
        #[allow(unreachable_patterns)]
        other => other.name(),
    }
}

fn german(status: Status) -> &'static str {
    match status {
        Status::Placed => "aufgegeben",
        Status::Confirmed => "bestätigt",
        Status::Preparing => "in Zubereitung",
        Status::ReadyForPickup => "abholbereit",
        Status::OutForDelivery => "unterwegs",
        Status::Delivered => "zugestellt",
        Status::DeliveryFailed => "Zustellung fehlgeschlagen",
        Status::Returned => "zurückgegeben",
        Status::Rejected => "abgelehnt",
        Status::Expired => "abgelaufen",
        Status::Cancelled => "storniert",
        // A status of a newer release, and that of tests.
        #[allow(unreachable_patterns)]
        other => other.name(),
    }
}
