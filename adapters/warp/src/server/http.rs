//! The limits of the two versions of HTTP.

use std::time::Duration;

use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioTimer};

use crate::config::Config;

/// The smallest buffer that hyper permits for a connection: the head of a request, and what is read ahead of a pipelined one.
const HEAD_BYTES_MIN: usize = 8 * 1024;
/// The largest buffer of a connection; usual heads are far shorter.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// Concurrent requests of one HTTP/2 connection. RFC 9113 recommends 100 at least.
const STREAMS_MAX: u32 = 100;
/// Requests that a client may cancel before the server has begun them; with one more the connection ends. Clients that cancel
/// as many do nothing else ("rapid reset", CVE-2023-44487).
const RESETS_MAX: usize = 20;
/// Requests of one connection that the server may reset because they violate the protocol; with one more the connection ends.
const ERRORS_MAX: usize = 100;
/// Bytes of bodies that a connection may send before the server reads them: the least that HTTP/2 permits. Bodies that are read
/// are in the service's budget.
const WINDOW_BYTES: u32 = 65_535;
/// Milliseconds between two pings of an HTTP/2 connection. Without them, a client that has vanished would hold its connection
/// while a request waits.
const PING_INTERVAL_MS: u64 = 30_000;
/// Milliseconds in which the client answers a ping; otherwise the connection is closed.
const PING_TIMEOUT_MS: u64 = 20_000;

pub(crate) fn http1(config: &Config) -> http1::Builder {
    let mut http = http1::Builder::new();
    // hyper counts the idle time before a head as time of the head. `HeadTimeout` limits the head itself.
    http.timer(TokioTimer::new())
        .header_read_timeout(Duration::from_millis(config.idle_timeout_ms))
        .max_buf_size(head_bytes(config));
    http
}

pub(crate) fn http2(config: &Config) -> http2::Builder<TokioExecutor> {
    let mut http = http2::Builder::new(TokioExecutor::new());
    http.timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(head_bytes(config)).unwrap_or(u32::MAX))
        .max_concurrent_streams(STREAMS_MAX)
        .max_pending_accept_reset_streams(RESETS_MAX)
        .max_local_error_reset_streams(ERRORS_MAX)
        .initial_connection_window_size(WINDOW_BYTES)
        .initial_stream_window_size(WINDOW_BYTES)
        .keep_alive_interval(Duration::from_millis(PING_INTERVAL_MS))
        .keep_alive_timeout(Duration::from_millis(PING_TIMEOUT_MS));
    http
}

/// The longest head of a connection, in bytes: its share of [`Config::head_bytes_max`], by default 16 KiB. With a share below
/// 8 KiB the total exceeds the limit, because hyper needs that much.
fn head_bytes(config: &Config) -> usize {
    let share = config.head_bytes_max / config.connections_max.max(1);
    share.clamp(HEAD_BYTES_MIN, HEAD_BYTES_MAX)
}
