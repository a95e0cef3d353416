//! The services as separate processes on a real Kafka and a real Redis: start, requests, faults, and the check of every invariant
//! at the end.

pub mod api;
pub mod load;
mod paths;
pub mod process;
pub mod records;
pub mod services;
pub mod system;

/// Partitions of every topic in these tests.
pub const PARTITIONS: u32 = 4;
