//! What happens to Redis.

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

pub(crate) async fn an_idle_system_heals_a_wiped_redis_unasked(system: System) {
    let services = Services::start(&system, 2).await;
    let load = services.load();
    load.more(100).await;
    let told = load.end().await;
    system.settled(&told).await;
    system.redis().cli(&["FLUSHALL"]).await;
    // Without any request. This includes that every acknowledged order is there again.
    system.settled(&told).await;
    services.stop().await;
}

/// Two systems with one store would overwrite each other's documents. The one that lost the claim decides nothing more.
pub(crate) async fn another_system_claims_the_store(system: System) {
    let mut processor = system.processor();
    processor.until_ready().await;
    system.redis().cli(&["SET", "system", "another-cluster/another-topic", "PX", "600000"]).await;
    assert_eq!(processor.ended().await.code(), Some(2));
    let printed = processor.printed();
    assert!(printed.contains("the store cannot be used any more"), "{printed}");
    let again = system.processor().ended().await;
    assert_eq!(again.code(), Some(2), "the start is refused too");
}

/// A store that no longer fits is no loss of the claim, and hides none.
pub(crate) async fn another_system_claims_a_store_that_no_longer_fits(system: System) {
    let mut processor = system.processor();
    processor.until_ready().await;
    system.redis().cli(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]).await;
    processor.until_printed("a check of the start no longer passes").await;
    assert!(processor.is_running(), "it waits for the setting");
    system.redis().cli(&["SET", "system", "another-cluster/another-topic", "PX", "600000"]).await;
    assert_eq!(processor.ended().await.code(), Some(2));
    let printed = processor.printed();
    assert!(printed.contains("in use by another system (another-cluster/another-topic)"), "{printed}");
    system.redis().cli(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]).await;
}

pub(crate) async fn redis_is_restored_to_an_older_state(system: System) {
    let services = Services::start(&system, 2).await;
    let load = services.load();
    load.more(100).await;
    system.redis().cli(&["SAVE"]).await;
    load.more(100).await;
    // Killed, it comes back with what was saved.
    system.redis().kill().await;
    system.redis().start_again().await;
    load.more(100).await;
    services.end(&system, load).await;
}

/// While Redis stands still, writes wait in its socket; it applies them when it continues, although their sender is
/// dead. The last of them are held back here until another owns the partition and has written: they change nothing then.
pub(crate) async fn a_store_write_arrives_late_from_an_owner_that_is_gone(system: System) {
    let mut services = Services::start(&system, 1).await;
    let (load, store) = (services.load(), system.store());
    for _ in 0..5 {
        load.more(50).await;
        let mut held = Vec::new();
        for partition in (0..PARTITIONS).map(Partition) {
            held.extend(checkpoint(&store, partition).await.map(|there| next_write(partition, there)));
        }
        assert!(!held.is_empty(), "fifty orders and no partition with a write");
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

/// Keys that an operator deletes, or that a server evicts.
pub(crate) async fn documents_that_are_deleted_come_back(system: System) {
    let services = Services::start(&system, 2).await;
    let load = services.load();
    load.more(60).await;
    let told = load.end().await;
    let before = system.settled(&told).await;
    let store = system.store();
    for order_id in told.orders.values().take(10) {
        system.redis().cli(&["DEL", &format!("order:{order_id}")]).await;
    }
    for order_id in told.orders.values().take(10) {
        let id = order_id.parse().expect("an order id");
        until("the document is back", async || {
            matches!(store.document(&id).await, Ok(DocumentLookup::Found(_)))
        })
        .await;
    }
    let after = system.settled(&told).await;
    assert_eq!(
        (after.orders, after.facts),
        (before.orders, before.facts),
        "nothing was placed a second time"
    );
    services.stop().await;
}

/// The store of a log that is gone. As soon as the new log is long enough, only its identity tells the two apart.
pub(crate) async fn a_log_that_is_made_anew_is_not_taken_for_the_old_one(system: System) {
    let services = Services::start(&system, 1).await;
    let load = services.load();
    load.more(30).await;
    services.end(&system, load).await;
    let bus = system.bus();
    bus.delete_topics().await.expect("they are deleted");
    until("the topics are made anew", async || bus.create_topics(None).await.is_ok()).await;

    let services = Services::start(&system, 2).await;
    let load = services.load();
    load.more(120).await;
    services.end(&system, load).await;
}

async fn checkpoint(store: &impl OwnerStore, partition: Partition) -> Option<StoreCheckpoint> {
    store.recover(partition).await.expect("Redis answers").checkpoint
}

/// What the owner of this checkpoint would write next, were it to answer nothing.
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
