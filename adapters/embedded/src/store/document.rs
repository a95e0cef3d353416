//! Documents as they are stored: `checksum u64 | status u8 | has timer u8 | changed at i64 | JSON`, little-endian.
//!
//! A row includes what the store derived from the document. So an update finds the index entry and the timer that it replaces
//! in the row that it writes.

use logistics_core::lifecycle::{STATUSES, Status};
use logistics_core::port::DocumentWrite;

use crate::file::checksum::checksum;

const HEADER_BYTES: usize = 18;

/// The fields that the store derives from a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Derived {
    /// Its status.
    pub(crate) status: u8,
    /// Whether the order has a timer.
    pub(crate) has_timer: bool,
    /// Its time in the index, in milliseconds.
    pub(crate) changed_at: i64,
}

impl Derived {
    pub(crate) fn of(document: &DocumentWrite) -> Self {
        Self {
            status: status_code(document.status),
            has_timer: document.due.is_some(),
            changed_at: document.changed_at.as_millis(),
        }
    }
}

/// The length of a document's row.
pub(crate) fn row_bytes(json: &[u8]) -> usize {
    HEADER_BYTES + json.len()
}

/// Encodes a document into a row of [`row_bytes`].
pub(crate) fn encode_into(row: &mut [u8], order_id: &str, derived: Derived, json: &[u8]) {
    row[8] = derived.status;
    row[9] = u8::from(derived.has_timer);
    row[10..HEADER_BYTES].copy_from_slice(&derived.changed_at.to_le_bytes());
    row[HEADER_BYTES..].copy_from_slice(json);
    let sum = checksum(checksum(0, order_id.as_bytes()), &row[8..]);
    row[..8].copy_from_slice(&sum.to_le_bytes());
}

/// Decodes a row.
///
/// # Errors
/// The kind of damage.
pub(crate) fn decode<'a>(order_id: &str, row: &'a [u8]) -> Result<(Derived, &'a [u8]), &'static str> {
    let (header, json) = row.split_at_checked(HEADER_BYTES).ok_or("the document of an order is truncated")?;
    let sum = header[..8].try_into().map_or(0, u64::from_le_bytes);
    if checksum(checksum(0, order_id.as_bytes()), &row[8..]) != sum {
        return Err("the checksum of an order's document does not match");
    }
    let changed_at = header[10..].try_into().map_or(0, i64::from_le_bytes);
    Ok((Derived { status: header[8], has_timer: header[9] != 0, changed_at }, json))
}

/// The status's number in the file. It never changes, independent of the order of the enum.
pub(crate) fn status_code(status: Status) -> u8 {
    match status {
        Status::Placed => 1,
        Status::Confirmed => 2,
        Status::Preparing => 3,
        Status::ReadyForPickup => 4,
        Status::OutForDelivery => 5,
        Status::Delivered => 6,
        Status::DeliveryFailed => 7,
        Status::Returned => 8,
        Status::Rejected => 9,
        Status::Expired => 10,
        Status::Cancelled => 11,
        #[cfg(feature = "knows-lost")]
        Status::Lost => 12,
    }
}

/// The status with this number in the file.
pub(crate) fn status_of(code: u8) -> Option<Status> {
    STATUSES.into_iter().find(|status| status_code(*status) == code)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_status_has_a_number_of_its_own() {
        assert_eq!(STATUSES.map(status_code).into_iter().collect::<BTreeSet<_>>().len(), STATUSES.len());
    }

    #[test]
    fn a_flipped_bit_and_another_orders_row_are_detected() {
        let derived = Derived { status: 6, has_timer: true, changed_at: 77 };
        let mut row = vec![0; row_bytes(b"{}")];
        encode_into(&mut row, "a", derived, b"{}");
        assert_eq!(decode("a", &row), Ok((derived, &b"{}"[..])));
        assert!(decode("b", &row).is_err());
        for bit in 0..row.len() * 8 {
            let mut wrong = row.clone();
            wrong[bit / 8] ^= 1 << (bit % 8);
            assert!(decode("a", &wrong).is_err(), "bit {bit}");
        }
    }
}
