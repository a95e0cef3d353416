//! The number of orders of each status in files that an earlier release has changed, and in large ones; and the size of the file.
#![expect(clippy::print_stdout, reason = "the test of a large file prints its figures")]

use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use logistics_core::lifecycle::Status;
use logistics_core::port::{DocumentWrite, OrderParties, StatusSummary, StoreWrite, Token, WriteOutcome};
use logistics_core::{Offset, Partition, Timestamp};
use logistics_embedded::{Config, Engine};
use logistics_testkit::sample;
use redb::{Database, ReadableTable, TableDefinition, WriteTransaction};
use tempfile::TempDir;

const STATE: TableDefinition<'static, &[u8], &[u8]> = TableDefinition::new("state");
const INDEX: TableDefinition<'static, &[u8], ()> = TableDefinition::new("index");
const COUNTS: &[u8] = b"o";
/// The checkpoint of partition 0.
const CHECKPOINT: &[u8] = b"c\0\0\0\0";
/// The numbers of the statuses in the file.
const PLACED: u8 = 1;
const CONFIRMED: u8 = 2;

fn open(directory: &Path) -> Engine {
    Engine::open(Config::new(directory)).expect("the data file opens")
}

/// The orders of each status that has some: their number and the earliest of their latest changes.
async fn summary(engine: &Engine) -> Vec<(Status, u64, Timestamp)> {
    let summary = engine.store().summary().await.expect("a summary");
    let some = |StatusSummary { status, count, oldest_change }| Some((status, count, oldest_change?));
    summary.into_iter().filter_map(some).collect()
}

/// A closed file with five new orders in partition 0.
async fn written() -> TempDir {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let engine = open(directory.path());
    let ids = sample::order_ids_in(Partition(0), engine.partitions(), 5);
    let document = |(ms, id)| DocumentWrite {
        json: sample::document(id, Status::Placed),
        order_id: id.clone(),
        status: Status::Placed,
        changed_at: sample::time(ms),
        parties: OrderParties::default(),
        previous: None,
        rebuilt: false,
        late: false,
        due: None,
    };
    let write = StoreWrite {
        partition: Partition(0),
        expected: None,
        next: Token { acquisition: 1, sequence: 1 },
        offset: Offset(1),
        answered: Offset(1),
        basis: Bytes::new(),
        documents: (0..).zip(&ids).map(document).collect(),
        outcomes: Vec::new(),
    };
    assert_eq!(engine.store().write(write).await.expect("a write"), WriteOutcome::Applied);
    assert_eq!(summary(&engine).await, [(Status::Placed, 5, sample::time(0))]);
    engine.close().expect("the engine closes");
    directory
}

/// Changes the file as another release.
fn change(directory: &Path, change: impl FnOnce(&WriteTransaction)) {
    let database = Database::open(directory.join("logistics.redb")).expect("the data file is there");
    let txn = database.begin_write().expect("a transaction");
    change(&txn);
    txn.commit().expect("the change is stored");
}

/// The first entry of the index: the oldest new order.
fn first_entry(txn: &WriteTransaction) -> Vec<u8> {
    let index = txn.open_table(INDEX).expect("the index");
    let (key, ()) = index
        .first()
        .expect("readable")
        .map(|(key, value)| (key.value().to_vec(), value.value()))
        .expect("an entry");
    key
}

#[tokio::test]
async fn a_file_without_counts_is_counted_once() {
    let directory = written().await;
    change(directory.path(), |txn| {
        let mut state = txn.open_table(STATE).expect("the state");
        assert!(state.remove(COUNTS).expect("readable").is_some());
    });
    let engine = open(directory.path());
    assert_eq!(summary(&engine).await, [(Status::Placed, 5, sample::time(0))]);
    engine.close().expect("the engine closes");

    // The counts of the file are used from now on: wrong ones with the right mark stay wrong.
    change(directory.path(), |txn| {
        let mut state = txn.open_table(STATE).expect("the state");
        let mut row = state.get(COUNTS).expect("readable").expect("the counts").value().to_vec();
        assert_eq!((row.len(), row[8]), (17, PLACED));
        row[8] = CONFIRMED;
        state.insert(COUNTS, &row[..]).expect("stored");
    });
    let engine = open(directory.path());
    let counts = engine.store().summary().await.expect("a summary");
    assert_eq!(counts[Status::Confirmed.index()].count, 5);
    engine.close().expect("the engine closes");
}

/// An earlier release writes the index and the checkpoint, and not the counts.
#[tokio::test]
async fn a_write_of_an_earlier_release_is_noticed() {
    let directory = written().await;
    change(directory.path(), |txn| {
        let first = first_entry(txn);
        let mut moved = first.clone();
        moved[0] = CONFIRMED;
        let mut index = txn.open_table(INDEX).expect("the index");
        index.remove(&first[..]).expect("removed");
        index.insert(&moved[..], ()).expect("inserted");
        let mut state = txn.open_table(STATE).expect("the state");
        let mut checkpoint = state.get(CHECKPOINT).expect("readable").expect("a checkpoint").value().to_vec();
        // The last byte of the token.
        checkpoint[39] += 1;
        state.insert(CHECKPOINT, &checkpoint[..]).expect("stored");
    });
    let engine = open(directory.path());
    let wanted = [(Status::Placed, 4, sample::time(1)), (Status::Confirmed, 1, sample::time(0))];
    assert_eq!(summary(&engine).await, wanted);
    engine.close().expect("the engine closes");
}

/// A step of clearing a partition leaves its checkpoint.
#[tokio::test]
async fn a_clearing_of_an_earlier_release_is_noticed() {
    let directory = written().await;
    change(directory.path(), |txn| {
        let first = first_entry(txn);
        txn.open_table(INDEX).expect("the index").remove(&first[..]).expect("removed");
    });
    let engine = open(directory.path());
    assert_eq!(summary(&engine).await, [(Status::Placed, 4, sample::time(1))]);
    engine.close().expect("the engine closes");
}

#[tokio::test]
async fn the_usage_is_the_size_of_the_file_and_the_free_space() {
    let directory = written().await;
    let engine = open(directory.path());
    let usage = engine.usage().await.expect("the usage");
    let length = std::fs::metadata(directory.path().join("logistics.redb")).expect("the data file").len();
    assert_eq!((usage.name, usage.used_bytes), ("embedded", Some(length)));
    assert!(!cfg!(unix) || usage.limit_bytes > usage.used_bytes, "{usage:?}");
    assert_eq!((usage.eviction_policy, usage.evicted_keys), (None, None));
    engine.close().expect("the engine closes");
}

/// Prints the figures of a large file. A release build on a quiet machine: `cargo test --release -- --ignored --nocapture`.
#[tokio::test]
#[ignore = "measures, and takes a minute"]
async fn a_million_orders() {
    const ORDERS: u64 = 1_000_000;
    let directory = written().await;
    change(directory.path(), |txn| {
        txn.open_table(STATE).expect("the state").remove(COUNTS).expect("readable");
        let mut index = txn.open_table(INDEX).expect("the index");
        for n in 0..ORDERS {
            let mut key = vec![if n % 100 == 0 { CONFIRMED } else { 6 }];
            key.extend_from_slice(&(1_764_000_000_000_u64 + n).to_be_bytes());
            key.extend_from_slice(format!("{:032x}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15)).as_bytes());
            index.insert(&key[..], ()).expect("inserted");
        }
    });
    for what in ["with the count of a file of an earlier release", "later"] {
        let begin = Instant::now();
        let engine = open(directory.path());
        println!("opening {what}: {:?}", begin.elapsed());
        let mut times: Vec<Duration> = Vec::new();
        for _ in 0..100 {
            let begin = Instant::now();
            let found = engine.store().summary().await.expect("a summary");
            times.push(begin.elapsed());
            assert_eq!(found.iter().map(|status| status.count).sum::<u64>(), ORDERS + 5);
        }
        println!(
            "a summary of {ORDERS} orders: {:?} first, {:?} at most after",
            times[0],
            times[1..].iter().max()
        );
        engine.close().expect("the engine closes");
    }
}
