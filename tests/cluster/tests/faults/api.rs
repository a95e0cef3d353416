//! Faults of the API, and a rolling restart of all services.

use std::time::Duration;

use logistics_cluster_tests::load::Load;
use logistics_cluster_tests::services::Services;
use logistics_cluster_tests::system::System;

/// Clients retry each call with its Idempotency-Key until it is answered. A retry returns the order that the dead API appended.
pub(crate) async fn the_api_is_killed_between_append_and_answer(system: System) {
    let mut services = Services::start(&system, 1).await;
    let load = services.load();
    for _ in 0..10 {
        load.more(30).await;
        let address = services.api.address();
        services.api.kill().await;
        services.api = system.api_at(address);
    }
    load.more(30).await;
    services.end(&system, load).await;
}

/// Two processes of each service, so that one always runs.
pub(crate) async fn everything_is_restarted_in_turn_without_a_failed_call(system: System) {
    let mut services = Services::start(&system, 2).await;
    let mut second = system.api();
    second.until_ready().await;
    let apis = [services.api.address(), second.address()];
    let load = Load::start("rolling", &apis, 8, Duration::from_millis(20));
    load.more(50).await;
    for _ in 0..2 {
        for api in [&mut services.api, &mut second] {
            let address = api.address();
            let successor = system.api_at_successor(address, api).await;
            *api = successor;
            load.more(20).await;
        }
        for _ in 0..2 {
            services.processors.push(system.processor());
            services.processors[2].until_ready().await;
            services.processors.remove(0).stop().await;
            load.more(20).await;
        }
        let successor = system.notifications();
        successor.until_ready().await;
        std::mem::replace(&mut services.notifications, successor).stop().await;
    }
    let clients = load.end().await;
    assert!(
        clients.attempts_max <= 2,
        "one retry was not enough: {} attempts, {:?}",
        clients.attempts_max,
        clients.failures
    );
    let report = system.settled(&clients).await;
    assert_eq!(report.orders, clients.orders.len() as u64);
    second.stop().await;
    services.stop().await;
}
