#![doc = include_str!("../README.md")]

mod address;
mod body;
mod connect;
mod follow;
pub mod options;
mod owner_messages;
mod pool;
mod registry;
mod resolve;
mod retry_after;
mod sender;
mod target;
mod webhooks;

pub use address::is_public;
pub use options::SenderOptions;
pub use resolve::{Resolve, SystemResolver};
pub use sender::{CannotSend, HttpSender};
pub use webhooks::Webhooks;
