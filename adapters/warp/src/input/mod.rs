//! Reading a request: its body, fields, headers and query.

pub(crate) mod body;
pub(crate) mod contacts;
pub(crate) mod fields;
pub(crate) mod header;
pub(crate) mod query;
pub(crate) mod request_id;
