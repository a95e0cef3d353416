//! A full disk, and a disk whose syncs fail.

use logistics_core::audit::{self, Expect};
use logistics_core::health::HealthProbe;
use logistics_core::port::{DocumentLookup, PortErrorKind};
use logistics_embedded::{Config, Engine};
use logistics_tests::disk::MemoryDisk;
use logistics_tests::engine::{PATIENCE, is_denied, order_id, place, processors, until};
use logistics_tokio::Processors;

const PARTITIONS: u32 = 2;
/// The free space of a disk that is almost full.
const ROOM_BYTES: u64 = 64 * 1024;

fn config() -> Config {
    Config { partitions: Some(PARTITIONS), ..Config::new("in memory") }
}

/// Whether the order's document can be read.
async fn is_found(engine: &Engine, n: usize) -> bool {
    let found = engine.store().document(&order_id(n)).await.expect("the store can be read");
    matches!(found, DocumentLookup::Found(_))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_writes_and_goes_on_once_there_is_room() {
    let disk = MemoryDisk::default();
    let engine = Engine::open_on(disk.clone(), &config()).expect("an empty disk");
    place(&engine, 0).await.expect("there is room");
    settled(&engine, processors(&engine, 0)).await;
    // Without a waiting request, the store's last writes reach the disk only on close.
    engine.close().expect("the engine closes");
    let engine = Engine::open_on(disk.clone(), &config()).expect("the data are there");
    let processors = processors(&engine, 0);

    disk.limit(Some(disk.used() + ROOM_BYTES));
    let mut taken = vec![0];
    let refused = loop {
        let n = taken.len();
        match place(&engine, n).await {
            Ok(_) => taken.push(n),
            Err(error) => break error,
        }
    };
    assert_eq!(refused.kind(), PortErrorKind::StorageFull, "{refused}");
    assert!(refused.to_string().contains("is full"), "{refused}");
    until("health says so", async || !engine.health().is_ready()).await;
    let again = place(&engine, 1_000_000).await.expect_err("it is still full");
    assert_eq!(again.kind(), PortErrorKind::StorageFull, "{again}");
    assert!(is_found(&engine, 0).await, "a full disk can be read");

    disk.limit(None);
    until("writes are taken again", async || place(&engine, 1_000_001).await.is_ok()).await;
    until("health says so", async || engine.health().is_ready()).await;
    settled(&engine, processors).await;
    for n in taken {
        assert!(is_found(&engine, n).await, "order {n} was acknowledged");
    }
    engine.close().expect("the engine closes");
}

/// Waits until every input is answered, every order delivered, and the log and the store agree. An owner whose last store
/// writes failed detects that within a second.
async fn settled(engine: &Engine, processors: Processors) {
    let (bus, store) = (engine.bus(), engine.store());
    until("every order is delivered, and the store is up to the log", async || {
        let always = audit::run(bus.as_ref(), store.as_ref(), Expect::InMotion).await;
        always.unwrap_or_else(|error| panic!("{error}"));
        let at_rest = audit::run(bus.as_ref(), store.as_ref(), Expect::AtRest).await;
        at_rest.is_ok_and(|report| report.orders == report.terminal_orders)
    })
    .await;
    assert!(processors.drain(PATIENCE).await.is_clean());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_confirms_nothing_is_not_trusted_again() {
    let disk = MemoryDisk::default();
    let engine = Engine::open_on(disk.clone(), &config()).expect("an empty disk");
    let processors = processors(&engine, 0);
    place(&engine, 0).await.expect("it is accepted");
    until("the first order is known", async || is_found(&engine, 0).await).await;

    disk.fail_syncs();
    let refused = place(&engine, 1).await.expect_err("it is not on the disk");
    assert_eq!(refused.kind(), PortErrorKind::Unavailable, "{refused}");
    until("health says what to do", async || {
        let health = engine.health();
        !health.is_ready() && health.parts[0].detail.contains("restart the process")
    })
    .await;
    // Reads fail too, because the operating system may return data that are not on the disk.
    assert!(place(&engine, 2).await.is_err() && engine.store().document(&order_id(0)).await.is_err());
    let _ = processors.drain(PATIENCE).await;
    engine.close().expect("there is nothing to finish");

    let engine = Engine::open_on(MemoryDisk::holding(disk.bytes()), &config()).expect("the data are there");
    assert!(!is_denied(&engine, &order_id(0)).await, "an order that was acknowledged is not denied");
    settled(&engine, self::processors(&engine, 0)).await;
    assert!(is_found(&engine, 0).await, "it was acknowledged");
    engine.close().expect("the engine closes");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_on_a_full_disk_waits_for_room() {
    let disk = MemoryDisk::default();
    let engine = Engine::open_on(disk.clone(), &config()).expect("an empty disk");
    place(&engine, 0).await.expect("it is accepted");
    engine.close().expect("the engine closes");

    let full = MemoryDisk::holding(disk.bytes());
    full.limit(Some(0));
    let engine = Engine::open_on(full.clone(), &config()).expect("it can be read");
    let refused = place(&engine, 1).await.expect_err("there is no room");
    assert_eq!(refused.kind(), PortErrorKind::StorageFull, "{refused}");
    full.limit(None);
    until("writes are taken", async || place(&engine, 1).await.is_ok()).await;
    settled(&engine, processors(&engine, 0)).await;
    engine.close().expect("the engine closes");
}
