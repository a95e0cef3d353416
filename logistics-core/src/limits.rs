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
/// How long an awaited outcome stands in the store for whoever waits for it.
pub const OUTCOME_KEPT_MS: u64 = 5 * 60 * 1000;
/// Orders on one page of the list.
pub const PAGE_ORDERS_MAX: usize = 1000;
