#![doc = include_str!("../README.md")]

mod backoff;
mod calls;
mod channel;
mod clock;
mod delivery;
mod delivery_stats;
mod failure;
mod first_start;
mod following;
mod group;
mod health;
mod log_observer;
mod notifications;
mod options;
mod partition_delivery;
mod processors;
mod reachability;
mod reports;
mod worker;
mod workers;

pub use channel::{CHANNEL_NAME_BYTES_MAX, Channel, InvalidChannel};
pub use clock::SystemClock;
pub use log_observer::LogObserver;
pub use logistics_core::Backoff;
pub use notifications::Notifications;
pub use options::{NotificationsOptions, ProcessorsOptions, ReachabilityOptions};
pub use processors::Processors;
pub use reachability::Reachability;
pub use reports::{DrainReport, NotificationsReport};

#[cfg(test)]
mod tests;
