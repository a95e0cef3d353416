//! What happens to the broker.

use std::time::Duration;

use logistics_cluster_tests::services::Services;
use logistics_cluster_tests::system::System;

pub(crate) async fn the_broker_is_paused(system: System) {
    let services = Services::start(&system, 2).await;
    let load = services.load();
    load.more(100).await;
    system.kafka().pause().await;
    // Longer than a session and any call's time limit.
    tokio::time::sleep(Duration::from_secs(12)).await;
    assert!(!services.processors[0].is_ready().await, "a lost broker makes a service unready");
    system.kafka().unpause().await;
    load.more(100).await;
    services.processors[0].until_ready().await;
    services.end(&system, load).await;
}

pub(crate) async fn the_broker_is_restarted(system: System) {
    let services = Services::start(&system, 2).await;
    let load = services.load();
    load.more(100).await;
    system.kafka().stop().await;
    system.kafka().start_again().await;
    load.more(100).await;
    services.end(&system, load).await;
}

pub(crate) async fn the_broker_is_killed(system: System) {
    let services = Services::start(&system, 2).await;
    let load = services.load();
    for _ in 0..2 {
        load.more(100).await;
        system.kafka().kill().await;
        system.kafka().start_again().await;
    }
    load.more(100).await;
    services.end(&system, load).await;
}
