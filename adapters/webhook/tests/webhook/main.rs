//! The sender against a receiver over the network, and the deliveries over a log in memory.

mod deliveries;
mod receiver;
mod sender;
