//! Queries about topics and transactions, and the creation of topics.

pub(crate) mod topics;
pub(crate) mod transactions;
