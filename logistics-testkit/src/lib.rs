#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

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
