//! The settings of the server.

use std::net::{Ipv4Addr, SocketAddr};

/// The default of [`Config::idle_timeout_ms`].
pub const IDLE_TIMEOUT_MS_DEFAULT: u64 = 75_000;

/// Where the server listens, and what it puts up with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The address to listen on; port 0 takes a free one. Default `127.0.0.1:8000`.
    pub listen: SocketAddr,
    /// The longest request body, in bytes; a longer one is answered 413. Default 128 KiB.
    pub body_bytes_max: usize,
    /// Milliseconds from the first byte of a request until its whole head must be there; a slower connection is closed.
    /// Default 30,000.
    pub header_timeout_ms: u64,
    /// Milliseconds that a connection may be idle; then it is closed. Default 75,000, longer than the 60 s after which
    /// common balancers close theirs: a balancer must be the first, or it sends a request into a connection that ends.
    pub idle_timeout_ms: u64,
    /// Milliseconds until the whole body must be there once the head is; a slower one is answered 408. Default 10,000.
    pub body_timeout_ms: u64,
    /// Milliseconds for which a client may take nothing of a reply; then its connection is closed. Default 30,000.
    pub write_timeout_ms: u64,
    /// Connections at a time; further ones wait in the listen queue until one ends. Default 4,096.
    pub connections_max: usize,
    /// Bytes that the heads of requests may hold, of all connections together: each connection has its share of them, from
    /// 8 KiB to 64 KiB. Bodies and replies are in the service's budget. Default 64 MiB.
    pub head_bytes_max: usize,
    /// Origins whose pages may use the API, for example `https://shop.example`. Default none: the server's own only.
    pub cors_origins: Vec<String>,
    /// Names that `Host` may have, without a port. A server on a loopback address takes these besides loopback names; any
    /// other server takes every name where there are none here. Default none.
    pub allowed_hosts: Vec<String>,
    /// Names of parts without which orders are still taken: where one is missing, the server is ready and degraded. Default
    /// none.
    pub degradable_parts: Vec<String>,
    /// Whether `/health/ready` shows what each part is doing: its texts name brokers and stores by their addresses. Default
    /// false: names of parts, and which are missing.
    pub health_details: bool,
    /// Milliseconds that running requests have when the server stops; then their connections are closed. Default 5,000.
    pub drain_ms_max: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8000)),
            body_bytes_max: 128 * 1024,
            header_timeout_ms: 30_000,
            idle_timeout_ms: IDLE_TIMEOUT_MS_DEFAULT,
            body_timeout_ms: 10_000,
            write_timeout_ms: 30_000,
            connections_max: 4096,
            head_bytes_max: 64 * 1024 * 1024,
            cors_origins: Vec::new(),
            allowed_hosts: Vec::new(),
            degradable_parts: Vec::new(),
            health_details: false,
            drain_ms_max: 5_000,
        }
    }
}
