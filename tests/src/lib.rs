//! Real processors over the test kit's broker and store, where every step and fault is an action. The model checker explores
//! all actions, and the simulation chooses them from a seed. The crate also has a disk in memory, whose power can be cut, for
//! the embedded engine.

pub mod disk;
pub mod engine;
pub mod invariants;
pub mod workload;
pub mod world;

/// The README's example, as a doctest.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
