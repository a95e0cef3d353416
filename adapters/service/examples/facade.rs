//! An order backend in one process, without a server: it places an order, cancels it and reads it.
//!
//! `cargo run -p logistics-service --example facade`

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use logistics_core::{Actor, Order, Placement, Policy, Reason, Status, processor};
use logistics_service::{
    IdempotencyKey, Options, OrderService, Place, Principal, ServiceError, Transition, Transitioned,
};
use logistics_testkit::{MemoryBus, MemoryOrderStore};
use logistics_tokio::{Processors, ProcessorsOptions, SystemClock};

const PARTITIONS: u32 = 4;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // In memory, for the example: logistics-embedded has the same ports over one durable file.
    let bus = Arc::new(MemoryBus::new(PARTITIONS));
    let store = Arc::new(MemoryOrderStore::new(PARTITIONS));
    let clock = Arc::new(SystemClock);
    let settings = processor::Settings::new(PARTITIONS, Policy::manual());
    let options = ProcessorsOptions::default();
    let processors = Processors::start(bus.clone(), store.clone(), clock.clone(), settings, options);

    let service = OrderService::new(bus, store, clock, Options::default());
    let caller = Principal::anonymous();

    // With a key, a repeated placement returns the same order.
    let mut place = Place::new(Placement::new().with_customer("customer-1".parse()?));
    place.idempotency_key = Some(IdempotencyKey::parse("basket-4711")?);
    let order_id = service.place(&caller, place.clone()).await?.order_id().clone();
    assert_eq!(service.place(&caller, place).await?.order_id(), &order_id);

    let mut cancel = Transition::cancel(order_id.clone());
    cancel.actor = Some(Actor::Customer);
    cancel.reason = Some(Reason::parse("changed_my_mind")?);
    let Transitioned::Done(document) = service.transition(&caller, cancel).await? else {
        return Err("the order was not decided in time".into());
    };
    let order = Order::from_document(&document.json)?;
    assert_eq!(order.status, Status::Cancelled);

    // A cancelled order cannot move on: the lifecycle rejects it.
    let confirm = Transition::to(order_id.clone(), Status::Confirmed);
    if let Err(ServiceError::Rejected(rejection)) = service.transition(&caller, confirm).await {
        println!("rejected: {rejection} ({})", rejection.code());
    }
    println!("{}", String::from_utf8_lossy(&service.find(&caller, &order_id).await?.json));
    let report = processors.drain(Duration::from_secs(1)).await;
    println!("partitions drained: {}", report.drained.len());
    Ok(())
}
