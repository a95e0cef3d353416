//! The servers: where they are, connections to them, and whether they fit.

pub(crate) mod check;
pub(crate) mod connection;
pub(crate) mod sentinel;
pub(crate) mod servers;
