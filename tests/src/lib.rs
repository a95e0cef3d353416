//! The partition protocol in a box: real processors over the test kit's broker and store, with every interleaving and fault as
//! an action to choose. The model checker chooses all of them, the simulation one at a time from a seed. Beside it,
//! the embedded engine on a disk whose power can be cut.

pub mod disk;
pub mod engine;
pub mod invariants;
pub mod workload;
pub mod world;

/// The README's example, as a doctest.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
