//! Every limit that a client or an operator can reach. Each name ends with its unit.

/// An order id's length.
pub const ORDER_ID_BYTES_MAX: usize = 64;
/// A request id's length.
pub const REQUEST_ID_BYTES_MAX: usize = 128;
/// The length of a customer's, merchant's or courier's id.
pub const PARTY_BYTES_MAX: usize = 128;
/// The length of the name of a subject.
pub const SUBJECT_BYTES_MAX: usize = 256;
/// A reason's length.
pub const REASON_BYTES_MAX: usize = 256;
/// The length of the JSON of an order's details.
pub const DETAILS_BYTES_MAX: usize = 64 * 1024;
/// Maximum nesting of the JSON of an order's details.
pub const DETAILS_DEPTH_MAX: usize = 64;
/// The length of one record of the log.
pub const RECORD_BYTES_MAX: usize = 256 * 1024;
/// A dead letter keeps this much of the original payload. It fits into a record even if every byte is escaped.
pub const DEAD_LETTER_PAYLOAD_BYTES_MAX: usize = 32 * 1024;
/// A dead letter keeps this much of the original key.
pub const DEAD_LETTER_KEY_BYTES_MAX: usize = 1024;
/// A dead letter keeps this much of its reason.
pub const DEAD_LETTER_REASON_BYTES_MAX: usize = 2048;
/// How long the store keeps an awaited outcome.
pub const OUTCOME_KEPT_MS: u64 = 5 * 60 * 1000;
/// Orders on one page of the list.
pub const PAGE_ORDERS_MAX: usize = 1000;
