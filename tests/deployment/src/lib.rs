//! The system as it is deployed: running the tools that deploy it, talking to it, and loading it with orders. Everything here
//! waits for something, with a limit, and fails by panicking.

pub mod command;
pub mod compose;
pub mod http;
pub mod load;
mod suite;
mod wait;

use std::net::TcpListener;
use std::path::PathBuf;

pub use suite::{Suite, required};
pub use wait::until;

/// The folder of the whole project.
#[must_use]
pub fn project() -> PathBuf {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    folder.canonicalize().unwrap_or(folder)
}

/// A port of this machine that is free now.
///
/// # Panics
/// Where there is none.
#[must_use]
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    listener.expect("a free port").port()
}
