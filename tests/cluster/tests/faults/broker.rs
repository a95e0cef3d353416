//! Faults of the brokers.

use std::time::Duration;

use logistics_cluster_tests::services::Services;
use logistics_cluster_tests::system::System;
use logistics_containers::Machine;

pub(crate) async fn the_broker_is_paused(system: System) {
    let services = Services::start(&system, 2).await;
    let load = services.load();
    load.more(100).await;
    system.kafka().brokers()[0].pause().await;
    // Longer than a session and the time limit of every call.
    tokio::time::sleep(Duration::from_secs(12)).await;
    assert!(!services.processors[0].is_ready().await, "a service without its broker is not ready");
    system.kafka().brokers()[0].unpause().await;
    load.more(100).await;
    services.processors[0].until_ready().await;
    services.end(&system, load).await;
}

pub(crate) async fn every_broker_is_restarted_in_turn(system: System) {
    let services = Services::start(&system, 2).await;
    let load = services.load();
    for broker in system.kafka().brokers() {
        load.more(100).await;
        broker.stop().await;
        broker.start_again().await;
        system.replicated().await;
    }
    load.more(100).await;
    services.end(&system, load).await;
}

pub(crate) async fn every_broker_is_killed_in_turn(system: System) {
    brokers_are_killed(&system, system.kafka().brokers()).await;
}

pub(crate) async fn a_broker_is_killed(system: System) {
    brokers_are_killed(&system, &system.kafka().brokers()[..1]).await;
}

async fn brokers_are_killed(system: &System, brokers: &[Machine]) {
    let services = Services::start(system, 2).await;
    let load = services.load();
    for broker in brokers {
        load.more(100).await;
        broker.kill().await;
        // The two remaining brokers continue.
        load.more(100).await;
        broker.start_again().await;
        system.replicated().await;
    }
    load.more(100).await;
    services.end(system, load).await;
}

/// The broker restarts with its data; see `BROKER_LOSES_ENDS` for what it may have lost.
pub(crate) async fn the_only_broker_is_killed(system: System) {
    let services = Services::start(&system, 2).await;
    let load = services.load();
    for _ in 0..2 {
        load.more(100).await;
        system.kafka().brokers()[0].kill().await;
        system.kafka().brokers()[0].start_again().await;
    }
    load.more(100).await;
    services.end(&system, load).await;
}
