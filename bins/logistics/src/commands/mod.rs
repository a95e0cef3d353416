//! The subcommands.

pub(crate) mod completions;
pub(crate) mod keys;
pub(crate) mod lifecycle;
pub(crate) mod log;
pub(crate) mod serve;
pub(crate) mod top;
pub(crate) mod topics;
pub(crate) mod verify;
pub(crate) mod watch;
