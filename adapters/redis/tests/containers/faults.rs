//! Failing servers.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use logistics_core::lifecycle::Status;
use logistics_core::port::{ListQuery, OrderReader, OwnerStore, PortErrorKind, WriteOutcome};
use logistics_redis::{Config, RedisStore, Servers};
use logistics_testkit::sample;

use super::contents::{HOME, apply, happened, write};
use super::server::{Kind, PARTITIONS, Server};

/// Retries on the same store until a call succeeds, as a worker does.
async fn works_again(store: &RedisStore) {
    let begin = Instant::now();
    while let Err(error) = store.recover(HOME).await {
        assert_eq!(error.kind(), PortErrorKind::Unavailable, "{error}");
        assert!(begin.elapsed() < Duration::from_secs(30), "{error}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

pub(crate) async fn a_full_server() {
    let server = Server::start(Kind::Single, &["--maxmemory-policy", "noeviction"]).await;
    let store = server.store();
    apply(&store, &write(1, 1)).await;
    server.cli::<()>(&["CONFIG", "SET", "maxmemory", "8mb"]).await;
    let mut sequence = 2;
    let full = loop {
        match store.write(write(sequence, 900)).await {
            Ok(WriteOutcome::Applied) => sequence += 1,
            Ok(WriteOutcome::Mismatch) => panic!("there is no other writer"),
            Err(error) => break error,
        }
        assert!(sequence < 200, "the server does not get full");
    };
    assert_eq!(full.kind(), PortErrorKind::StorageFull, "{full}");
    // Nothing of the rejected write is stored.
    let recovery = store.recover(HOME).await.expect("reads succeed");
    assert_eq!(recovery.checkpoint.expect("a checkpoint").token, super::contents::token(sequence - 1));
    let refused = write(sequence, 900);
    let ids: Vec<_> = refused.documents.iter().map(|document| document.order_id.clone()).collect();
    let loaded = store.load(HOME, &ids).await.expect("reads succeed");
    assert!(loaded.documents.iter().all(Option::is_none), "the write is partly applied");
    assert!(recovery.timers.iter().all(|(id, _)| !ids.contains(id)), "the write is partly applied");
    let query = ListQuery { status: Some(Status::Placed), limit: 10, ..ListQuery::default() };
    store.list(&query).await.expect("reads succeed");
    server.cli::<()>(&["CONFIG", "SET", "maxmemory", "0"]).await;
    apply(&store, &refused).await;
}

pub(crate) async fn a_wiped_server_is_a_mismatch() {
    let server = Server::start(Kind::Single, &[]).await;
    let store = server.store();
    apply(&store, &write(1, 2)).await;
    server.cli::<()>(&["FLUSHALL"]).await;
    assert_eq!(store.write(write(2, 2)).await.expect("an answer"), WriteOutcome::Mismatch);
    let recovery = store.recover(HOME).await.expect("an answer");
    assert_eq!((recovery.checkpoint, recovery.timers), (None, Vec::new()));
    assert_eq!(server.cli::<usize>(&["DBSIZE"]).await, 0);
    apply(&store, &write(1, 2)).await;
}

pub(crate) async fn forgotten_scripts_are_sent_again() {
    for kind in [Kind::Single, Kind::Cluster] {
        let server = Server::start(kind, &[]).await;
        let store = server.store();
        let query = ListQuery { limit: 10, ..ListQuery::default() };
        for sequence in 1..4 {
            server.cli::<()>(&["SCRIPT", "FLUSH"]).await;
            apply(&store, &write(sequence, 2)).await;
            server.cli::<()>(&["SCRIPT", "FLUSH"]).await;
            assert_eq!(store.list(&query).await.expect("a page").documents.len() as u64, 2 * sequence);
        }
    }
}

pub(crate) async fn a_paused_server_is_unavailable() {
    for kind in [Kind::Single, Kind::Cluster] {
        let server = Server::start(kind, &[]).await;
        let store = server.store_with(|config| {
            (config.timeout_ms, config.connect_timeout_ms) = (1_000, 1_000);
        });
        apply(&store, &write(1, 2)).await;
        server.pause().await;
        for _ in 0..2 {
            let begin = Instant::now();
            let id = sample::order_id_in(HOME, PARTITIONS, 0);
            let request = sample::request_id(1);
            let (written, found, outcome) =
                tokio::join!(store.write(write(2, 2)), store.document(&id), store.outcome(&id, &request));
            let kinds = [written.err(), found.err(), outcome.err()];
            let kinds = kinds.map(|error| error.expect("a timeout").kind());
            assert_eq!(kinds, [PortErrorKind::Unavailable; 3]);
            assert!(begin.elapsed() < Duration::from_millis(3_000), "{:?}", begin.elapsed());
        }
        server.unpause().await;
        works_again(&store).await;
        // It may be applied already: its outcome was unknown.
        apply(&store, &write(2, 2)).await;
    }
}

pub(crate) async fn a_restarted_server_is_used_again() {
    for kind in [Kind::Single, Kind::Cluster, Kind::Sentinel] {
        let server = Server::start(kind, &[]).await;
        let store = server.store();
        apply(&store, &write(1, 2)).await;
        server.restart().await;
        works_again(&store).await;
        apply(&store, &write(2, 2)).await;
    }
}

pub(crate) async fn closed_connections_are_replaced() {
    let server = Server::start(Kind::Single, &[]).await;
    let store = server.store();
    apply(&store, &write(1, 2)).await;
    server.cli::<()>(&["CLIENT", "KILL", "TYPE", "normal"]).await;
    // Idle for long enough that the pool checks the connection before its next use.
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    apply(&store, &write(2, 2)).await;
}

pub(crate) async fn a_cancelled_call() {
    let server = Server::start(Kind::Single, &[]).await;
    let store = server.store_with(|config| config.connections_max = 1);
    apply(&store, &write(1, 2)).await;
    server.cli::<()>(&["CLIENT", "PAUSE", "400", "ALL"]).await;
    let id = sample::order_id_in(HOME, PARTITIONS, 0);
    let cancelled = tokio::time::timeout(Duration::from_millis(50), store.document(&id)).await;
    assert!(cancelled.is_err());
    let mut second = write(2, 2);
    second.outcomes.push((sample::request_id(1), happened()));
    let cancelled = tokio::time::timeout(Duration::from_millis(50), store.write(second.clone())).await;
    assert!(cancelled.is_err());
    // The pool replaces its only connection.
    apply(&store, &second).await;
    assert_eq!(store.outcome(&id, &sample::request_id(1)).await.expect("the outcome"), happened());
}

pub(crate) async fn a_missing_server_is_unavailable_in_time() {
    // It accepts connections and never answers.
    let silent = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let silent = format!("redis://127.0.0.1:{}", silent.local_addr().expect("its address").port());
    for url in ["redis://127.0.0.1:1", &silent] {
        let urls = || vec![url.to_owned()];
        for servers in [
            Servers::Single { url: url.to_owned() },
            Servers::Cluster { urls: urls() },
            Servers::Sentinel { urls: urls(), master: "main".to_owned() },
        ] {
            let mut config = Config::new("", PARTITIONS);
            (config.servers, config.connect_timeout_ms) = (servers, 300);
            let store = RedisStore::new(config).expect("a store");
            let begin = Instant::now();
            let error = store.check().await.expect_err("no server answers");
            assert_eq!(error.kind(), PortErrorKind::Unavailable, "{error}");
            assert!(error.to_string().contains("127.0.0.1"), "{error}");
            assert!(begin.elapsed() < Duration::from_millis(1_500), "{:?}: {error}", begin.elapsed());
            let id = sample::order_id_in(HOME, PARTITIONS, 0);
            let error = store.outcome(&id, &sample::request_id(1)).await.expect_err("no server answers");
            assert_eq!(error.kind(), PortErrorKind::Unavailable, "{error}");
        }
    }
}
