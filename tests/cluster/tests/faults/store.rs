//! Faults of Redis.

use std::time::Duration;

use logistics_cluster_tests::PARTITIONS;
use logistics_cluster_tests::services::Services;
use logistics_cluster_tests::system::System;
use logistics_containers::until;
use logistics_core::Partition;
use logistics_core::port::{
    DocumentLookup, OrderReader, OwnerStore, StoreCheckpoint, StoreWrite, Token, WriteOutcome,
};

pub(crate) async fn redis_is_paused_and_restarted(system: System) {
    let services = Services::start(&system, 2).await;
    let load = services.load();
    load.more(100).await;
    system.redis().pause().await;
    tokio::time::sleep(Duration::from_secs(8)).await;
    system.redis().unpause().await;
    load.more(100).await;
    system.redis().cli(&["SAVE"]).await;
    system.redis().stop().await;
    system.redis().start_again().await;
    load.more(100).await;
    services.end(&system, load).await;
}

pub(crate) async fn redis_is_wiped_in_mid_flight(system: System) {
    let services = Services::start(&system, 2).await;
    let load = services.load();
    for _ in 0..3 {
        load.more(60).await;
        system.redis().cli(&["FLUSHALL"]).await;
    }
    load.more(60).await;
    services.end(&system, load).await;
}

pub(crate) async fn an_idle_system_rebuilds_a_wiped_redis(system: System) {
    let services = Services::start(&system, 2).await;
    let load = services.load();
    load.more(100).await;
    let clients = load.end().await;
    system.settled(&clients).await;
    system.redis().cli(&["FLUSHALL"]).await;
    // Without any request, every acknowledged order is stored again.
    system.settled(&clients).await;
    services.stop().await;
}

/// Two systems with one store would overwrite each other's documents. The system that lost the claim makes no more decisions.
pub(crate) async fn another_system_claims_the_store(system: System) {
    let mut processor = system.processor();
    processor.until_ready().await;
    system.redis().cli(&["SET", "system", "another-cluster/another-topic", "PX", "600000"]).await;
    assert_eq!(processor.ended().await.code(), Some(2));
    let output = processor.output();
    assert!(output.contains("the store cannot be used any more"), "{output}");
    let again = system.processor().ended().await;
    assert_eq!(again.code(), Some(2), "a restart is rejected too");
}

/// Unsuitable settings of the store are no loss of the claim, and do not hide one.
pub(crate) async fn another_system_claims_a_store_with_unsuitable_settings(system: System) {
    let mut processor = system.processor();
    processor.until_ready().await;
    system.redis().cli(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]).await;
    processor.until_printed("a check of the start no longer passes").await;
    assert!(processor.is_running(), "it waits until the setting is corrected");
    system.redis().cli(&["SET", "system", "another-cluster/another-topic", "PX", "600000"]).await;
    assert_eq!(processor.ended().await.code(), Some(2));
    let output = processor.output();
    assert!(output.contains("in use by another system (another-cluster/another-topic)"), "{output}");
    system.redis().cli(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]).await;
}

pub(crate) async fn redis_is_restored_to_an_older_state(system: System) {
    let services = Services::start(&system, 2).await;
    let load = services.load();
    load.more(100).await;
    system.redis().cli(&["SAVE"]).await;
    load.more(100).await;
    // After SIGKILL, Redis restarts with the saved state.
    system.redis().kill().await;
    system.redis().start_again().await;
    load.more(100).await;
    services.end(&system, load).await;
}

/// While Redis is paused, writes wait in its socket. Redis applies them when it resumes, although their sender is dead. The test
/// holds the last writes back until another owner of the partition has written: then they change nothing.
pub(crate) async fn a_late_write_of_a_dead_owner_changes_nothing(system: System) {
    let mut services = Services::start(&system, 1).await;
    let (load, store) = (services.load(), system.store());
    for _ in 0..5 {
        load.more(50).await;
        let mut held = Vec::new();
        for partition in (0..PARTITIONS).map(Partition) {
            held.extend(checkpoint(&store, partition).await.map(|there| next_write(partition, there)));
        }
        assert!(!held.is_empty(), "no partition has a write after fifty orders");
        system.redis().pause().await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        services.processors.remove(0).kill().await;
        services.processors.push(system.processor());
        tokio::time::sleep(Duration::from_secs(1)).await;
        system.redis().unpause().await;
        for write in held {
            until("another owner has written", async || {
                let there = checkpoint(&store, write.partition).await;
                there.is_some_and(|there| there.token.acquisition != write.next.acquisition)
            })
            .await;
            assert_eq!(store.write(write).await.expect("Redis answers"), WriteOutcome::Mismatch);
        }
    }
    load.more(50).await;
    services.end(&system, load).await;
}

/// An operator deletes keys, or a server evicts them.
pub(crate) async fn deleted_documents_are_rebuilt(system: System) {
    let services = Services::start(&system, 2).await;
    let load = services.load();
    load.more(60).await;
    let clients = load.end().await;
    let before = system.settled(&clients).await;
    let store = system.store();
    for order_id in clients.orders.values().take(10) {
        system.redis().cli(&["DEL", &format!("order:{order_id}")]).await;
    }
    for order_id in clients.orders.values().take(10) {
        let id = order_id.parse().expect("an order id");
        until("the document is rebuilt", async || {
            matches!(store.document(&id).await, Ok(DocumentLookup::Found(_)))
        })
        .await;
    }
    let after = system.settled(&clients).await;
    assert_eq!(
        (after.orders, after.facts),
        (before.orders, before.facts),
        "no order was placed a second time"
    );
    services.stop().await;
}

/// The store belongs to a deleted log. When the new log is long enough, only its identity distinguishes the two.
pub(crate) async fn a_new_log_does_not_continue_the_store_of_the_old_one(system: System) {
    let services = Services::start(&system, 1).await;
    let load = services.load();
    load.more(30).await;
    services.end(&system, load).await;
    let bus = system.bus();
    bus.delete_topics().await.expect("the topics are deleted");
    until("the topics are created again", async || bus.create_topics(None).await.is_ok()).await;

    let services = Services::start(&system, 2).await;
    let load = services.load();
    load.more(120).await;
    services.end(&system, load).await;
}

async fn checkpoint(store: &impl OwnerStore, partition: Partition) -> Option<StoreCheckpoint> {
    store.recover(partition).await.expect("Redis answers").checkpoint
}

/// The next write of this checkpoint's owner, without documents and outcomes.
fn next_write(partition: Partition, there: StoreCheckpoint) -> StoreWrite {
    StoreWrite {
        partition,
        expected: Some(there.token),
        next: Token { sequence: there.token.sequence + 1, ..there.token },
        offset: there.offset,
        answered: there.answered,
        basis: there.basis.unwrap_or_default(),
        documents: Vec::new(),
        outcomes: Vec::new(),
    }
}
