//! Processors and the notification service over the ports in memory: places one order and prints its way to DELIVERED.
//!
//! `cargo run -p logistics-tokio --example deliver_an_order`
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use logistics_core::notify::Notification;
use logistics_core::port::{EventBus, Notifier, NotifyError, NotifyErrorKind, StartAt};
use logistics_core::processor::Settings;
use logistics_core::{Policy, Status, wire};
use logistics_testkit::{Faults, MemoryBus, MemoryOrderStore, sample};
use logistics_tokio::{Notifications, NotificationsOptions, Processors, ProcessorsOptions, SystemClock};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

const PARTITIONS: u32 = 4;
const DWELL_MS: u64 = 200;

/// Passes each notification to the main task.
struct Forward(UnboundedSender<Notification>);

#[async_trait]
impl Notifier for Forward {
    async fn notify(&self, notification: &Notification) -> Result<(), NotifyError> {
        let closed = |_| NotifyError::new(NotifyErrorKind::Unavailable, "the main task has ended");
        self.0.send(notification.clone()).map_err(closed)
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let clock = Arc::new(SystemClock);
    let bus = Arc::new(MemoryBus::with_faults(PARTITIONS, Faults::none(), clock.clone()));
    let store = Arc::new(MemoryOrderStore::new(PARTITIONS));
    let settings = Settings::new(PARTITIONS, Policy::simulate(DWELL_MS));
    let processors = Processors::start(bus.clone(), store, clock, settings, ProcessorsOptions::default());
    let (sender, mut notified) = unbounded_channel();
    let options = NotificationsOptions { from: Some(StartAt::Start), ..NotificationsOptions::default() };
    let notifications = Notifications::start(bus.clone(), Arc::new(Forward(sender)), options);

    let place = sample::place();
    bus.append(&place.order_id, wire::encode_request(&place)).await?;
    while let Some(notification) = notified.recv().await {
        println!("{} version {}: {}", notification.order_id, notification.version, notification.status);
        if notification.status == Status::Delivered {
            break;
        }
    }

    let report = processors.drain(Duration::from_secs(1)).await;
    println!("partitions drained: {}", report.drained.len());
    println!("notifications delivered: {}", notifications.drain(Duration::from_secs(1)).await.delivered);
    Ok(())
}
