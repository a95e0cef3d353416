//! The contents of Redis.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::future::join_all;
use logistics_containers::until;
use logistics_core::lifecycle::{STATUSES, Status};
use logistics_core::limits::OUTCOME_KEPT_MS;
use logistics_core::port::{
    ClearOutcome, DocumentLookup, DocumentWrite, ListQuery, OrderParties, OrderReader, OwnerStore,
    PortErrorKind, StoreWrite, Token, WriteOutcome,
};
use logistics_core::{Offset, Order, OrderId, Partition, RequestOutcome, Timestamp, Version};
use logistics_redis::RedisStore;
use logistics_redis::limits::CLAIM_KEPT_MS;
use logistics_testkit::sample;

use super::server::{Kind, PARTITIONS, Server};

/// The partition of most writes here.
pub(crate) const HOME: Partition = Partition(3);

pub(crate) fn token(sequence: u64) -> Token {
    Token { acquisition: 0xbeef, sequence }
}

/// Write `sequence` of [`HOME`], after the previous one, with this many new orders.
pub(crate) fn write(sequence: u64, orders: usize) -> StoreWrite {
    let skip = usize::try_from(sequence).expect("a small number") * 1000;
    let ids = sample::order_ids_in(HOME, PARTITIONS, skip + orders).split_off(skip);
    let document = |id| DocumentWrite {
        json: sample::document(&id, Status::Placed),
        order_id: id,
        status: Status::Placed,
        changed_at: sample::time(5),
        parties: OrderParties::default(),
        previous: None,
        rebuilt: false,
        late: false,
        due: Some(sample::time(9)),
    };
    StoreWrite {
        partition: HOME,
        expected: (sequence > 1).then(|| token(sequence - 1)),
        next: token(sequence),
        offset: Offset(sequence * 10),
        answered: Offset(sequence * 10 - 1),
        basis: Bytes::from_static(b"basis"),
        documents: ids.into_iter().map(document).collect(),
        outcomes: Vec::new(),
    }
}

pub(crate) fn happened() -> RequestOutcome {
    RequestOutcome::Happened { version: Version(1), status: Status::Placed }
}

pub(crate) async fn apply(store: &RedisStore, write: &StoreWrite) {
    let outcome = store.write(write.clone()).await.expect("the write works");
    assert_eq!(outcome, WriteOutcome::Applied);
}

pub(crate) async fn the_keys_are_those_of_the_documentation() {
    let server = Server::start(Kind::Single, &[]).await;
    let written = StoreWrite { offset: Offset(u64::MAX), ..write(1, 1) };
    apply(&server.store(), &written).await;
    let document = &written.documents[0];
    let id = document.order_id.as_str();
    assert_eq!(server.cli::<Vec<u8>>(&["GET", &format!("order:{id}")]).await, document.json);
    let due = sample::time(9).as_millis().to_string();
    assert_eq!(server.cli::<String>(&["ZSCORE", "timers:3", id]).await, due);
    let changed = sample::time(5).as_millis().to_string();
    assert_eq!(server.cli::<String>(&["ZSCORE", "status:3:PLACED", id]).await, changed);
    let checkpoint: Vec<String> = server.cli(&["HMGET", "checkpoint:3", "offset", "answered", "token"]).await;
    assert_eq!(checkpoint, [u64::MAX.to_string(), "9".to_owned(), token(1).to_string()]);
    assert_eq!(server.cli::<usize>(&["DBSIZE"]).await, 4);
}

pub(crate) async fn keys_of_a_cluster_carry_their_tag() {
    let server = Server::start(Kind::Cluster, &[]).await;
    let mut written = write(1, 1);
    written.outcomes.push((sample::request_id(1), happened()));
    apply(&server.store(), &written).await;
    let mut keys: Vec<String> = server.cli(&["KEYS", "*"]).await;
    keys.sort();
    let order = format!("order:{{p3}}:{}", written.documents[0].order_id);
    let wanted = ["checkpoint:{p3}", &order, "outcome:{p3}:request-1", "status:{p3}:PLACED", "timers:{p3}"];
    assert_eq!(keys, wanted);
}

pub(crate) async fn outcomes_expire() {
    let server = Server::start(Kind::Single, &[]).await;
    let mut written = write(1, 1);
    written.outcomes.push((sample::request_id(1), happened()));
    apply(&server.store(), &written).await;
    let left: u64 = server.cli(&["PTTL", "outcome:request-1"]).await;
    assert!(left <= OUTCOME_KEPT_MS && left > OUTCOME_KEPT_MS - 60_000, "{left} ms");
    // No other key expires.
    let id = &written.documents[0].order_id;
    assert_eq!(server.cli::<i64>(&["PTTL", &format!("order:{id}")]).await, -1);
}

pub(crate) async fn many_wait_on_few_connections() {
    const WAITING: u64 = 200;
    let server = Server::start(Kind::Single, &[]).await;
    let store = server.store_with(|config| config.connections_max = 2);
    let mut written = write(1, 1);
    let id = written.documents[0].order_id.clone();
    let requests: Vec<_> = (0..WAITING).map(sample::request_id).collect();
    written.outcomes = requests.iter().map(|request| (request.clone(), happened())).collect();

    let cancelled = join_all(requests.iter().map(|request| store.outcome(&id, request)));
    assert!(tokio::time::timeout(Duration::from_millis(100), cancelled).await.is_err());

    let waiting = join_all(requests.iter().map(|request| store.outcome(&id, request)));
    let writing = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        apply(&store, &written).await;
        Instant::now()
    };
    let (outcomes, at) = tokio::join!(waiting, writing);
    let took = at.elapsed();
    assert!(outcomes.into_iter().all(|outcome| outcome.expect("the outcome comes") == happened()));
    assert!(took < Duration::from_secs(2), "{took:?} from the write to the last waiter");
    let clients: String = server.cli(&["CLIENT", "LIST"]).await;
    assert!(clients.lines().count() <= 3, "{clients}");
}

pub(crate) async fn foreign_values_are_reported() {
    let server = Server::start(Kind::Single, &[]).await;
    let store = server.store();
    server.cli::<()>(&["SET", "status:3:PLACED", "x"]).await;
    let error = store.write(write(1, 3)).await.expect_err("the index is no sorted set");
    assert_eq!(error.kind(), PortErrorKind::Corrupt, "{error}");
    assert_eq!(server.cli::<usize>(&["DBSIZE"]).await, 1, "nothing is half-written");
    let query = ListQuery { status: Some(Status::Placed), limit: 10, ..ListQuery::default() };
    let error = store.list(&query).await.expect_err("the index is no sorted set");
    assert_eq!(error.kind(), PortErrorKind::Corrupt, "{error}");

    server.cli::<()>(&["FLUSHALL"]).await;
    apply(&store, &write(1, 3)).await;
    server.cli::<()>(&["HDEL", "checkpoint:3", "answered"]).await;
    let error = store.recover(HOME).await.expect_err("a checkpoint lacks a field");
    assert_eq!(error.kind(), PortErrorKind::Corrupt, "{error}");
    assert!(error.to_string().contains("checkpoint:3"), "{error}");

    server.cli::<()>(&["ZADD", "timers:3", "5", "no order"]).await;
    server.cli::<()>(&["HSET", "checkpoint:3", "answered", "9"]).await;
    let error = store.recover(HOME).await.expect_err("a timer is no order's");
    assert_eq!(error.kind(), PortErrorKind::Corrupt, "{error}");
}

/// An operator or an evicting server deletes a document, and the order's other entries remain.
pub(crate) async fn a_lost_document_is_reported() {
    let server = Server::start(Kind::Single, &[]).await;
    let store = server.store();
    let written = write(1, 3);
    apply(&store, &written).await;
    let [lost, second, third] = [0, 1, 2].map(|n| written.documents[n].order_id.clone());
    let gone = BTreeSet::from([lost.clone()]);
    server.cli::<()>(&["DEL", &format!("order:{lost}")]).await;

    let loaded = store.load(HOME, &[lost.clone(), second.clone()]).await.expect("loaded");
    assert_eq!((loaded.documents[0].clone(), &loaded.missing), (None, &gone));
    assert_eq!(store.document(&lost).await.expect("looked up"), DocumentLookup::Missing);
    let query = ListQuery { status: Some(Status::Placed), limit: 10, ..ListQuery::default() };
    assert_eq!(store.list(&query).await.expect("a page").documents.len(), 2, "the page omits it");
    // Each load reports it, until the document is stored again.
    for _ in 0..2 {
        assert_eq!(store.load(HOME, &[]).await.expect("loaded").missing, gone);
    }
    let mut again = write(2, 0);
    let document = written.documents[0].clone();
    again.documents =
        vec![DocumentWrite { status: Status::Confirmed, previous: None, rebuilt: true, ..document }];
    apply(&store, &again).await;
    assert_eq!(store.load(HOME, &[third]).await.expect("loaded").missing, BTreeSet::new());
    assert_eq!(server.cli::<usize>(&["ZCARD", "status:3:PLACED"]).await, 2, "the old entry is gone");
    assert_eq!(server.cli::<usize>(&["ZCARD", "status:3:CONFIRMED"]).await, 1);
    assert_eq!(server.cli::<usize>(&["EXISTS", "missing:3"]).await, 0);
}

/// The search for lost documents needs one command per status, independent of the number of orders.
pub(crate) async fn new_orders_cost_one_command_a_status() {
    let server = Server::start(Kind::Single, &[]).await;
    let store = server.store();
    apply(&store, &write(1, 1)).await;
    let ids = sample::order_ids_in(HOME, PARTITIONS, 200);
    server.cli::<()>(&["CONFIG", "RESETSTAT"]).await;
    let loaded = store.load(HOME, &ids).await.expect("loaded");
    assert!(loaded.documents.iter().all(Option::is_none) && loaded.missing.is_empty());
    let stats: String = server.cli(&["INFO", "commandstats"]).await;
    let calls = |command: &str| {
        let line = stats.lines().find_map(|line| line.strip_prefix(&format!("cmdstat_{command}:calls=")));
        line.and_then(|rest| rest.split(',').next()?.parse::<u32>().ok()).unwrap_or_default()
    };
    assert_eq!((calls("zmscore"), calls("mget"), calls("get")), (11, 2, 0), "{stats}");
}

/// Counts the reads of Redis on its connections.
pub(crate) async fn late_orders_cost_two_round_trips_a_page() {
    let server = Server::start(Kind::Single, &[]).await;
    let store = server.store();
    let mut ids = Vec::new();
    for partition in (0..PARTITIONS).map(Partition) {
        let late = |order_id: OrderId| {
            let mut order =
                Order::from_document(&sample::document(&order_id, Status::Placed)).expect("valid");
            order.late = true;
            let json = order.to_document().into();
            DocumentWrite { json, order_id, late: true, ..write(1, 1).documents[0].clone() }
        };
        let of_partition = sample::order_ids_in(partition, PARTITIONS, 3);
        ids.extend(of_partition.clone());
        let documents = of_partition.into_iter().map(late).collect();
        apply(&store, &StoreWrite { partition, documents, ..write(1, 0) }).await;
    }
    ids.sort();
    let reads = async || {
        let stats: String = server.cli(&["INFO", "stats"]).await;
        let reads = stats.lines().find_map(|line| line.strip_prefix("total_reads_processed:"));
        reads.and_then(|reads| reads.trim().parse::<u64>().ok()).expect("a count")
    };
    // The first call loads the scripts.
    let mut query = ListQuery { late: true, limit: 20, ..ListQuery::default() };
    store.list(&query).await.expect("a page");
    for expected in [&ids[..20], &ids[20..]] {
        let [before, of_question] = [reads().await, reads().await];
        let page = store.list(&query).await.expect("a page");
        let round_trips = reads().await - of_question - (of_question - before);
        let listed = page.documents.iter().map(|json| Order::from_document(json).expect("valid").order_id);
        let listed: Vec<OrderId> = listed.collect();
        assert_eq!(listed, expected);
        assert_eq!(round_trips, 2, "round trips of a page over {PARTITIONS} partitions");
        query.after = page.next;
    }
    assert_eq!(query.after, None);
}

/// 100,000 orders cost as much as one, in one round trip.
pub(crate) async fn a_summary_costs_one_script_a_partition() {
    const ORDERS: u64 = 100_000;
    let server = Server::start(Kind::Single, &[]).await;
    let store = server.store();
    let fill =
        "for i = tonumber(ARGV[1]), tonumber(ARGV[2]) do redis.call('ZADD', KEYS[1], i, 'o-' .. i) end";
    let mut from = 1;
    for partition in 0..u64::from(PARTITIONS) {
        let to = ORDERS * (partition + 1) / u64::from(PARTITIONS);
        let (key, [first, last]) =
            (format!("status:{partition}:DELIVERED"), [from, to].map(|n| n.to_string()));
        server.cli::<()>(&["EVAL", fill, "1", &key, &first, &last]).await;
        from = to + 1;
    }
    // The first call loads the script.
    store.summary().await.expect("a summary");
    server.cli::<()>(&["CONFIG", "RESETSTAT"]).await;
    let summary = store.summary().await.expect("a summary");
    let delivered = summary[Status::Delivered.index()];
    assert_eq!((delivered.count, delivered.oldest_change), (ORDERS, Some(Timestamp::from_millis(1))));
    assert_eq!(summary.iter().map(|summary| summary.count).sum::<u64>(), ORDERS);
    let stats: String = server.cli(&["INFO", "commandstats"]).await;
    let calls = |command: &str| {
        let line = stats.lines().find_map(|line| line.strip_prefix(&format!("cmdstat_{command}:calls=")));
        line.and_then(|rest| rest.split(',').next()?.parse::<usize>().ok()).unwrap_or_default()
    };
    let sets = PARTITIONS as usize * STATUSES.len();
    assert_eq!((calls("evalsha"), calls("zcard"), calls("zrange")), (12, sets, sets), "{stats}");
}

async fn clear(store: &RedisStore) {
    for _ in 0..1_000 {
        match store.clear(HOME, token(1)).await.expect("a step") {
            ClearOutcome::More => {}
            outcome => return assert_eq!(outcome, ClearOutcome::Done),
        }
    }
    panic!("the steps do not end");
}

/// A restarted server has its keys in another order, so the scan starts again.
pub(crate) async fn clear_leaves_nothing_after_a_restart() {
    let server = Server::start(Kind::Single, &[]).await;
    let store = server.store();
    apply(&store, &write(1, 12_000)).await;
    for step in ["the sets", "some of the documents"] {
        assert_eq!(store.clear(HOME, token(1)).await.expect("a step"), ClearOutcome::More, "{step}");
    }
    server.restart().await;
    until("the store works again", async || store.recover(HOME).await.is_ok()).await;
    clear(&store).await;
    assert_eq!(server.cli::<Vec<String>>(&["KEYS", "*"]).await, ["checkpoint:3"]);
}

/// An evicted or deleted index leaves documents, which must not outlive their log.
pub(crate) async fn clear_removes_unindexed_documents() {
    for kind in [Kind::Single, Kind::Cluster] {
        let server = Server::start(kind, &[]).await;
        let store = server.store();
        let other = server.store_with(|config| config.key_prefix = "eu:".to_owned());
        let elsewhere = StoreWrite {
            partition: Partition(4),
            documents: vec![DocumentWrite {
                order_id: sample::order_id_in(Partition(4), PARTITIONS, 0),
                ..write(1, 1).documents[0].clone()
            }],
            ..write(1, 0)
        };
        let written = write(1, 3_000);
        for (store, write) in [(&store, &written), (&store, &elsewhere), (&other, &write(1, 1))] {
            apply(store, write).await;
        }
        let index = if kind == Kind::Cluster { "status:{p3}:PLACED" } else { "status:3:PLACED" };
        assert_eq!(server.cli::<usize>(&["DEL", index]).await, 1);

        clear(&store).await;
        let ids: Vec<_> = written.documents.iter().map(|document| document.order_id.clone()).collect();
        let loaded = store.load(HOME, &ids).await.expect("loaded");
        assert!(loaded.documents.iter().all(Option::is_none), "{kind:?}: an old document is continued");
        let found = store.document(&ids[2_999]).await.expect("looked up");
        assert_eq!(found, DocumentLookup::Absent { answered: Offset(9) }, "{kind:?}");
        for (store, id) in [(&store, &elsewhere.documents[0].order_id), (&other, &ids[0])] {
            let found = store.document(id).await.expect("looked up");
            assert!(
                matches!(found, DocumentLookup::Found(_)),
                "{kind:?}: the documents of others remain, {id}"
            );
        }
    }
}

pub(crate) async fn a_prefix_keeps_systems_apart() {
    let server = Server::start(Kind::Single, &[]).await;
    let prefixed = |prefix: &str| server.store_with(|config| config.key_prefix = prefix.to_owned());
    let (eu, us) = (prefixed("eu:"), prefixed("us:"));
    apply(&eu, &write(1, 1)).await;
    let id = write(1, 1).documents[0].order_id.clone();
    assert_eq!(us.document(&id).await.expect("looked up"), DocumentLookup::Unknown);
    assert!(matches!(eu.document(&id).await.expect("looked up"), DocumentLookup::Found(_)));
    let keys: Vec<String> = server.cli(&["KEYS", "*"]).await;
    assert!(keys.iter().all(|key| key.starts_with("eu:")), "{keys:?}");
    let mut invalid = server.config();
    invalid.key_prefix = "{p1}".to_owned();
    assert!(RedisStore::new(invalid).is_err());
}

pub(crate) async fn a_second_system_is_refused_while_the_first_is_alive() {
    let server = Server::start(Kind::Single, &[]).await;
    let store = server.store();
    store.check_system("cluster/a by orders", true).await.expect("no other system is alive");
    store.check_system("cluster/a by orders", true).await.expect("the same one");
    for claim in [false, true] {
        let error = store.check_system("cluster/b by orders", claim).await.expect_err("another one");
        assert_eq!(error.kind(), PortErrorKind::Refused);
        let text = error.to_string();
        assert!(text.contains("cluster/a") && text.contains("--redis-key-prefix"), "{text}");
    }
    let left: u64 = server.cli(&["PTTL", "system"]).await;
    assert!(left > 0 && left <= CLAIM_KEPT_MS, "{left} ms");
    // The claim of the first one expires.
    server.cli::<()>(&["DEL", "system"]).await;
    store.check_system("cluster/b by orders", true).await.expect("the claim has expired");
}
