//! What tests of running systems share, however those run: tests that are ignored where something is absent, a client of the
//! API, and clients that place orders and remember what they were told. Nothing here needs a runtime.

pub mod http;
pub mod load;
mod suite;
mod wait;

use std::net::TcpListener;

pub use suite::{Suite, required};
pub use wait::until;

/// A port of this machine that is free now.
///
/// # Panics
/// Where there is none.
#[must_use]
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    listener.expect("a free port").port()
}
