//! For tests of this crate and of adapters: conformance suites, an in-memory bus and store, seeded faults.
