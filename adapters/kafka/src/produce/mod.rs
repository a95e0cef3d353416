//! Writing to the log: appends of requests, and the transactions of a partition's owner.

pub(crate) mod appender;
pub(crate) mod transactor;
