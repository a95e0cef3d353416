//! The settings of the service.

use logistics_core::wire::LogKeys;

use crate::tracking::TrackingOptions;

/// Time limits of the use cases, their limit of bytes in flight, and the keys of the log.
///
/// Change fields of `Options::default()`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// Wait for a decision if the command has none, in milliseconds. Default 5,000.
    pub default_wait_ms: u64,
    /// Maximum wait of a command, in milliseconds; a longer one is shortened. Default 60,000.
    pub wait_ms_max: u64,
    /// Wait for the document of an order that was perhaps just placed, and for a store that is behind the log, in milliseconds.
    /// An idle processor needs a second to update the store. Default 2,500.
    pub lookup_wait_ms: u64,
    /// Time limit of a call of the bus or the store, in milliseconds. Beyond it the call fails as
    /// [`Unavailable`](crate::ServiceError::Unavailable). Default 10,000.
    pub port_timeout_ms: u64,
    /// Maximum bytes of requests and replies in flight, of all callers together. Beyond it a call fails at once as
    /// [`Overloaded`](crate::ServiceError::Overloaded). Default 64 MiB.
    pub in_flight_bytes_max: usize,
    /// The keys of the log; the first one signs every request. Processors with a log key accept unsigned requests only as far
    /// as their producer roles permit. Default `None`: requests are not signed.
    pub log_keys: Option<LogKeys>,
    /// Maximum backlog of a partition: records of the log without an answer in the store. Beyond it, placements into the partition
    /// fail at once as [`Behind`](crate::ServiceError::Behind); transitions and reads go on. The store's answers are up to a second
    /// old, so the maximum is at least what a partition receives in several seconds. Default `None`: no maximum, because a log
    /// keeps a backlog safely, and only an operator knows how late a decision may be.
    pub admission_lag_max: Option<u64>,
    /// Tracking links. Default `None`: none are made, and none are accepted.
    pub tracking: Option<TrackingOptions>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            default_wait_ms: 5_000,
            wait_ms_max: 60_000,
            lookup_wait_ms: 2_500,
            port_timeout_ms: 10_000,
            in_flight_bytes_max: 64 * 1024 * 1024,
            log_keys: None,
            admission_lag_max: None,
            tracking: None,
        }
    }
}
