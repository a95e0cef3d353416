//! Writing a reply: documents, and failures as JSON.

pub(crate) mod failure;
pub(crate) mod reply;
pub(crate) mod security;
