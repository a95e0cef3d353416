//! Reading the log: the records of a partition, those of them that are committed, and where a log starts and ends.

pub(crate) mod committed;
pub(crate) mod fetcher;
pub(crate) mod lookup;
