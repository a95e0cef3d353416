//! Shared quotas, and the rate limits over them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures::future::join_all;
use logistics_access::RateLimits;
use logistics_containers::until;
use logistics_core::port::{PortErrorKind, Quota, QuotaState, SharedQuota};
use logistics_redis::RedisStore;
use logistics_service::{LimitedCaller, Limiter, RouteClass};

use super::server::{Kind, Server};

fn quota(units: u32, window_ms: u64, burst: u32) -> Quota {
    Quota::new(units, window_ms, burst).expect("a quota")
}

async fn take(store: &RedisStore, key: &str, quota: Quota, units: u32) -> QuotaState {
    store.take(key, quota, units).await.expect("the server answers")
}

pub(crate) async fn a_burst_then_a_steady_rate() {
    for kind in [Kind::Single, Kind::Cluster] {
        let server = Server::start(kind, &[]).await;
        let store = server.store();
        let slow = quota(1, 3_600_000, 20);
        let first = take(&store, "k", slow, 1).await;
        assert_eq!(first, QuotaState { granted: 1, remaining: 19, wait_us: 0 });
        let rest = take(&store, "k", slow, 64).await;
        assert_eq!((rest.granted, rest.remaining), (19, 0), "it takes what is left");
        let none = take(&store, "k", slow, 1).await;
        assert_eq!((none.granted, none.remaining), (0, 0));
        assert!((3_500_000_000..=3_600_000_000).contains(&none.wait_us), "{none:?}");
        assert_eq!(take(&store, "other", slow, 1).await.remaining, 19, "a key of its own");
        server.cli::<()>(&["SCRIPT", "FLUSH"]).await;
        assert_eq!(take(&store, "other", slow, 1).await.remaining, 18);
        // A smaller burst counts at once.
        assert_eq!(take(&store, "k", quota(1, 1000, 1), 1).await.granted, 0);
        let (fast, begin) = (quota(100, 1000, 10), Instant::now());
        let (mut granted, mut lost, mut last) = (0, 0.0, begin);
        while begin.elapsed() < Duration::from_millis(500) {
            granted += take(&store, "fast", fast, 10).await.granted;
            // The bucket is full after 100 ms. A slow machine calls later, and loses what would have come since.
            lost += (last.elapsed().as_secs_f64() - 0.1).max(0.0) * 100.0;
            last = Instant::now();
        }
        let permitted = 10.0 + begin.elapsed().as_secs_f64() * 100.0;
        let range = permitted - lost - 10.0..=permitted + 1.0;
        assert!(range.contains(&f64::from(granted)), "{granted} of {permitted}, {lost} lost");
    }
}

pub(crate) async fn processes_share_a_quota() {
    for kind in [Kind::Single, Kind::Cluster, Kind::Sentinel] {
        let server = Server::start(kind, &[]).await;
        let stores = [(); 4].map(|()| server.store());
        let slow = quota(1, 3_600_000, 24);
        let takes = (0..40).map(|call| take(&stores[call % 4], "shared", slow, 1));
        let granted: u32 = join_all(takes).await.iter().map(|state| state.granted).sum();
        assert_eq!(granted, 24, "{kind:?}");
    }
}

pub(crate) async fn quotas_expire() {
    let server = Server::start(Kind::Single, &[]).await;
    let store = server.store_with(|config| config.key_prefix = "eu:".to_owned());
    take(&store, "place:subject:ann", quota(1, 3_600_000, 2), 1).await;
    assert_eq!(server.cli::<Vec<String>>(&["KEYS", "*"]).await, ["eu:limit:place:subject:ann"]);
    let left_ms: i64 = server.cli(&["PTTL", "eu:limit:place:subject:ann"]).await;
    assert!((3_500_000..=3_600_001).contains(&left_ms), "{left_ms}");
    let key = "eu:limit:place:subject:bob";
    take(&store, "place:subject:bob", quota(10, 1000, 2), 2).await;
    until("the key expires", async || server.cli::<i64>(&["EXISTS", key]).await == 0).await;
    server.cli::<()>(&["SET", key, "not a number"]).await;
    assert_eq!(take(&store, "place:subject:bob", quota(10, 1000, 2), 2).await.granted, 2);
}

async fn admitted(limits: &RateLimits, caller: &str, calls: usize) -> usize {
    let caller = LimitedCaller::Subject(caller);
    let mut admitted = 0;
    for _ in 0..calls {
        let state = limits.admit(caller, RouteClass::Place).await.expect("the class is limited");
        admitted += usize::from(!state.is_refused());
    }
    admitted
}

pub(crate) async fn limiters_use_their_share_without_redis() {
    let server = Server::start(Kind::Single, &[]).await;
    let limiter = || {
        let store = server.store_with(|config| config.timeout_ms = 1_000);
        RateLimits::shared([(RouteClass::Place, quota(1, 3_600_000, 20))], Arc::new(store), 2)
    };
    let (one, other) = (limiter(), limiter());
    // The first call also opens the connection, which can take longer than a decision may.
    until("both share", async || share(&one, &other).await).await;
    server.pause().await;
    let begin = Instant::now();
    let without = (admitted(&one, "bob", 30).await, admitted(&other, "bob", 30).await);
    assert_eq!(without, (10, 10), "each has its share");
    assert!(begin.elapsed() < Duration::from_secs(1), "{:?}", begin.elapsed());
    let store = server.store_with(|config| (config.timeout_ms, config.connect_timeout_ms) = (100, 100));
    let error = store.take("k", quota(1, 1000, 1), 1).await.expect_err("the server is paused");
    assert_eq!(error.kind(), PortErrorKind::Unavailable);
    server.unpause().await;
    until("both share again", async || share(&one, &other).await).await;
}

/// Whether a new caller has one quota at both. One of them admits more than its share then.
async fn share(one: &RateLimits, other: &RateLimits) -> bool {
    static CALLERS: AtomicU64 = AtomicU64::new(0);
    let caller = format!("caller-{}", CALLERS.fetch_add(1, Ordering::Relaxed));
    let (first, second) = (admitted(one, &caller, 15).await, admitted(other, &caller, 15).await);
    first == 15 && (3..=5).contains(&second)
}
