//! The circuit breakers of the API.

use std::time::Instant;

use logistics_cluster_tests::api;
use logistics_cluster_tests::services::Services;
use logistics_cluster_tests::system::System;
use logistics_containers::until;
use tokio::task::JoinSet;

/// More than the window of a breaker has.
const READS: usize = 25;

/// A reply that waited for no time limit, on a machine with a load. Alone, it takes a millisecond.
const FAST_MS_MAX: u128 = 100;

/// While Redis hangs, reads fail at once after some have waited for the time limit. Placements continue, the processors wait, and
/// nothing is lost.
pub(crate) async fn reads_fail_at_once_while_redis_hangs(system: System) {
    let services = Services::start(&system, 2).await;
    let load = services.load();
    load.more(60).await;
    let api = services.api.address();
    let order_id = place(api).await;
    let path = format!("/orders/{order_id}");
    let code = async || {
        let reply = api::get(api, &path).await.expect("an answer");
        reply.json()["code"].as_str().unwrap_or_default().to_owned()
    };
    until("the order is stored", async || code().await.is_empty()).await;

    system.redis().pause().await;
    until("the circuit breaker of the store opens", async || {
        let reads: JoinSet<_> =
            (0..READS).map(|n| async move { api::get(api, &format!("/orders/missing-{n}")).await }).collect();
        reads.join_all().await;
        code().await == "circuit_open"
    })
    .await;
    let mut fastest = u128::MAX;
    for _ in 0..20 {
        let began = Instant::now();
        if code().await == "circuit_open" {
            fastest = fastest.min(began.elapsed().as_millis());
        }
    }
    assert!(fastest < FAST_MS_MAX, "{fastest} ms");
    let ready = api::get(api, "/health/ready").await.expect("an answer");
    let degraded = ready.json()["degraded"].to_string();
    assert!(ready.status == 200 && degraded.contains("store circuit breaker"), "{degraded}");
    place(api).await;

    system.redis().unpause().await;
    until("the API reads the store again", async || code().await.is_empty()).await;
    load.more(60).await;
    let clients = load.end().await;
    system.settled(&clients).await;
    services.stop().await;
}

async fn place(api: std::net::SocketAddr) -> String {
    let placed = api::post(api, "/orders").await.expect("an answer");
    assert_eq!(placed.status, 200);
    placed.json()["order_id"].as_str().expect("an order id").to_owned()
}
