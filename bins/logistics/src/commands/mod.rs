//! The subcommands.

pub(crate) mod completions;
mod data;
pub(crate) mod lifecycle;
pub(crate) mod log;
pub(crate) mod serve;
pub(crate) mod verify;
