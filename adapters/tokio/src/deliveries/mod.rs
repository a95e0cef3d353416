//! Deliveries with retries that hold up nothing: a driver of the core's deliveries, for any receivers.

mod acknowledge;
mod attempt;
mod driver;
mod effects;
mod notifier;
mod options;
mod reactor;
mod recover;
mod service;
mod stats;
mod subscription;

pub use notifier::NotifierReceiver;
pub use options::DeliveryOptions;
pub use reactor::ReactorOptions;
pub use service::DeliveryService;
pub use stats::DeliveriesReport;
