//! A store behind layers: a time limit, a circuit breaker and an observer. The store fails on purpose, then recovers.
//!
//! `cargo run -p logistics-layers --example guarded_store`
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use logistics_core::observe::{BreakerState, Observer, PortCall};
use logistics_core::port::OrderReader;
use logistics_layers::{BreakerSettings, CircuitBreaker, Layer, Observed, TimeLimit};
use logistics_testkit::{Faults, MemoryOrderStore, sample};

const LIMIT_MS: u64 = 500;
const WINDOW_CALLS: usize = 4;
const OPEN_MS: u64 = 50;

/// Prints each call.
struct Print;

impl Observer for Print {
    fn port_call(&self, call: &PortCall) {
        println!("{}.{}: {}", call.port, call.operation, call.code());
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let store = MemoryOrderStore::new(4);
    let mut settings = BreakerSettings::default();
    (settings.window_calls, settings.open_ms) = (WINDOW_CALLS, OPEN_MS);
    let breaker = CircuitBreaker::new("store", settings);

    // From the inside out: the breaker counts time limits as failures, and the observer sees each answer.
    let guarded = TimeLimit::new(LIMIT_MS).over(Arc::new(store.clone()));
    let guarded = breaker.clone().over(guarded);
    let guarded: Arc<dyn OrderReader> = Observed::new(Arc::new(Print)).over(guarded);
    let order_id = sample::order_id(1);

    store.set_faults(Faults { unavailable_before: 1000, ..Faults::none() });
    while breaker.state() == BreakerState::Closed {
        guarded.document(&order_id).await.expect_err("the store is down");
    }
    let error = guarded.document(&order_id).await.expect_err("the breaker is open");
    println!("{error}; retry after {:?} ms", error.retry_after_ms());

    store.set_faults(Faults::none());
    tokio::time::sleep(Duration::from_millis(OPEN_MS)).await;
    guarded.document(&order_id).await?;
    assert_eq!(breaker.state(), BreakerState::Closed);
    println!("the store answers again");
    Ok(())
}
