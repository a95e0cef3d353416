//! The subcommands.

pub(crate) mod completions;
pub(crate) mod lifecycle;
pub(crate) mod log;
pub(crate) mod serve;
pub(crate) mod verify;
