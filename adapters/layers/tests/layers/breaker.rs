use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use logistics_core::Partition;
use logistics_core::health::HealthProbe;
use logistics_core::observe::{BreakerReading, BreakerState, Gauges, Observer, Reading};
use logistics_core::port::{
    EventBus, Loaded, MockEventBus, MockNotifier, MockOwnerStore, Notifier, NotifyError, NotifyErrorKind,
    OrderReader, OwnerStore, PortErrorKind,
};
use logistics_layers::{BreakerSettings, CircuitBreaker, Layer, TimeLimit, Writes};
use proptest::prelude::*;
use tokio::time::{Instant, advance, sleep};

use super::slow::Slow;
use super::{error, order_id};

const OPEN: Duration = Duration::from_secs(1);

fn settings(window_calls: usize, failures_percent: u32) -> BreakerSettings {
    let mut settings = BreakerSettings::default();
    (settings.window_calls, settings.failures_percent) = (window_calls, failures_percent);
    (settings.open_ms, settings.probes_max) = (1000, 1);
    settings
}

/// Opens at the second failure in a row.
fn breaker() -> CircuitBreaker {
    CircuitBreaker::new("store", settings(1, 100))
}

fn call(breaker: &CircuitBreaker, failed: bool) -> bool {
    let Ok(admission) = breaker.admit() else { return false };
    if failed {
        admission.failed()
    } else {
        admission.succeeded()
    }
    true
}

fn opened() -> CircuitBreaker {
    let breaker = breaker();
    assert!(call(&breaker, true) && call(&breaker, true));
    assert_eq!(breaker.state(), BreakerState::Open);
    breaker
}

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
async fn while_it_is_open_no_call_is_made_and_the_error_has_the_wait() {
    let (switch, breaker) = (Arc::new(Switch::default()), breaker());
    let store = breaker.clone().over(switch.store(PortErrorKind::Unavailable));
    for _ in 0..2 {
        assert_eq!(breaker.state(), BreakerState::Closed);
        let failed = store.load(Partition(0), &[]).await.unwrap_err();
        assert_eq!((failed.to_string().as_str(), failed.retry_after_ms()), ("Unavailable on purpose", None));
    }
    advance(Duration::from_millis(300)).await;
    let failed = store.load(Partition(0), &[]).await.unwrap_err();
    assert_eq!((failed.kind(), failed.retry_after_ms()), (PortErrorKind::Unavailable, Some(700)));
    let text = "the circuit breaker of the store is open; owner_store.load was not called";
    assert_eq!(failed.to_string(), text);
    assert_eq!((switch.calls(), breaker.rejected()), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn a_failed_probe_opens_it_again_and_a_successful_one_closes_it() {
    let (switch, breaker) = (Arc::new(Switch::default()), breaker());
    let store = breaker.clone().over(switch.store(PortErrorKind::Unavailable));
    for _ in 0..2 {
        store.load(Partition(0), &[]).await.unwrap_err();
    }
    sleep(OPEN).await;
    assert_eq!(breaker.state(), BreakerState::HalfOpen);
    for _ in 0..2 {
        store.load(Partition(0), &[]).await.unwrap_err();
    }
    assert_eq!((switch.calls(), breaker.state()), (3, BreakerState::Open));

    switch.up.store(true, Ordering::SeqCst);
    sleep(OPEN - Duration::from_millis(1)).await;
    store.load(Partition(0), &[]).await.unwrap_err();
    assert_eq!(switch.calls(), 3);
    sleep(Duration::from_millis(1)).await;
    for _ in 0..2 {
        store.load(Partition(0), &[]).await.unwrap();
    }
    assert_eq!((switch.calls(), breaker.state()), (5, BreakerState::Closed));
}

#[tokio::test(start_paused = true)]
async fn only_an_outage_counts_as_a_failure() {
    let kinds = [PortErrorKind::Refused, PortErrorKind::Corrupt, PortErrorKind::StorageFull];
    for kind in kinds {
        let (switch, breaker) = (Arc::new(Switch::default()), breaker());
        let store = breaker.clone().over(switch.store(kind));
        for _ in 0..5 {
            store.load(Partition(0), &[]).await.unwrap_err();
        }
        assert_eq!((switch.calls(), breaker.state()), (5, BreakerState::Closed), "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_notifier_is_open_for_outages_only_and_says_when_to_retry() {
    let all = [
        (NotifyErrorKind::Unavailable, BreakerState::Open),
        (NotifyErrorKind::RateLimited, BreakerState::Closed),
        (NotifyErrorKind::Unauthorized, BreakerState::Closed),
        (NotifyErrorKind::Rejected, BreakerState::Closed),
        (NotifyErrorKind::Invalid, BreakerState::Closed),
    ];
    for (kind, state) in all {
        let (breaker, mut notifier) = (breaker(), MockNotifier::new());
        let fails = move || Err(NotifyError::new(kind, "on purpose").with_retry_after_ms(7));
        notifier.expect_notify().returning(move |_| fails());
        let notifier = breaker.clone().over(Arc::new(notifier));
        let notification = logistics_testkit::sample::notification(logistics_core::Status::Placed);
        for _ in 0..2 {
            let failed = notifier.notify(&notification).await.unwrap_err();
            assert_eq!((failed.kind(), failed.retry_after_ms()), (kind, Some(7)));
        }
        assert_eq!(breaker.state(), state, "{kind:?}");
        if state == BreakerState::Open {
            let failed = notifier.notify(&notification).await.unwrap_err();
            assert_eq!(failed.kind(), NotifyErrorKind::Unavailable);
            assert_eq!(failed.retry_after_ms(), Some(1000));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn hangs_are_failures_by_the_time_limit_inside() {
    let breaker = breaker();
    let store = (breaker.clone(), TimeLimit::new(300)).over(Arc::new(Slow));
    let began = Instant::now();
    for _ in 0..2 {
        store.document(&order_id()).await.unwrap_err();
    }
    assert_eq!(began.elapsed(), Duration::from_millis(600));
    store.document(&order_id()).await.unwrap_err();
    assert_eq!((began.elapsed(), breaker.state()), (Duration::from_millis(600), BreakerState::Open));
}

#[tokio::test(start_paused = true)]
async fn probes_are_capped_and_a_hanging_one_gives_up_its_place() {
    let mut settings = settings(1, 100);
    settings.probes_max = 3;
    let breaker = CircuitBreaker::new("store", settings);
    assert!(call(&breaker, true) && call(&breaker, true));
    sleep(OPEN).await;
    let hanging: Vec<_> = (0..3).map(|_| breaker.admit().expect("a probe")).collect();
    advance(Duration::from_millis(400)).await;
    assert_eq!(breaker.admit().expect_err("no fourth probe").retry_after_ms, 600);
    advance(Duration::from_millis(600)).await;
    let probe = breaker.admit().expect("the others have hung for the open time");
    probe.succeeded();
    assert_eq!(breaker.state(), BreakerState::Closed);
    for late in hanging {
        late.failed();
    }
    assert_eq!(breaker.state(), BreakerState::Closed, "results of an earlier period do not count");
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_call_is_not_counted_and_a_cancelled_probe_frees_its_place() {
    let breaker = breaker();
    for _ in 0..10 {
        drop(breaker.admit().expect("closed"));
    }
    assert_eq!(breaker.state(), BreakerState::Closed);
    assert!(call(&breaker, true) && call(&breaker, true));
    sleep(OPEN).await;
    let probe = breaker.admit().expect("a probe");
    assert!(breaker.admit().is_err());
    drop(probe);
    assert_eq!(breaker.state(), BreakerState::HalfOpen);
    assert!(call(&breaker, false));
    assert_eq!(breaker.state(), BreakerState::Closed);
}

#[tokio::test(start_paused = true)]
async fn calls_from_before_the_opening_are_no_probes() {
    let breaker = breaker();
    let old: Vec<_> = (0..5).map(|_| breaker.admit().expect("closed")).collect();
    assert!(call(&breaker, true) && call(&breaker, true));
    sleep(OPEN).await;
    let probe = breaker.admit().expect("a probe");
    for late in old {
        late.failed();
    }
    assert_eq!(breaker.state(), BreakerState::HalfOpen);
    probe.succeeded();
    assert_eq!(breaker.state(), BreakerState::Closed);
}

#[tokio::test(start_paused = true)]
async fn appends_alone_are_guarded_by_a_layer_of_writes() {
    let (breaker, mut bus) = (opened(), MockEventBus::new());
    bus.expect_bounds().times(1).returning(|_, _| Err(error(PortErrorKind::Corrupt)));
    let bus = Writes(breaker).over(Arc::new(bus));
    let read = bus.bounds(logistics_core::port::Topic::Orders, Partition(0)).await.unwrap_err();
    assert_eq!(read.kind(), PortErrorKind::Corrupt, "the read was made");
    let append = bus.append(&order_id(), bytes::Bytes::new()).await.unwrap_err();
    assert_eq!(append.retry_after_ms(), Some(1000));
}

/// The transitions of breakers.
#[derive(Default)]
struct Transitions(Mutex<Vec<(&'static str, BreakerState)>>);

impl Observer for Transitions {
    fn breaker(&self, dependency: &'static str, state: BreakerState) {
        self.0.lock().unwrap().push((dependency, state));
    }
}

#[tokio::test(start_paused = true)]
async fn transitions_are_reported_and_the_state_is_in_gauges_and_health() {
    let transitions = Arc::new(Transitions::default());
    let breaker = CircuitBreaker::observed("log", settings(1, 100), transitions.clone());
    let shown = || {
        let mut readings = Vec::new();
        Gauges::read(&breaker, &mut |reading| readings.push(reading));
        let part = breaker.health().parts.remove(0);
        assert_eq!(part.name, "log circuit breaker");
        (readings.remove(0), part.ready)
    };
    let reading = |state, rejected| Reading::Breaker(BreakerReading::new("log", state, rejected));
    assert_eq!(shown(), (reading(BreakerState::Closed, 0), true));
    assert!(call(&breaker, true) && call(&breaker, true) && !call(&breaker, false));
    assert_eq!(shown(), (reading(BreakerState::Open, 1), false));
    sleep(OPEN).await;
    // Without a call, nothing happens.
    assert_eq!(shown(), (reading(BreakerState::HalfOpen, 1), true));
    assert!(call(&breaker, true));
    sleep(OPEN).await;
    assert!(call(&breaker, false));
    let states = [
        BreakerState::Open,
        BreakerState::HalfOpen,
        BreakerState::Open,
        BreakerState::HalfOpen,
        BreakerState::Closed,
    ];
    assert_eq!(*transitions.0.lock().unwrap(), states.map(|state| ("log", state)));
}

proptest! {
    /// A closed breaker opens at the first call at which more calls than the window have ended, and the share of failures in the
    /// window has reached the limit.
    #[test]
    fn it_opens_by_the_failure_rate_of_the_window(
        window in 1_usize..30,
        percent in 1_u32..=100,
        results in prop::collection::vec(prop::bool::weighted(0.4), 0..120),
    ) {
        let breaker = CircuitBreaker::new("store", settings(window, percent));
        for ended in 1..=results.len() {
            prop_assert!(call(&breaker, results[ended - 1]));
            let last = &results[ended.saturating_sub(window)..ended];
            let failures = last.iter().filter(|failed| **failed).count();
            let is_open = ended > window && failures * 100 >= window * usize::try_from(percent).unwrap();
            prop_assert_eq!(breaker.state() == BreakerState::Open, is_open, "after {} calls", ended);
            if is_open {
                break;
            }
        }
    }

    /// Whatever happens: an open breaker passes no call before its time, probes never exceed their number, and once the dependency
    /// answers, the breaker closes within the open time and the time of a hanging probe.
    #[test]
    fn it_admits_what_its_state_permits_and_always_recovers(
        probes_max in 1_usize..4,
        steps in prop::collection::vec((0_u8..5, 0_u64..700), 0..80),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let mut settings = settings(4, 50);
            settings.probes_max = probes_max;
            let breaker = CircuitBreaker::new("store", settings);
            let mut running = Vec::new();
            let mut opened = None;
            for (step, ms) in steps {
                let before = breaker.state();
                match step {
                    0 => advance(Duration::from_millis(ms)).await,
                    1 => match breaker.admit() {
                        Ok(admission) => {
                            prop_assert_ne!(before, BreakerState::Open);
                            running.push(admission);
                        }
                        Err(open) => {
                            prop_assert_ne!(before, BreakerState::Closed);
                            prop_assert!((1..=1000).contains(&open.retry_after_ms));
                        }
                    },
                    _ if running.is_empty() => {}
                    2 => running.swap_remove(0).succeeded(),
                    3 => running.swap_remove(0).failed(),
                    _ => drop(running.swap_remove(0)),
                }
                let state = breaker.state();
                if before != BreakerState::Open && state == BreakerState::Open {
                    opened = Some(Instant::now());
                }
                if before == BreakerState::Open && state != BreakerState::Open {
                    prop_assert!(opened.is_some_and(|at| at.elapsed() >= OPEN));
                }
            }
            let began = Instant::now();
            while breaker.state() != BreakerState::Closed {
                match breaker.admit() {
                    Ok(admission) => admission.succeeded(),
                    Err(open) => sleep(Duration::from_millis(open.retry_after_ms)).await,
                }
            }
            prop_assert!(began.elapsed() <= OPEN);
            Ok(())
        })?;
    }
}
