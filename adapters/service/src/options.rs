//! The settings of the service.

/// Time limits of the use cases, and the bytes that they may hold.
///
/// Change fields of `Options::default()`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// Milliseconds to wait for a decision where the command names no time. Default 5,000.
    pub default_wait_ms: u64,
    /// The longest wait that a command gets, in milliseconds; a longer one is shortened to it. Default 60,000.
    pub wait_ms_max: u64,
    /// Milliseconds to wait for the document of an order that may just have been placed, and for the store to catch up with
    /// the log before an order counts as absent. An idle processor takes a second for that. Default 2,500.
    pub lookup_wait_ms: u64,
    /// Milliseconds within which the bus and the store must answer; later the call fails as
    /// [`Unavailable`](crate::ServiceError::Unavailable). Default 10,000.
    pub port_timeout_ms: u64,
    /// Bytes of requests and replies under way, of all callers together. Beyond them a call fails at once as
    /// [`Overloaded`](crate::ServiceError::Overloaded). Default 64 MiB.
    pub in_flight_bytes_max: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            default_wait_ms: 5_000,
            wait_ms_max: 60_000,
            lookup_wait_ms: 2_500,
            port_timeout_ms: 10_000,
            in_flight_bytes_max: 64 * 1024 * 1024,
        }
    }
}
