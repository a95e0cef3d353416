//! The client of the API, for async tests.

use std::io;
use std::net::SocketAddr;

use logistics_test_support::http::{self, Reply};
use tokio::task::spawn_blocking;

/// Sends a GET request.
///
/// # Errors
/// If no complete answer arrives in time.
///
/// # Panics
/// Never: the call does not.
pub async fn get(address: SocketAddr, path: &str) -> io::Result<Reply> {
    let path = path.to_owned();
    spawn_blocking(move || http::get(address, &path)).await.expect("the call does not panic")
}

/// Sends a POST request without a body.
///
/// # Errors
/// If no complete answer arrives in time.
///
/// # Panics
/// Never: the call does not.
pub async fn post(address: SocketAddr, path: &str) -> io::Result<Reply> {
    let path = path.to_owned();
    spawn_blocking(move || http::post(address, &path, &[], "")).await.expect("the call does not panic")
}
