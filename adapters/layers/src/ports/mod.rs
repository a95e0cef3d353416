//! The implementation of each port behind a layer.

mod bus;
mod group;
mod notifier;
mod readers;
mod store;
