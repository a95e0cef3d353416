//! What tests of running systems share, however those run: tests that are ignored where something is absent, a client of the
//! API, and clients that place orders and remember what they were told. Nothing here needs a runtime.

pub mod http;
pub mod load;
mod port;
mod service;
mod suite;
mod wait;

pub use port::free_port;
pub use service::{Environment, Said, Service};
pub use suite::{Suite, required};
pub use wait::until;
