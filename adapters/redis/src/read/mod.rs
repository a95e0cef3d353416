//! Reading the store: recovery, documents, the list, and outcomes.

pub(crate) mod index;
pub(crate) mod late;
pub(crate) mod list;
pub(crate) mod lookup;
pub(crate) mod outcomes;
pub(crate) mod party;
pub(crate) mod summary;
