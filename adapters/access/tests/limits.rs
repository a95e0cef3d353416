//! The limits of a process, and limits that two processes share.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use logistics_access::RateLimits;
use logistics_core::port::{PortError, PortErrorKind, Quota, QuotaState, SharedQuota};
use logistics_service::{LimitedCaller, Limiter, RouteClass};
use tokio::time::Instant;

const ANN: LimitedCaller<'static> = LimitedCaller::Subject("ann");
const BOB: LimitedCaller<'static> = LimitedCaller::Subject("bob");

fn quota(units: u32, window_ms: u64, burst: u32) -> Quota {
    Quota::new(units, window_ms, burst).expect("a quota")
}

fn place(quota: Quota) -> [(RouteClass, Quota); 1] {
    [(RouteClass::Place, quota)]
}

fn address(number: u32) -> LimitedCaller<'static> {
    LimitedCaller::Address(IpAddr::from(Ipv4Addr::from_bits(0x0a00_0000 + number)))
}

async fn admitted(limits: &RateLimits, caller: LimitedCaller<'_>, calls: usize) -> usize {
    let mut admitted = 0;
    for _ in 0..calls {
        let state = limits.admit(caller, RouteClass::Place).await.expect("the class is limited");
        admitted += usize::from(!state.is_refused());
    }
    admitted
}

#[tokio::test(start_paused = true)]
async fn each_caller_and_each_class_has_its_own_quota() {
    let quotas = [(RouteClass::Place, quota(1, 1000, 3)), (RouteClass::Read, quota(1, 1000, 5))];
    let limits = RateLimits::new(quotas);
    assert!(limits.limits(RouteClass::Place) && !limits.limits(RouteClass::Admin));
    assert!(limits.admit(ANN, RouteClass::Admin).await.is_none());
    for caller in [ANN, BOB, address(1), address(2), LimitedCaller::Unknown] {
        assert_eq!(admitted(&limits, caller, 10).await, 3, "{caller:?}");
    }
    assert!(!limits.admit(ANN, RouteClass::Read).await.expect("a limit").is_refused());
}

#[tokio::test(start_paused = true)]
async fn the_state_has_what_the_headers_need() {
    let limits = RateLimits::new(place(quota(1, 10_000, 3)));
    let mut states = Vec::new();
    for _ in 0..4 {
        let state = limits.admit(ANN, RouteClass::Place).await.expect("a limit");
        assert_eq!((state.quota, state.window_s), (3, 30));
        states.push((state.remaining, state.reset_s, state.retry_after_s));
    }
    assert_eq!(states, [(2, 10, None), (1, 20, None), (0, 10, None), (0, 10, Some(10))]);
}

#[tokio::test(start_paused = true)]
async fn an_address_that_used_its_quota_is_refused_without_a_count() {
    let limits = RateLimits::new(place(quota(1, 10_000, 2)));
    let address = LimitedCaller::Address("2001:db8::1".parse().expect("an address"));
    assert_eq!(limits.refusal(address, RouteClass::Place), None);
    assert_eq!(admitted(&limits, address, 3).await, 2);
    let neighbour = LimitedCaller::Address("2001:db8::ffff:1".parse().expect("an address"));
    let refusal = limits.refusal(neighbour, RouteClass::Place).expect("the network is refused");
    assert_eq!(refusal.retry_after_s, Some(10));
    tokio::time::advance(Duration::from_secs(10)).await;
    assert_eq!(limits.refusal(address, RouteClass::Place), None);
    assert_eq!(admitted(&limits, ANN, 3).await, 2);
    assert_eq!(limits.refusal(ANN, RouteClass::Place), None, "a principal is refused by the count");
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_addresses_have_quotas_of_their_own() {
    let limits = RateLimits::new(place(quota(1, 60_000, 2)));
    let mut wrong = 0;
    for round in 0..3 {
        for number in 0..10_000_u32 {
            let state = limits.admit(address(number), RouteClass::Place).await.expect("a limit");
            wrong += u32::from(state.is_refused() != (round == 2));
        }
    }
    // A set of the table can overflow by chance; then its least used quota is forgotten.
    assert!(wrong < 5, "{wrong}");
}

/// A shared quota in memory.
#[derive(Default)]
struct Store {
    /// The used units of each key, and when they were counted.
    used: Mutex<BTreeMap<String, (f64, Option<Instant>)>>,
    calls: AtomicU64,
    fails: AtomicBool,
    hangs: AtomicBool,
}

impl Store {
    fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl SharedQuota for Store {
    async fn take(&self, key: &str, quota: Quota, units: u32) -> Result<QuotaState, PortError> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        tokio::task::yield_now().await;
        if self.hangs.load(Ordering::Relaxed) {
            tokio::time::sleep(Duration::from_secs(5)).await;
        }
        if self.fails.load(Ordering::Relaxed) {
            return Err(PortError::new(PortErrorKind::Unavailable, "the store is away"));
        }
        let mut used = self.used.lock().expect("no panic");
        let (used, at) = used.entry(key.to_owned()).or_default();
        let now = Instant::now();
        let interval = quota.interval_ns() as f64 / 1e9;
        if let Some(at) = at.replace(now) {
            *used = (*used - now.duration_since(at).as_secs_f64() / interval).max(0.0);
        }
        let free = (f64::from(quota.burst()) - *used + 1e-6).floor() as u32;
        let granted = free.min(units);
        *used += f64::from(granted);
        let wait = if free > granted { 0.0 } else { *used - f64::from(quota.burst()) + 1.0 };
        Ok(QuotaState { granted, remaining: free - granted, wait_us: (wait * interval * 1e6) as u64 })
    }
}

fn two(store: &Arc<Store>, quota: Quota) -> [RateLimits; 2] {
    [(); 2].map(|()| RateLimits::shared(place(quota), store.clone(), 2))
}

#[tokio::test(start_paused = true)]
async fn two_processes_share_a_quota() {
    let store = Arc::new(Store::default());
    let [one, other] = two(&store, quota(100, 1000, 200));
    let mut total = 0;
    for _ in 0..300 {
        total += admitted(&one, ANN, 1).await + admitted(&other, ANN, 1).await;
    }
    assert!((175..=200).contains(&total), "at most the quota, and little less: {total}");
    assert_eq!(admitted(&one, BOB, 1).await, 1);
}

#[tokio::test(start_paused = true)]
async fn most_calls_of_a_busy_caller_cost_no_round_trip() {
    let store = Arc::new(Store::default());
    let [one, _] = two(&store, quota(1000, 1000, 2000));
    assert_eq!(admitted(&one, ANN, 1900).await, 1900);
    let calls = store.calls();
    assert!(calls < 1900 / 50 + 10, "{calls}");
    admitted(&one, ANN, 1000).await;
    let more = store.calls() - calls;
    assert!(more < 10, "a refused caller costs no round trip: {more}");
}

#[tokio::test(start_paused = true)]
async fn a_process_enforces_its_share_while_the_store_is_away() {
    for hangs in [false, true] {
        let store = Arc::new(Store::default());
        let [one, other] = two(&store, quota(10, 1000, 20));
        (if hangs { &store.hangs } else { &store.fails }).store(true, Ordering::Relaxed);
        let began = Instant::now();
        let (first, second) = (admitted(&one, ANN, 50).await, admitted(&other, ANN, 50).await);
        assert_eq!((first, second), (10, 10), "hangs: {hangs}");
        assert!(began.elapsed() <= Duration::from_millis(110), "{:?}", began.elapsed());
        assert_eq!(store.calls(), 2, "one attempt of each process");
        store.hangs.store(false, Ordering::Relaxed);
        store.fails.store(false, Ordering::Relaxed);
        tokio::time::advance(Duration::from_secs(10)).await;
        let (first, second) = (admitted(&one, ANN, 15).await, admitted(&other, ANN, 30).await);
        assert!(first == 15 && (3..=5).contains(&second), "shared again: {first} and {second}");
    }
}

#[tokio::test(start_paused = true)]
async fn concurrent_calls_of_a_caller_share_a_round_trip() {
    let store = Arc::new(Store::default());
    let [one, _] = two(&store, quota(100, 1000, 800));
    let one = &one;
    let calls = (0..200).map(|_| async move { admitted(one, ANN, 1).await });
    let total: usize = futures::future::join_all(calls).await.into_iter().sum();
    assert_eq!(total, 200);
    assert!(store.calls() <= 12, "{}", store.calls());
}

#[tokio::test(start_paused = true)]
async fn keys_in_the_store_are_bounded() {
    let store = Arc::new(Store::default());
    let [one, _] = two(&store, quota(1, 3_600_000, 2));
    for number in 0..100_000_u32 {
        admitted(&one, address(number), 1).await;
    }
    let keys = store.used.lock().expect("no panic").len();
    assert!((50_000..=65_536).contains(&keys), "{keys}");
}
