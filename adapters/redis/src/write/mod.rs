//! Changing the store: one write of a partition, and clearing a partition.

pub(crate) mod clear;
pub(crate) mod packed;
