//! The hub over the bus in memory.

mod faults;
mod lagging;
mod order;
mod random;
mod readers;
mod world;
