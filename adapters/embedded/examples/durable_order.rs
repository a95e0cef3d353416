//! An order in one durable file: place it, close the engine, open the file again, and find the order there.
//!
//! `cargo run -p logistics-embedded --example durable_order`

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use logistics_core::{Order, OrderId, Placement, Policy, Status, processor};
use logistics_embedded::{Config, Engine};
use logistics_service::{Options, OrderService, Place, Principal, Transition, Transitioned};
use logistics_tokio::{Processors, ProcessorsOptions, SystemClock};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let directory = tempfile::tempdir()?;
    let order_id = place_and_confirm(directory.path()).await?;

    // The engine has released the file, so a second one can open it.
    let engine = Engine::open_existing(Config::new(directory.path()))?;
    let service = OrderService::new(engine.bus(), engine.store(), Arc::new(SystemClock), Options::default());
    let document = service.find(&Principal::anonymous(), &order_id).await?;
    let order = Order::from_document(&document.json)?;
    assert_eq!(order.status, Status::Confirmed);
    println!("after reopening: {}", String::from_utf8_lossy(&document.json));
    drop(service);
    engine.close()?;
    Ok(())
}

async fn place_and_confirm(directory: &Path) -> Result<OrderId, Box<dyn Error>> {
    let engine = Engine::open(Config::new(directory))?;
    let (bus, store, clock) = (engine.bus(), engine.store(), Arc::new(SystemClock));
    // The processors decide the requests in the log. The manual policy moves no order by itself.
    let settings = processor::Settings::new(engine.partitions(), Policy::manual());
    let options = ProcessorsOptions::default();
    let processors = Processors::start(bus.clone(), store.clone(), clock.clone(), settings, options);

    let service = OrderService::new(bus, store, clock, Options::default());
    let caller = Principal::anonymous();
    let place = Place::new(Placement::new().with_customer("customer-1".parse()?));
    let order_id = service.place(&caller, place).await?.order_id().clone();
    let confirm = Transition::to(order_id.clone(), Status::Confirmed);
    let Transitioned::Done(_) = service.transition(&caller, confirm).await? else {
        return Err("the outcome is unknown after the wait".into());
    };

    // Draining lets the processors write the committed state to the store.
    let report = processors.drain(Duration::from_secs(5)).await;
    assert!(report.is_clean(), "not drained in time");
    engine.close()?;
    Ok(order_id)
}
