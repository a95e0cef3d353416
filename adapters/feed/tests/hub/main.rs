//! The hub over the bus in memory.

mod counted_bus;
mod faults;
mod lagging;
mod order;
mod parties;
mod random;
mod readers;
