//! Terminal colours.

use logistics_core::Status;

/// Colours text, or leaves it plain.
#[derive(Debug, Clone, Copy)]
pub(super) struct Paint(bool);

impl Paint {
    /// Colours text on a terminal, unless `NO_COLOR` is set (<https://no-color.org>).
    pub(super) fn new(terminal: bool) -> Self {
        Self(terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()))
    }

    pub(super) fn bold(self, text: &str) -> String {
        self.with("1", text)
    }

    pub(super) fn dim(self, text: &str) -> String {
        self.with("2", text)
    }

    pub(super) fn red(self, text: &str) -> String {
        self.with("31", text)
    }

    /// A status: green for DELIVERED, red for DELIVERY_FAILED, yellow for other terminal statuses.
    pub(super) fn status(self, status: Status, text: &str) -> String {
        let code = match status {
            Status::Delivered => "1;32",
            Status::DeliveryFailed => "31",
            Status::Returned | Status::Rejected | Status::Expired | Status::Cancelled => "1;33",
            Status::Placed
            | Status::Confirmed
            | Status::Preparing
            | Status::ReadyForPickup
            | Status::OutForDelivery => "36",
            #[cfg(feature = "knows-lost")]
            Status::Lost => "31",
        };
        self.with(code, text)
    }

    fn with(self, code: &str, text: &str) -> String {
        if self.0 { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}
