//! For tests of this crate, of adapters and of whole systems (feature `testkit`).
//!
//! - [`conformance`]: the suites that every adapter of a port passes;
//! - [`Broker`] and [`MemoryStore`]: a log and a store that behave like Kafka and Redis where it hurts, as pure state
//!   machines that a model checker or a simulation drives step by step;
//! - [`MemoryBus`] and [`MemoryOrderStore`]: the ports over them, with faults from one seed, and [`MemoryHarness`], which runs
//!   the suites on them, also behind a decorator;
//! - [`Scenario`] and [`sample`]: given / when / then on facts, and things to write tests with;
//! - [`block_on`] and its like: futures without a runtime.
//!
//! Nothing here is meant for production: suites report failures by panicking, and executors neither scale nor do I/O.

mod broker;
pub mod conformance;
pub mod executor;
mod memory;
mod rng;
pub mod sample;
mod scenario;
mod store;

pub use broker::{Broker, CommitFate, Epoch, Fenced, Member, Reader, Truncated};
pub use executor::block_on;
pub use memory::{Faults, MemoryBus, MemoryHarness, MemoryOrderStore, SLOW_YIELDS_MAX};
pub use rng::Rng;
pub use scenario::{Decided, Scenario};
pub use store::{MemoryStore, Snapshot};
