//! Every limit that a client or an operator can meet, by name, with its unit last.

/// An order id's length.
pub const ORDER_ID_BYTES_MAX: usize = 64;
/// A request id's length.
pub const REQUEST_ID_BYTES_MAX: usize = 128;
/// A customer's, merchant's or courier's name.
pub const PARTY_BYTES_MAX: usize = 128;
/// A reason's length.
pub const REASON_BYTES_MAX: usize = 256;
/// The JSON of an order's details.
pub const DETAILS_BYTES_MAX: usize = 64 * 1024;
/// How deep the JSON of an order's details may nest.
pub const DETAILS_DEPTH_MAX: usize = 64;
/// One record of the log.
pub const RECORD_BYTES_MAX: usize = 256 * 1024;
/// How much of a dead record's bytes its dead letter keeps. With escapes, it and all the rest fit into a record.
pub const DEAD_LETTER_PAYLOAD_BYTES_MAX: usize = 32 * 1024;
/// How much of a dead record's key its dead letter keeps.
pub const DEAD_LETTER_KEY_BYTES_MAX: usize = 1024;
/// How much of the reason a dead letter keeps.
pub const DEAD_LETTER_REASON_BYTES_MAX: usize = 2048;
/// How long the store keeps an awaited outcome.
pub const OUTCOME_KEPT_MS: u64 = 5 * 60 * 1000;
/// Orders on one page of the list.
pub const PAGE_ORDERS_MAX: usize = 1000;
