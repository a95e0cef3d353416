//! The system as it is deployed: running the tools that deploy it. Everything here waits for something, with a limit, and fails
//! by panicking.

pub mod broker;
pub mod command;
pub mod compose;
pub mod observability;

use std::path::PathBuf;

pub use logistics_test_support::{Suite, http, load, required, until};

/// The folder of the whole project.
#[must_use]
pub fn project() -> PathBuf {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    folder.canonicalize().unwrap_or(folder)
}
