//! The subcommands.

pub(crate) mod completions;
pub(crate) mod lifecycle;
pub(crate) mod serve;
