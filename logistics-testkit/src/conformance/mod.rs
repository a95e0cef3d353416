//! The suites that every adapter of a port passes.
//!
//! An adapter's test implements one trait, the harness: a builder, a guard that cleans up, and a restart. It makes one call
//! of [`bus()`], [`store()`] or [`notifier()`]. A harness declares what its adapter can do. Cases that need more are skipped,
//! and the [`Report`] lists them with the reason. A case that fails panics with its name and a sentence.
//!
//! The suites need no runtime: they are futures that make no timer and spawn nothing. Only the harness's `pause` waits.
//!
//! ```
//! use std::sync::Arc;
//!
//! use async_trait::async_trait;
//! use logistics_core::port::OrderStore;
//! use logistics_testkit::conformance::{self, StoreCapabilities, StoreHarness};
//! use logistics_testkit::{MemoryOrderStore, block_on};
//!
//! struct Memory(MemoryOrderStore);
//!
//! #[async_trait]
//! impl StoreHarness for Memory {
//!     fn capabilities(&self) -> StoreCapabilities {
//!         StoreCapabilities { restart: false }
//!     }
//!     fn partitions(&self) -> u32 {
//!         3
//!     }
//!     fn store(&self) -> Arc<dyn OrderStore> {
//!         Arc::new(self.0.clone())
//!     }
//!     async fn restart(&mut self) {}
//! }
//!
//! let report = block_on(conformance::store(async || Memory(MemoryOrderStore::new(3))));
//! assert!(!report.passed.is_empty());
//! assert_eq!(report.skipped.len(), 4, "{report}");
//! ```

mod bus;
mod case;
mod notifier;
mod store;

pub use bus::{BusCapabilities, BusHarness, bus, bus_side_by_side};
pub use case::{PAUSES_MAX, Report};
pub use notifier::{NotifierCapabilities, NotifierFault, NotifierHarness, notifier};
pub use store::{StoreCapabilities, StoreHarness, store};
