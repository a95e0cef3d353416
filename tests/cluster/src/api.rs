//! The client of the API, for what must not block.

use std::io;
use std::net::SocketAddr;

use logistics_test_support::http::{self, Reply};
use tokio::task::spawn_blocking;

/// Asks for something.
///
/// # Errors
/// If no answer arrives in time, or only a part of it.
///
/// # Panics
/// Never: the call does not.
pub async fn get(address: SocketAddr, path: &str) -> io::Result<Reply> {
    let path = path.to_owned();
    spawn_blocking(move || http::get(address, &path)).await.expect("the call does not panic")
}

/// Posts, without a body.
///
/// # Errors
/// If no answer arrives in time, or only a part of it.
///
/// # Panics
/// Never: the call does not.
pub async fn post(address: SocketAddr, path: &str) -> io::Result<Reply> {
    let path = path.to_owned();
    spawn_blocking(move || http::post(address, &path, &[], "")).await.expect("the call does not panic")
}
