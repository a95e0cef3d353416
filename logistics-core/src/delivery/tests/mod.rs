//! Tests of the deliveries: single rules, and a simulation of crashes at any step.

mod golden;
mod rules;
mod simulation;
mod world;

use crate::ids::EndpointId;
use crate::ids::{OrderId, Timestamp, Version};
use crate::lifecycle::Status;
use crate::notify::Notification;

fn endpoint(name: &str) -> EndpointId {
    EndpointId::parse(name).unwrap()
}

fn notification(order: &str, version: u64) -> Notification {
    let order_id = OrderId::parse(order).unwrap();
    Notification::new(order_id, Version(version), Status::Placed, at(0))
}

/// Milliseconds after the start of the tests.
fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(1_790_000_000_000 + ms)
}
