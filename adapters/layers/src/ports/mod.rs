//! Each port, passed through a layer.

mod bus;
mod group;
mod notifier;
mod readers;
mod store;
