//! Faults of processors.

use std::time::{Duration, Instant};

use logistics_cluster_tests::services::Services;
use logistics_cluster_tests::system::System;
use logistics_containers::until;
use logistics_core::port::Topic;

/// Longer than a session, so that the group reassigns the partitions.
const SUSPENDED: Duration = Duration::from_secs(9);
/// The time limit from the death of a processor until its orders move again.
const TAKEOVER: Duration = Duration::from_secs(15);

pub(crate) async fn a_processor_is_killed_under_load(system: System) {
    let mut services = Services::start(&system, 2).await;
    let load = services.load();
    load.more(100).await;
    let killed = Instant::now();
    services.processors.remove(0).kill().await;
    // All orders of this moment become terminal, including those of the dead processor.
    let placed = load.placed();
    let bus = system.bus();
    until("the orders of the dead processor are terminal", async || {
        let audit = logistics_core::audit::run_log(&bus, logistics_core::audit::Expect::InMotion).await;
        audit.expect("every invariant holds in motion").terminal_orders >= placed
    })
    .await;
    let takeover = killed.elapsed();
    assert!(takeover < TAKEOVER, "it took {takeover:?}");
    load.more(100).await;
    services.end(&system, load).await;
}

/// A suspended processor resumes as if it still owned its partitions.
pub(crate) async fn a_suspended_processor_is_fenced(system: System) {
    let services = Services::start(&system, 2).await;
    let load = services.load();
    load.more(100).await;
    services.processors[0].suspend();
    tokio::time::sleep(SUSPENDED).await;
    // The other processor has all partitions now.
    load.more(100).await;
    let lines = services.processors[0].output().lines().count();
    services.processors[0].resume();
    until("the group revokes its partitions, or the broker fences it", async || {
        let output = services.processors[0].output();
        let since: Vec<_> = output.lines().skip(lines).collect();
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
        // The oldest two leave: stopped in even rounds, killed in odd ones.
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
    // The broker rejects the deletion while the group still lists a member that has left.
    until("the offsets are deleted", async || system.kafka().tool(&delete).await.contains("Successful"))
        .await;
    services.processors.push(system.processor());
    load.more(100).await;
    services.end(&system, load).await;
}
