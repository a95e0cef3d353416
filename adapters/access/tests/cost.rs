//! The cost of a decision. Run it with optimizations: `cargo test --release -p logistics-access --test cost -- --ignored
//! --nocapture`.

#![expect(clippy::print_stdout, reason = "a measurement prints its result")]

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use logistics_access::RateLimits;
use logistics_core::port::{PortError, Quota, QuotaState, SharedQuota};
use logistics_service::{LimitedCaller, Limiter, RouteClass};

const DECISIONS: u32 = 2_000_000;

/// A store without latency that grants everything.
struct Generous;

#[async_trait]
impl SharedQuota for Generous {
    async fn take(&self, _: &str, _: Quota, units: u32) -> Result<QuotaState, PortError> {
        Ok(QuotaState { granted: units, remaining: 1000, wait_us: 0 })
    }
}

fn address(number: u32) -> LimitedCaller<'static> {
    LimitedCaller::Address(IpAddr::from(Ipv4Addr::from_bits(number)))
}

async fn nanoseconds(limits: &dyn Limiter, caller: impl Fn(u32) -> LimitedCaller<'static>) -> u128 {
    let began = Instant::now();
    for number in 0..DECISIONS {
        std::hint::black_box(limits.admit(caller(number), RouteClass::Place).await);
    }
    began.elapsed().as_nanos() / u128::from(DECISIONS)
}

#[tokio::test]
#[ignore = "a measurement"]
async fn a_decision_takes_less_than_a_microsecond() {
    let quotas = |burst| [(RouteClass::Place, Quota::new(1_000_000, 1000, burst).expect("a quota"))];
    let limits = RateLimits::new(quotas(1_000_000));
    let small = RateLimits::new([(RouteClass::Place, Quota::new(1, 60_000, 1).expect("a quota"))]);
    let shared = RateLimits::shared(quotas(1_000_000), Arc::new(Generous), 1);
    for (name, ns) in [
        ("one principal", nanoseconds(&limits, |_| LimitedCaller::Subject("key:shop-1")).await),
        ("a new address each", nanoseconds(&limits, address).await),
        ("100 addresses, refused", nanoseconds(&small, |number| address(number % 100)).await),
        ("one principal, shared", nanoseconds(&shared, |_| LimitedCaller::Subject("key:shop-1")).await),
    ] {
        println!("{name}: {ns} ns");
        assert!(ns < 1000 || cfg!(debug_assertions), "{name}: {ns} ns");
    }
}
