//! Live facts: streams of server-sent events, and WebSockets.

mod body;
mod frame;
mod request;
mod socket;
mod source;

pub(crate) use request::{all, is_wanted, order};
pub(crate) use socket::{identifies_later, upgrade};
