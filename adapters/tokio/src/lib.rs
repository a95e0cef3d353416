#![doc = include_str!("../README.md")]

mod answer;
mod attempts;
mod calls;
mod channel;
mod channel_delivery;
mod clock;
mod current_notification;
mod deliveries;
mod delivery_stats;
mod dependency_monitor;
mod error_text;
mod group_member;
mod group_start;
mod lock;
mod log_monitor;
mod log_observer;
mod log_scan;
mod notification_attempt;
mod notifications;
mod options;
mod order_lines;
mod partition_delivery;
mod poll;
mod processor_driver;
mod processor_drivers;
mod processors;
mod processors_health;
mod reports;
mod store_monitor;
mod subscription_driver;
mod transaction_monitor;
mod transaction_timer;
mod write_timer;

pub use channel::{CHANNEL_NAME_BYTES_MAX, Channel, InvalidChannel};
pub use clock::SystemClock;
pub use deliveries::{DeliveriesReport, DeliveryOptions, DeliveryService, NotifierReceiver, ReactorOptions};
pub use dependency_monitor::DependencyMonitor;
pub use log_monitor::LogMonitor;
pub use log_observer::LogObserver;
pub use logistics_core::Backoff;
pub use notifications::Notifications;
pub use options::{
    DependencyMonitorOptions, LogMonitorOptions, NotificationsOptions, PollOptions, ProcessorsOptions,
};
pub use order_lines::{InvalidOrderLines, OrderLines};
pub use processors::Processors;
pub use reports::{DrainReport, NotificationsReport};
pub use store_monitor::StoreMonitor;
pub use transaction_monitor::TransactionMonitor;

#[cfg(test)]
mod tests;
