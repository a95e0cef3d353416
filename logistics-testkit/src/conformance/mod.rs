//! The suites that every adapter of a port passes.
//!
//! An adapter's test is a harness that builds fresh instances, a guard in its fixture that cleans up, and one call of
//! [`bus()`], [`store()`] or [`notifier()`]. A harness declares what its adapter can do; the rest of the cases is skipped, and
//! the [`Report`] says which and why. A case that fails panics with its name and a sentence.
//!
//! The suites need no runtime: they are futures that make no timer and spawn nothing, and only [`Harness::pause`] waits.
//!
//! ```
//! use std::sync::Arc;
//!
//! use async_trait::async_trait;
//! use logistics_core::port::OrderStore;
//! use logistics_testkit::conformance::{self, Harness, StoreCapabilities, StoreFixture, StoreHarness};
//! use logistics_testkit::{MemoryOrderStore, block_on, executor};
//!
//! struct Memory;
//! struct Fixture(MemoryOrderStore);
//!
//! #[async_trait]
//! impl Harness for Memory {
//!     async fn pause(&self) {
//!         executor::yield_now().await; // with a runtime: sleep for about 50 ms
//!     }
//! }
//!
//! #[async_trait]
//! impl StoreHarness for Memory {
//!     fn capabilities(&self) -> StoreCapabilities {
//!         StoreCapabilities { restart: false }
//!     }
//!     async fn fresh(&self) -> Box<dyn StoreFixture> {
//!         Box::new(Fixture(MemoryOrderStore::new(3)))
//!     }
//! }
//!
//! #[async_trait]
//! impl StoreFixture for Fixture {
//!     fn partitions(&self) -> u32 {
//!         3
//!     }
//!     fn store(&self) -> Arc<dyn OrderStore> {
//!         Arc::new(self.0.clone())
//!     }
//!     async fn restart(&mut self) {}
//! }
//!
//! let report = block_on(conformance::store(&Memory));
//! assert!(!report.passed.is_empty());
//! assert_eq!(report.skipped.len(), 2, "{report}");
//! ```

mod bus;
mod case;
mod notifier;
mod store;

pub use bus::{BusCapabilities, BusFixture, BusHarness, bus};
pub use case::{Harness, PAUSES_MAX, Report};
pub use notifier::{NotifierCapabilities, NotifierFixture, NotifierHarness, notifier};
pub use store::{StoreCapabilities, StoreFixture, StoreHarness, store};
