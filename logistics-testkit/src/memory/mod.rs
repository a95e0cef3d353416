//! The ports in memory, with faults from one seed.

mod bus;
mod faults;
mod harness;
mod inner;
mod membership;
mod partition_log;
mod readers;
mod shared;
mod store;

#[cfg(test)]
mod tests;

pub use bus::MemoryBus;
pub use faults::{Faults, SLOW_YIELDS_MAX};
pub use harness::MemoryHarness;
pub use store::MemoryOrderStore;
