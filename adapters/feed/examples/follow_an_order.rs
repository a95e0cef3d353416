//! Follows one order to its end, and resumes after the subscriber fell behind.
//!
//! `cargo run -p logistics-feed --example follow_an_order`
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::sync::Arc;

use futures::StreamExt;
use logistics_core::port::EventBus;
use logistics_core::{Status, wire};
use logistics_feed::{FeedEvent, Filter, Hub, HubOptions, Subscription};
use logistics_testkit::{MemoryBus, sample};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let bus = Arc::new(MemoryBus::new(12));
    // A queue this small makes the subscriber fall behind.
    let hub = Hub::new(bus.clone(), HubOptions { queue_facts_max: 2, ..HubOptions::default() });
    let filter = Filter::Order(sample::order_id(1));
    let events = hub.subscribe(filter.clone()).await?;
    tokio::try_join!(follow(&hub, filter, events), write(bus.as_ref()))?;
    Ok(())
}

async fn follow(hub: &Hub, filter: Filter, mut events: Subscription) -> Result<(), Box<dyn Error>> {
    while let Some(event) = events.next().await {
        match event {
            FeedEvent::Fact(logged) => {
                let fact = &logged.fact;
                println!("{} version {}: {}", fact.order_id, fact.version, fact.status);
                if fact.status.is_terminal() {
                    return Ok(());
                }
            }
            FeedEvent::Lagged { resume_from } => {
                println!("fell behind; resuming");
                events = hub.subscribe_from(filter.clone(), &resume_from).await?;
            }
            FeedEvent::Closed(error) => return Err(error.into()),
            other => println!("{other:?}"),
        }
    }
    Ok(())
}

/// Writes the facts of the order, as the processor that owns its partition does.
async fn write(bus: &dyn EventBus) -> Result<(), Box<dyn Error>> {
    for fact in sample::facts_to(Status::Delivered) {
        bus.append(&fact.order_id, wire::encode_fact(&fact)).await?;
    }
    Ok(())
}
