//! The settings of the server.

use std::net::{Ipv4Addr, SocketAddr};

use ipnet::IpNet;

use crate::server::Tls;

/// The default of [`Config::idle_timeout_ms`].
pub const IDLE_TIMEOUT_MS_DEFAULT: u64 = 75_000;

/// The default of [`Config::connections_max`].
pub const CONNECTIONS_MAX_DEFAULT: usize = 4096;
/// The default of [`Config::heartbeat_ms`].
pub const HEARTBEAT_MS_DEFAULT: u64 = 15_000;

/// The header in which trusted proxies append the address of their client. Only one counts: a proxy passes on the other one as
/// its client wrote it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ForwardedHeader {
    /// `X-Forwarded-For`.
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

/// The address of the server, its limits, and what it permits.
///
/// `Config::default()` or [`Config::new`] makes one; then set its fields. [Embedding](crate#embedding) lists the fields that apply
/// where another server has the connections.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// The address to listen on; port 0 selects a free one. On a loopback address the API serves loopback names only
    /// ([`allowed_hosts`](Self::allowed_hosts)). Default `127.0.0.1:8000`.
    pub listen: SocketAddr,
    /// TLS. Default none: the server speaks plain HTTP.
    pub tls: Option<Tls>,
    /// The path below which another server mounts the API, for example `/shop`, without a slash at its end. `Location`, the
    /// OpenAPI document and its page start with it. Default empty: the API is not mounted below a path.
    pub base_path: String,
    /// The longest request body, in bytes; a longer one is answered 413. Default 128 KiB.
    pub body_bytes_max: usize,
    /// Milliseconds from the first byte of a request to the end of its head; a slower connection is closed. Default 30,000.
    pub header_timeout_ms: u64,
    /// Milliseconds that a connection may be idle; then it is closed. Default 75,000. Common balancers close theirs after 60 s and
    /// must be the first: otherwise they send a request into a connection that ends.
    pub idle_timeout_ms: u64,
    /// Milliseconds from the end of a head to the end of the body; a slower body is answered 408. Default 10,000.
    pub body_timeout_ms: u64,
    /// Write-stall timeout, in milliseconds: a connection whose client reads nothing of a reply for so long is closed. Default
    /// 30,000.
    pub write_timeout_ms: u64,
    /// Concurrent connections; further ones wait in the listen queue until one ends. Default 4,096.
    pub connections_max: usize,
    /// Bytes that the heads of requests may hold, of all connections together. Each connection has its share of them, from
    /// 8 KiB to 64 KiB. Bodies and replies are in the service's budget. Default 64 MiB.
    pub head_bytes_max: usize,
    /// Origins whose pages may use the API, for example `https://shop.example`. Default none: the server's own only.
    pub cors_origins: Vec<String>,
    /// Names that `Host` may have, without a port. A server on a loopback address serves these and loopback names. Any other
    /// server serves every name if the list is empty. Default none.
    pub allowed_hosts: Vec<String>,
    /// Networks of proxies in front of the server. The address of a client is read from their
    /// [`forwarded_header`](Self::forwarded_header); any other client's header is ignored. Default none.
    pub trusted_proxies: Vec<IpNet>,
    /// The header in which the trusted proxies append the address of their client. Default `X-Forwarded-For`.
    pub forwarded_header: ForwardedHeader,
    /// Names of parts that the API needs for reads only. Without them the server is ready and degraded. Default none.
    pub degradable_parts: Vec<String>,
    /// Whether `/health/ready` shows what each part is doing; these texts contain the addresses of brokers and stores. Default
    /// false: the names of the parts, and which are missing.
    pub health_details: bool,
    /// The public URL below which tracking pages are, without a slash at its end, for example `https://shop.example/track`: where
    /// a proxy forwards them to `/track`. Default empty: links are relative to this server.
    pub tracking_url: String,
    /// CSS behind the style of the tracking page, for example other values of its custom properties. Default empty.
    pub track_style: String,
    /// Milliseconds between two heartbeats of a live stream. A heartbeat keeps proxies from closing an idle stream, and finds
    /// clients that have vanished. Default 15,000.
    pub heartbeat_ms: u64,
    /// Milliseconds that running requests have when the server stops; then their connections are closed. Default 5,000.
    pub drain_ms_max: u64,
}

impl Config {
    /// The defaults, on this address.
    #[must_use]
    pub fn new(listen: SocketAddr) -> Self {
        Self { listen, ..Self::default() }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8000)),
            tls: None,
            base_path: String::new(),
            body_bytes_max: 128 * 1024,
            header_timeout_ms: 30_000,
            idle_timeout_ms: IDLE_TIMEOUT_MS_DEFAULT,
            body_timeout_ms: 10_000,
            write_timeout_ms: 30_000,
            connections_max: CONNECTIONS_MAX_DEFAULT,
            head_bytes_max: 64 * 1024 * 1024,
            cors_origins: Vec::new(),
            allowed_hosts: Vec::new(),
            trusted_proxies: Vec::new(),
            forwarded_header: ForwardedHeader::default(),
            degradable_parts: Vec::new(),
            health_details: false,
            tracking_url: String::new(),
            track_style: String::new(),
            heartbeat_ms: HEARTBEAT_MS_DEFAULT,
            drain_ms_max: 5_000,
        }
    }
}
