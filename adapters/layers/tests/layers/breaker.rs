use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use logistics_core::Partition;
use logistics_core::port::{Loaded, MockOwnerStore, OwnerStore, PortErrorKind};
use logistics_layers::{CircuitBreaker, Layer};
use tokio::time::sleep;

use super::error;

/// Counts the calls of a store, and decides whether they fail.
#[derive(Default)]
struct Switch {
    up: AtomicBool,
    calls: AtomicUsize,
}

impl Switch {
    fn store(self: &Arc<Self>, kind: PortErrorKind) -> Arc<MockOwnerStore> {
        let (switch, mut store) = (self.clone(), MockOwnerStore::new());
        store.expect_load().returning(move |_, _| {
            switch.calls.fetch_add(1, Ordering::SeqCst);
            if switch.up.load(Ordering::SeqCst) { Ok(Loaded::default()) } else { Err(error(kind)) }
        });
        Arc::new(store)
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

#[tokio::test(start_paused = true)]
async fn it_opens_after_failures_in_a_row_and_then_makes_no_call() {
    let (switch, breaker) = (Arc::new(Switch::default()), CircuitBreaker::new("store", 3, 1000));
    let store = breaker.clone().over(switch.store(PortErrorKind::Unavailable));
    for _ in 0..3 {
        assert!(!breaker.is_open());
        assert_eq!(store.load(Partition(0), &[]).await.unwrap_err().to_string(), "Unavailable on purpose");
    }
    assert!(breaker.is_open());
    let failed = store.load(Partition(0), &[]).await.unwrap_err();
    assert_eq!(failed.kind(), PortErrorKind::Unavailable);
    assert_eq!(failed.to_string(), "the circuit breaker of store is open; owner_store.load was not called");
    assert_eq!(switch.calls(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_failed_trial_keeps_it_open_and_a_successful_trial_closes_it() {
    let (switch, breaker) = (Arc::new(Switch::default()), CircuitBreaker::new("store", 1, 1000));
    let store = breaker.clone().over(switch.store(PortErrorKind::Unavailable));
    store.load(Partition(0), &[]).await.unwrap_err();
    sleep(Duration::from_millis(1000)).await;
    store.load(Partition(0), &[]).await.unwrap_err();
    store.load(Partition(0), &[]).await.unwrap_err();
    assert_eq!((switch.calls(), breaker.is_open()), (2, true));

    switch.up.store(true, Ordering::SeqCst);
    sleep(Duration::from_millis(999)).await;
    store.load(Partition(0), &[]).await.unwrap_err();
    assert_eq!(switch.calls(), 2);
    sleep(Duration::from_millis(1)).await;
    store.load(Partition(0), &[]).await.unwrap();
    store.load(Partition(0), &[]).await.unwrap();
    assert_eq!((switch.calls(), breaker.is_open()), (4, false));
}

#[tokio::test(start_paused = true)]
async fn every_other_answer_counts_as_a_success() {
    let (switch, breaker) = (Arc::new(Switch::default()), CircuitBreaker::new("store", 2, 1000));
    let (down, refuses) = (switch.store(PortErrorKind::Unavailable), switch.store(PortErrorKind::Refused));
    let (down, refuses) = (breaker.clone().over(down), breaker.clone().over(refuses));
    for _ in 0..5 {
        down.load(Partition(0), &[]).await.unwrap_err();
        refuses.load(Partition(0), &[]).await.unwrap_err();
    }
    assert_eq!((switch.calls(), breaker.is_open()), (10, false));
}
