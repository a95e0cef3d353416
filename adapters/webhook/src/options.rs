//! The settings of the sender.

use std::time::Duration;

/// Milliseconds for one attempt, from the resolution of the host to the end of the answer.
pub const TIME_LIMIT_MS: u64 = 15_000;
/// Milliseconds to connect to one address.
pub const CONNECT_MS_MAX: u64 = 5_000;
/// Bytes of an answer's body that are read. The rest closes the connection.
pub const RESPONSE_BYTES_MAX: usize = 64 * 1024;
/// Addresses of a host to which one attempt connects, one after the other.
pub const ADDRESSES_MAX: usize = 4;
/// Idle connections to one host and port.
pub const IDLE_CONNECTIONS_MAX: usize = 8;
/// Idle connections of the process.
pub const IDLE_CONNECTIONS_ALL_MAX: usize = 512;
/// Milliseconds for which an idle connection is kept.
pub const IDLE_MS_MAX: u64 = 30_000;
/// Resolutions of hosts at a time.
pub const RESOLUTIONS_MAX: usize = 64;

/// The settings of [`HttpSender`](crate::HttpSender).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SenderOptions {
    /// Permits `http`. For tests and development only: the content travels in the clear. Default: no.
    pub allow_http: bool,
    /// Permits addresses that are not public. For tests and development only: the owner of an endpoint then reaches the network of this
    /// process. Default: no.
    pub allow_private: bool,
    /// Milliseconds for one attempt. Default [`TIME_LIMIT_MS`].
    pub time_limit_ms: u64,
    /// Certificates in DER that are trusted beside those of the system.
    pub extra_roots: Vec<Vec<u8>>,
}

impl Default for SenderOptions {
    fn default() -> Self {
        Self {
            allow_http: false,
            allow_private: false,
            time_limit_ms: TIME_LIMIT_MS,
            extra_roots: Vec::new(),
        }
    }
}

impl SenderOptions {
    pub(crate) fn time_limit(&self) -> Duration {
        Duration::from_millis(self.time_limit_ms)
    }
}
