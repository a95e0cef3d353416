//! The servers: their addresses, connections to them, and the check of their setup.

pub(crate) mod check;
pub(crate) mod connection;
pub(crate) mod sentinel;
pub(crate) mod servers;
pub(crate) mod usage;
