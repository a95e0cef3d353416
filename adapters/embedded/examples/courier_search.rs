//! A courier search with a deadline, as a reactor: when a kitchen starts, it searches until it finds a courier or the time is over.
//!
//! `cargo run -p logistics-embedded --example courier_search`
//!
//! A crash at any point loses no order and assigns no second courier: a test kills this reactor at every step.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use logistics_core::notify::Notification;
use logistics_core::port::Clock;
use logistics_core::reactor::{ReactError, Reaction, Reactor, ReactorName, on_status};
use logistics_core::{Actor, Order, OrderId, PartyId, Placement, Policy, Status, processor};
use logistics_embedded::{Config, Engine};
use logistics_service::{Options, OrderService, Place, Principal, Transition};
use logistics_tokio::{DeliveryService, Processors, ProcessorsOptions, ReactorOptions, SystemClock};

/// The time between two searches for the same order.
const SEARCH_EVERY_MS: u64 = 100;

/// Assigns the courier that `find` finds, or cancels the order once `deadline_ms` have passed.
pub(crate) fn courier_search<F, R>(deadline_ms: u64, find: F) -> impl Reactor
where
    F: Fn(OrderId) -> R + Clone + Send + Sync,
    R: Future<Output = Option<PartyId>> + Send,
{
    on_status(Status::Preparing, move |order: Notification| {
        let find = find.clone();
        async move {
            if let Some(courier) = find(order.order_id).await {
                return Ok(vec![Reaction::assign(courier)]);
            }
            // The time of the fact counts: a restart does not extend the search.
            if SystemClock.now().millis_since(order.at) >= deadline_ms {
                let reason =
                    "no courier".parse().map_err(|_| ReactError::rejected("the reason is invalid"))?;
                return Ok(vec![Reaction::cancel().with_reason(reason)]);
            }
            Err(ReactError::not_yet("no courier is free", SEARCH_EVERY_MS))
        }
    })
}

/// The reactor may do what a merchant may: assign and cancel.
pub(crate) fn options() -> Result<ReactorOptions, Box<dyn Error>> {
    Ok(ReactorOptions::new(ReactorName::parse("courier-search")?, Actor::Merchant))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let directory = tempfile::tempdir()?;
    let engine = Engine::open(Config::new(directory.path()))?;
    let (bus, store, clock) = (engine.bus(), engine.store(), Arc::new(SystemClock));
    let settings = processor::Settings::new(engine.partitions(), Policy::manual());
    let options_of_processors = ProcessorsOptions::default();
    let processors =
        Processors::start(bus.clone(), store.clone(), clock.clone(), settings, options_of_processors);
    // The third search finds a courier.
    let searches = Arc::new(AtomicU32::new(0));
    let find = move |order_id: OrderId| {
        let searches = searches.fetch_add(1, Ordering::SeqCst) + 1;
        println!("search {searches} for {order_id}");
        async move { if searches < 3 { None } else { "courier-1".parse().ok() } }
    };
    let reactor = Arc::new(courier_search(60_000, find));
    let reacting = DeliveryService::start_reactor(bus.clone(), reactor, clock.clone(), options()?);

    let service = OrderService::new(bus, store, clock, Options::default());
    let caller = Principal::anonymous();
    let order_id = service.place(&caller, Place::new(Placement::new())).await?.order_id().clone();
    for status in [Status::Confirmed, Status::Preparing] {
        let _decided = service.transition(&caller, Transition::to(order_id.clone(), status)).await?;
    }
    let courier = loop {
        let order = Order::from_document(&service.find(&caller, &order_id).await?.json)?;
        if let Some(courier) = order.courier_id {
            break courier;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    println!("assigned: {courier}");
    assert!(reacting.drain(Duration::from_secs(5)).await.clean);
    assert!(processors.drain(Duration::from_secs(5)).await.is_clean());
    drop(service);
    engine.close()?;
    Ok(())
}
