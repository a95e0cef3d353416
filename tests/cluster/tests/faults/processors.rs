//! What happens to processors.

use std::time::{Duration, Instant};

use logistics_cluster_tests::services::Services;
use logistics_cluster_tests::system::System;
use logistics_containers::until;
use logistics_core::port::Topic;

/// Longer than a session, so that the group has given the partitions away.
const FROZEN: Duration = Duration::from_secs(9);
/// By then a dead processor's orders move again.
const TAKEOVER: Duration = Duration::from_secs(15);

pub(crate) async fn a_processor_is_killed_under_load(system: System) {
    let mut services = Services::start(&system, 2).await;
    let load = services.load();
    load.more(100).await;
    let killed = Instant::now();
    services.processors.remove(0).kill().await;
    // Whatever the dead one had taken: all orders of this moment end.
    let placed = load.placed();
    let bus = system.bus();
    until("the orders of the dead one have moved", async || {
        let audit = logistics_core::audit::run_log(&bus, logistics_core::audit::Expect::InMotion).await;
        audit.expect("it holds in motion").terminal_orders >= placed
    })
    .await;
    let takeover = killed.elapsed();
    assert!(takeover < TAKEOVER, "it took {takeover:?}");
    load.more(100).await;
    services.end(&system, load).await;
}

/// A zombie: it still believes that it owns its partitions.
pub(crate) async fn a_processor_that_was_frozen_is_fenced(system: System) {
    let services = Services::start(&system, 2).await;
    let load = services.load();
    load.more(100).await;
    services.processors[0].freeze();
    tokio::time::sleep(FROZEN).await;
    // The other one has everything by now and works.
    load.more(100).await;
    let lines = services.processors[0].printed().lines().count();
    services.processors[0].thaw();
    until("it was notified by the group or fenced", async || {
        let printed = services.processors[0].printed();
        let since: Vec<_> = printed.lines().skip(lines).collect();
        since.iter().any(|line| line.contains("partitions lost") || line.contains("another owner took"))
    })
    .await;
    load.more(100).await;
    services.processors[0].until_ready().await;
    services.end(&system, load).await;
}

pub(crate) async fn processors_come_and_go_under_load(system: System) {
    let mut services = Services::start(&system, 1).await;
    let load = services.load();
    for round in 0..10_u32 {
        for _ in 0..2 {
            services.processors.push(system.processor());
        }
        for processor in &services.processors {
            processor.until_ready().await;
        }
        load.more(20).await;
        // The eldest goes too; each second time they go without a word.
        for _ in 0..2 {
            let mut leaving = services.processors.remove(0);
            if round.is_multiple_of(2) { leaving.stop().await } else { leaving.kill().await }
        }
        load.more(20).await;
    }
    services.end(&system, load).await;
}

pub(crate) async fn the_groups_offsets_are_deleted(system: System) {
    let mut services = Services::start(&system, 2).await;
    let load = services.load();
    load.more(100).await;
    for processor in services.processors.drain(..) {
        processor.stop().await;
    }
    let (group, topic) = (system.group("order-processor"), system.topic(Topic::Orders));
    let delete = ["kafka-consumer-groups.sh", "--delete-offsets", "--group", &group, "--topic", &topic];
    // Not while the group still knows a member that has just left.
    until("the offsets are deleted", async || system.kafka().tool(&delete).await.contains("Successful"))
        .await;
    services.processors.push(system.processor());
    load.more(100).await;
    services.end(&system, load).await;
}
