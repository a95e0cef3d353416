//! The lists of parties in a data file that a release without them wrote, and the time that the replay for them takes.
#![allow(clippy::print_stderr, reason = "the time is for people")]

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Instant;

use futures::future::join_all;
use logistics_core::audit::{self, Expect};
use logistics_core::health::HealthProbe;
use logistics_core::port::{ListQuery, OrderParties, PartyFilter, PartyRole};
use logistics_core::{Order, OrderId, Partition, PartyId, Status, partition_of};
use logistics_embedded::{Config, Engine};
use logistics_tests::engine::{PATIENCE, order_id, processors, until};
use logistics_tests::workload::place_for_parties;
use redb::{Database, ReadableTable, TableDefinition};

const PARTITIONS: u32 = 4;
const ORDERS: usize = 200;
const STATE: TableDefinition<'static, &[u8], &[u8]> = TableDefinition::new("state");
const PARTIES: TableDefinition<'static, &[u8], u8> = TableDefinition::new("parties");
/// Length of a checkpoint before its basis.
const CHECKPOINT_BYTES: usize = 40;

fn open(directory: &Path) -> Engine {
    let config = Config { partitions: Some(PARTITIONS), ..Config::new(directory) };
    Engine::open(config).expect("the data file opens")
}

async fn place(engine: &Engine, n: usize) {
    let id = order_id(n);
    let partition = partition_of(&id, PARTITIONS);
    let input = place_for_parties(&id, partition, &format!("request-{n}"));
    engine.bus().append(&id, input.payload).await.expect("the log accepts it");
}

/// What a release without lists of parties leaves: no table, or one that it did not update, and a basis of its own.
fn written_before(directory: &Path, keeps_table: bool) {
    let database = Database::open(directory.join("logistics.redb")).expect("the data file is there");
    let txn = database.begin_write().expect("a transaction");
    if !keeps_table {
        assert!(txn.delete_table(PARTIES).expect("deleted"));
    }
    let mut state = txn.open_table(STATE).expect("the table");
    for partition in 0..PARTITIONS {
        let key = [&b"c"[..], &partition.to_be_bytes()].concat();
        let mut row = state.get(&key[..]).expect("read").expect("a checkpoint").value().to_vec();
        let basis = row.split_off(CHECKPOINT_BYTES);
        let mut basis: serde_json::Value = serde_json::from_slice(&basis).expect("a basis");
        assert!(basis.as_object_mut().expect("an object").remove("indexed").is_some());
        row.extend_from_slice(basis.to_string().as_bytes());
        state.insert(&key[..], &row[..]).expect("written");
    }
    drop(state);
    txn.commit().expect("committed");
}

/// The orders of each party, from the documents.
async fn expected(engine: &Engine, orders: usize) -> Vec<(PartyFilter, BTreeSet<OrderId>)> {
    let mut found: Vec<(PartyFilter, BTreeSet<OrderId>)> = Vec::new();
    let ids: Vec<_> = (0..orders).map(order_id).collect();
    for id in ids {
        let loaded = engine.store().load(partition_of(&id, PARTITIONS), std::slice::from_ref(&id)).await;
        let json = loaded.expect("loaded").documents.remove(0).expect("a document");
        let order = Order::from_document(&json).expect("an order");
        for (role, party) in OrderParties::from(&order).iter() {
            let party = PartyFilter { role, id: party.clone() };
            match found.iter_mut().find(|(known, _)| *known == party) {
                Some((_, orders)) => _ = orders.insert(id.clone()),
                None => found.push((party, BTreeSet::from([id.clone()]))),
            }
        }
    }
    found
}

async fn listed(engine: &Engine, party: &PartyFilter) -> Vec<OrderId> {
    let mut query = ListQuery { party: Some(party.clone()), limit: 1000, ..ListQuery::default() };
    let mut ids = Vec::new();
    loop {
        let page = engine.store().list(&query).await.expect("a page");
        ids.extend(page.documents.iter().map(|json| Order::from_document(json).expect("an order").order_id));
        query.after = page.next;
        if query.after.is_none() {
            return ids;
        }
    }
}

async fn lists_everything(engine: &Engine, expected: &[(PartyFilter, BTreeSet<OrderId>)]) -> bool {
    for (party, orders) in expected {
        let ids = listed(engine, party).await;
        if ids.len() != orders.len() || ids.into_iter().collect::<BTreeSet<_>>() != *orders {
            return false;
        }
    }
    true
}

/// Runs processors until every order is delivered.
async fn deliver(engine: &Engine, orders: std::ops::Range<usize>) {
    let processors = processors(engine, 0);
    let end = orders.end;
    join_all(orders.map(|n| place(engine, n))).await;
    until("every order is delivered", async || {
        let query = ListQuery { status: Some(Status::Delivered), limit: 1000, ..ListQuery::default() };
        let mut delivered = 0;
        let mut query = query;
        loop {
            let page = engine.store().list(&query).await.expect("a page");
            delivered += page.documents.len();
            query.after = page.next;
            if query.after.is_none() {
                return delivered == end;
            }
        }
    })
    .await;
    assert!(processors.drain(PATIENCE).await.is_clean());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_an_earlier_release_gets_its_lists_of_parties() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let engine = open(directory.path());
    deliver(&engine, 0..ORDERS).await;
    let wanted = expected(&engine, ORDERS).await;
    assert!(wanted.len() >= 5 && lists_everything(&engine, &wanted).await);
    engine.close().expect("closed");

    // Up from a release without the lists, and again after a rollback to it, which leaves outdated entries.
    for keeps_table in [false, true] {
        written_before(directory.path(), keeps_table);
        let engine = open(directory.path());
        assert_eq!(lists_everything(&engine, &wanted).await, keeps_table);
        let processors = processors(&engine, 0);
        until("the lists are there", async || {
            processors.health().is_ready() && lists_everything(&engine, &wanted).await
        })
        .await;
        assert!(processors.drain(PATIENCE).await.is_clean());
        let unknown =
            PartyFilter { role: PartyRole::Courier, id: PartyId::parse("merchant").expect("an id") };
        assert_eq!(listed(&engine, &unknown).await, []);
        let report = audit::run(engine.bus().as_ref(), engine.store().as_ref(), Expect::AtRest).await;
        assert_eq!(report.expect("every invariant holds").orders, ORDERS as u64);
        engine.close().expect("closed");
    }
}

/// Prints the time of the replay of a file without lists of parties.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement: PARTY_ORDERS orders, 100,000 by default"]
async fn the_time_to_list_the_parties_of_a_file() {
    let orders = std::env::var("PARTY_ORDERS").map_or(100_000, |text| text.parse().expect("a number"));
    let directory = tempfile::tempdir().expect("a temporary directory");
    let engine = open(directory.path());
    for first in (0..orders).step_by(2000) {
        deliver(&engine, first..(first + 2000).min(orders)).await;
    }
    engine.close().expect("closed");
    written_before(directory.path(), false);
    let engine = open(directory.path());
    let begin = Instant::now();
    let processors = processors(&engine, 0);
    until("the partitions are live", async || processors.health().is_ready()).await;
    let partitions = (0..PARTITIONS).map(Partition);
    let ends =
        join_all(
            partitions.map(|partition| {
                let bus = engine.bus();
                async move {
                    bus.bounds(logistics_core::port::Topic::Orders, partition).await.expect("read").end.0
                }
            }),
        );
    let records: u64 = ends.await.into_iter().sum();
    eprintln!("{orders} orders, {records} records: {:?}", begin.elapsed());
    assert!(processors.drain(PATIENCE).await.is_clean());
    engine.close().expect("closed");
}
