//! Shared parts of tests of running systems: suites whose tests can be ignored, an API client, and a load of clients that
//! record their replies. None of it needs a runtime.

pub mod http;
pub mod load;
mod port;
mod service;
#[cfg(feature = "smtp")]
pub mod smtp;
mod suite;
#[cfg(feature = "traces")]
pub mod traces;
mod wait;

pub use port::free_port;
pub use service::{Environment, ProcessOutput, Service};
pub use suite::{Suite, required};
pub use wait::until;
