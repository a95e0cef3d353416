//! What is in the data directory: who may read it, and the files of earlier releases.

use std::collections::BTreeSet;
use std::path::Path;

use bytes::Bytes;
use logistics_core::lifecycle::Status;
use logistics_core::port::{
    ClearOutcome, DocumentWrite, GroupEvent, ListQuery, LogIdentity, OrderParties, StoreWrite, Token,
    WriteOutcome,
};
use logistics_core::{Offset, Order, OrderId, Partition};
use logistics_embedded::limits::CLEAR_ROWS_MAX;
use logistics_embedded::{Config, Engine};
use logistics_testkit::sample;
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};

const STATE: TableDefinition<'static, &[u8], &[u8]> = TableDefinition::new("state");
const LATE: TableDefinition<'static, &[u8], u8> = TableDefinition::new("late");

fn open(directory: &Path) -> Engine {
    Engine::open(Config::new(directory)).expect("the data file opens")
}

/// The file itself, with no engine on it.
fn database(directory: &Path) -> Database {
    Database::open(directory.join("logistics.redb")).expect("the data file is there")
}

/// The identity of each partition's log.
async fn identities(engine: &Engine) -> BTreeSet<LogIdentity> {
    let membership = engine.bus().join().await.expect("a member joins");
    let event = membership.next().await.expect("an event");
    let GroupEvent::Assigned(partitions) = event else { panic!("not an assignment: {event:?}") };
    let mut identities = BTreeSet::new();
    for partition in partitions {
        let log = membership.log(partition);
        identities.insert(log.extent().await.expect("an extent").log);
    }
    identities
}

#[cfg(unix)]
#[test]
fn only_the_user_of_the_engine_may_look_at_what_it_makes() {
    use std::os::unix::fs::PermissionsExt;

    let parent = tempfile::tempdir().expect("a temporary directory");
    let directory = parent.path().join("several/levels/data");
    let engine = open(&directory);
    let mode = |path: &Path| std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!(mode(&directory), 0o700);
    let files: Vec<_> = std::fs::read_dir(&directory)
        .expect("a directory")
        .map(|entry| entry.expect("a file").path())
        .collect();
    assert!(files.len() >= 2, "{files:?}");
    for file in files {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
    engine.close().expect("the engine closes");
}

#[tokio::test]
async fn a_file_keeps_its_identity_a_copy_has_it_and_a_new_file_has_another() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (engine, another) = (open(one.path()), open(other.path()));
    let (identity, foreign) = (identities(&engine).await, identities(&another).await);
    assert_eq!(identity.len(), 1);
    assert_ne!(identity, foreign);
    engine.close().unwrap();
    another.close().unwrap();

    std::fs::copy(one.path().join("logistics.redb"), other.path().join("logistics.redb")).unwrap();
    for directory in [one, other] {
        let engine = open(directory.path());
        assert_eq!(identities(&engine).await, identity);
        engine.close().unwrap();
    }
}

#[tokio::test]
async fn a_file_of_an_earlier_release_gets_an_identity_once_and_the_list_of_its_late_orders() {
    let directory = tempfile::tempdir().unwrap();
    let engine = open(directory.path());
    let ids: Vec<OrderId> =
        (0..4).map(|n| sample::order_id_in(Partition(0), engine.partitions(), n)).collect();
    let documents = ids.iter().enumerate().map(|(n, id)| document(id, 9 - n as i64, n % 2 == 0)).collect();
    let write = StoreWrite {
        partition: Partition(0),
        expected: None,
        next: Token { acquisition: 1, sequence: 1 },
        offset: Offset(1),
        answered: Offset(1),
        basis: Bytes::new(),
        documents,
        outcomes: Vec::new(),
    };
    assert_eq!(engine.store().write(write).await.unwrap(), WriteOutcome::Applied);
    let made = identities(&engine).await;
    engine.close().unwrap();

    // What the earlier release did not write.
    let database = database(directory.path());
    let txn = database.begin_write().unwrap();
    assert!(txn.delete_table(LATE).unwrap());
    assert!(txn.open_table(STATE).unwrap().remove(&b"i"[..]).unwrap().is_some());
    txn.commit().unwrap();
    drop(database);

    let engine = open(directory.path());
    let late =
        engine.store().list(&ListQuery { late: true, limit: 10, ..ListQuery::default() }).await.unwrap();
    let listed: Vec<OrderId> =
        late.documents.iter().map(|json| Order::from_document(json).unwrap().order_id).collect();
    assert_eq!(listed, [ids[2].clone(), ids[0].clone()]);
    let identity = identities(&engine).await;
    assert_ne!(identity, made);
    engine.close().unwrap();
    let engine = open(directory.path());
    assert_eq!(identities(&engine).await, identity);
    engine.close().unwrap();
}

/// A document, and whether its order is late.
fn document(id: &OrderId, changed_ms: i64, late: bool) -> DocumentWrite {
    let mut order = Order::from_document(&sample::document(id, Status::Confirmed)).unwrap();
    order.late = late;
    DocumentWrite {
        order_id: id.clone(),
        json: Bytes::from(order.to_document()),
        status: Status::Confirmed,
        changed_at: sample::time(changed_ms),
        parties: OrderParties::from(&order),
        previous: None,
        rebuilt: false,
        late,
        due: None,
    }
}

/// How far a removal is, only memory knows. Halfway, lists name no order whose document is gone.
#[tokio::test]
async fn a_partition_that_is_half_removed_is_listed_and_a_restart_ends_the_removal() {
    let directory = tempfile::tempdir().unwrap();
    let engine = open(directory.path());
    let token = Token { acquisition: 1, sequence: 1 };
    let ids = sample::order_ids_in(Partition(0), engine.partitions(), 2 * CLEAR_ROWS_MAX);
    let write = StoreWrite {
        partition: Partition(0),
        expected: None,
        next: token,
        offset: Offset(1),
        answered: Offset(1),
        basis: Bytes::new(),
        documents: (0..).zip(&ids).map(|(n, id)| document(id, n, n % 2 == 0)).collect(),
        outcomes: Vec::new(),
    };
    assert_eq!(engine.store().write(write).await.unwrap(), WriteOutcome::Applied);
    assert_eq!(engine.store().clear(Partition(0), token).await.unwrap(), ClearOutcome::More);
    engine.close().unwrap();

    let engine = open(directory.path());
    let all = ListQuery { limit: 1000, ..ListQuery::default() };
    let late = ListQuery { late: true, ..all.clone() };
    assert_eq!(engine.store().list(&all).await.unwrap().documents.len(), 1000);
    let mut steps = 1;
    while engine.store().clear(Partition(0), token).await.unwrap() == ClearOutcome::More {
        steps += 1;
        // An entry without a document would be an error.
        engine.store().list(&all).await.unwrap();
        engine.store().list(&late).await.unwrap();
    }
    assert!((3..13).contains(&steps), "{steps} steps");
    for query in [all, late] {
        assert_eq!(engine.store().list(&query).await.unwrap().documents.len(), 0);
    }
    let loaded = engine.store().load(Partition(0), &ids).await.unwrap();
    assert_eq!((loaded.token, loaded.documents.iter().flatten().count()), (Some(token), 0));
    engine.close().unwrap();
}

/// A rebuilt order replaces a row that cannot be read, and leaves no entry that the row would have named.
#[tokio::test]
async fn a_rebuilt_order_replaces_a_damaged_document() {
    const DOCUMENTS: TableDefinition<'static, &[u8], &[u8]> = TableDefinition::new("documents");
    let directory = tempfile::tempdir().unwrap();
    let engine = open(directory.path());
    let id = sample::order_id_in(Partition(0), engine.partitions(), 0);
    let write = |sequence: u64, document: DocumentWrite| StoreWrite {
        partition: Partition(0),
        expected: (sequence > 1).then(|| Token { acquisition: 1, sequence: sequence - 1 }),
        next: Token { acquisition: 1, sequence },
        offset: Offset(sequence),
        answered: Offset(sequence),
        basis: Bytes::new(),
        documents: vec![document],
        outcomes: Vec::new(),
    };
    assert_eq!(engine.store().write(write(1, document(&id, 1, true))).await.unwrap(), WriteOutcome::Applied);
    engine.close().unwrap();

    let database = database(directory.path());
    let txn = database.begin_write().unwrap();
    txn.open_table(DOCUMENTS).unwrap().insert(id.as_str().as_bytes(), &b"damaged"[..]).unwrap();
    txn.commit().unwrap();
    assert_eq!(database.begin_read().unwrap().open_table(LATE).unwrap().iter().unwrap().count(), 1);
    drop(database);

    let engine = open(directory.path());
    let known = DocumentWrite { rebuilt: false, ..document(&id, 2, false) };
    assert!(engine.store().write(write(2, known.clone())).await.is_err());
    let rebuilt = DocumentWrite { rebuilt: true, ..known };
    assert_eq!(engine.store().write(write(2, rebuilt.clone())).await.unwrap(), WriteOutcome::Applied);
    let all = ListQuery { limit: 10, ..ListQuery::default() };
    assert_eq!(engine.store().list(&all).await.unwrap().documents, [rebuilt.json]);
    let late = ListQuery { late: true, ..all };
    assert_eq!(engine.store().list(&late).await.unwrap().documents.len(), 0);
    engine.close().unwrap();
}
