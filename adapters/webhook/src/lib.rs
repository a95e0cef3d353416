#![doc = include_str!("../README.md")]

mod address;
mod attempt;
mod body;
mod connect;
mod driver;
mod follow;
pub mod options;
mod pool;
mod registry;
mod resolve;
mod retry_after;
mod sender;
mod stats;
mod target;
mod webhooks;

pub use address::is_public;
pub use options::SenderOptions;
pub use resolve::{Resolve, SystemResolver};
pub use sender::{CannotSend, HttpSender};
pub use stats::WebhooksReport;
pub use webhooks::{Webhooks, WebhooksOptions};
