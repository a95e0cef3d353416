//! Errors of `check` and of the first calls for the setup of servers.

use deadpool_redis::redis;
use logistics_containers::until;
use logistics_core::port::{OwnerStore, PortErrorKind};
use logistics_redis::{Config, RedisStore, Servers};

use super::contents::{HOME, apply, write};
use super::server::{Kind, Server};

async fn refused(store: &RedisStore) -> String {
    let error = store.check().await.expect_err("the check refuses");
    assert_eq!(error.kind(), PortErrorKind::Refused, "{error}");
    error.to_string()
}

pub(crate) async fn suitable_servers_pass() {
    for kind in [Kind::Single, Kind::Cluster, Kind::Sentinel] {
        let server = Server::start(kind, &[]).await;
        let store = server.store();
        store.check().await.expect("the check passes");
        assert!(store.address().contains("127.0.0.1:"), "{}", store.address());
    }
}

pub(crate) async fn evicting_servers_are_refused() {
    for kind in [Kind::Single, Kind::Cluster] {
        let server = Server::start(kind, &["--maxmemory-policy", "allkeys-lru"]).await;
        let message = refused(&server.store()).await;
        for part in ["allkeys-lru", "CONFIG SET maxmemory-policy noeviction", &server.port().to_string()] {
            assert!(message.contains(part), "{message}");
        }
        // A user without the right to CONFIG.
        let user = ["ACL", "SETUSER", "ann", "on", ">pass", "~*", "+@all", "-config"];
        server.cli::<()>(&user).await;
        let store = server.store_with(|config| {
            (config.username, config.password) = (Some("ann".into()), Some("pass".into()));
        });
        assert!(refused(&store).await.contains("allkeys-lru"));
        server.cli::<()>(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]).await;
        store.check().await.expect("the check passes now");
    }
}

pub(crate) async fn evicting_replicas_are_refused() {
    for kind in [Kind::Single, Kind::Sentinel] {
        let server = Server::start(kind, &[]).await;
        let port = server.start_replica().await.to_string();
        let store = server.store_with(|config| config.connect_timeout_ms = 1_000);
        store.check().await.expect("the check passes");
        server.replica_cli::<()>(&["CONFIG", "SET", "maxmemory-policy", "volatile-ttl"]).await;
        let message = refused(&store).await;
        assert!(message.contains("volatile-ttl") && message.contains(&port), "{message}");

        // The replica announces an address at which no server listens.
        server.replica_cli::<()>(&["CONFIG", "SET", "replica-announce-port", "1"]).await;
        server.cli::<()>(&["CLIENT", "KILL", "TYPE", "replica"]).await;
        until("the replica is back", async || server.lists_replica(1).await).await;
        store.check().await.expect("an unreachable replica is no error");
    }
}

pub(crate) async fn the_usage_is_that_of_the_servers() {
    const MAX: u64 = 256 * 1024 * 1024;
    for kind in [Kind::Single, Kind::Cluster, Kind::Sentinel] {
        let server = Server::start(kind, &["--maxmemory", &MAX.to_string()]).await;
        let store = server.store();
        let usage = store.usage().await.expect("the usage");
        assert_eq!((usage.name, usage.limit_bytes), ("redis", Some(MAX)), "{kind:?}");
        assert!(usage.used_bytes.is_some_and(|used| used > 100_000 && used < MAX), "{usage:?}");
        assert_eq!((usage.eviction_policy.as_deref(), usage.evicted_keys), (Some("noeviction"), Some(0)));

        server.cli::<()>(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]).await;
        for n in 0..20 {
            server.cli::<()>(&["SETRANGE", &format!("{{fill}}{n}"), "100000", "x"]).await;
        }
        let later = store.usage().await.expect("the usage");
        assert!(later.used_bytes > usage.used_bytes.map(|used| used + 1_500_000), "{usage:?} {later:?}");
        assert_eq!(later.eviction_policy.as_deref(), Some("allkeys-lru"));
        let less = later.used_bytes.expect("the memory") - 1_000_000;
        server.cli::<()>(&["CONFIG", "SET", "maxmemory", &less.to_string()]).await;
        until("keys are evicted", async || {
            // Fails until there is room.
            _ = server.try_cli::<redis::Value>("redis://", &["SET", "{fill}", "x"]).await;
            store.usage().await.expect("the usage").evicted_keys > Some(0)
        })
        .await;
        server.cli::<()>(&["CONFIG", "SET", "maxmemory", "0"]).await;
        assert_eq!(store.usage().await.expect("the usage").limit_bytes, None);
    }
}

/// A new connection may lead to another server, so the store must be checked again. The client of a cluster connects to its nodes by
/// itself.
pub(crate) async fn each_new_connection_is_counted() {
    for kind in [Kind::Single, Kind::Sentinel] {
        let server = Server::start(kind, &[]).await;
        let store = server.store();
        let mut opened = store.connections_opened();
        store.check().await.expect("the check passes");
        assert_eq!(*opened.borrow_and_update(), 1);
        store.recover(HOME).await.expect("the connection is used again");
        assert!(!opened.has_changed().expect("the store is there"));
        server.restart().await;
        until("the store works again", async || store.recover(HOME).await.is_ok()).await;
        assert!(opened.has_changed().expect("the store is there"), "{kind:?}");
    }
}

pub(crate) async fn passwords_are_used_and_never_shown() {
    const PASSWORD: &str = "hunter2";
    for kind in [Kind::Single, Kind::Cluster] {
        let server = Server::start(kind, &[]).await;
        server.cli::<()>(&["CONFIG", "SET", "requirepass", PASSWORD]).await;
        for wrong in [None, Some("hunter3")] {
            let mut config = server.config();
            config.password = wrong.map(str::to_owned);
            assert!(!format!("{config:?}").contains("hunter"));
            let store = RedisStore::new(config).expect("a store");
            let message = refused(&store).await;
            assert!(!message.contains("hunter") && message.contains("password"), "{message}");
            let error = store.recover(HOME).await.expect_err("the server rejects the password");
            assert_eq!(error.kind(), PortErrorKind::Refused, "{error}");
            assert!(!format!("{error:?} {store:?}").contains("hunter"), "{error:?}");
        }
        let store = server.store_with(|config| config.password = Some(PASSWORD.to_owned()));
        store.check().await.expect("the check passes");
        apply(&store, &write(1, 2)).await;
    }
    let server = Server::start(Kind::Single, &["--requirepass", PASSWORD]).await;
    let url = format!("redis://:{PASSWORD}@127.0.0.1:{}", server.port());
    let store = RedisStore::new(Config::new(url, 12)).expect("a store");
    store.check().await.expect("the check passes");
    assert!(!store.address().contains(PASSWORD));
}

pub(crate) async fn a_user_without_rights_is_refused() {
    let server = Server::start(Kind::Single, &[]).await;
    let user =
        ["ACL", "SETUSER", "ann", "on", ">pass", "~*", "+@read", "+@connection", "+@transaction", "+info"];
    server.cli::<()>(&user).await;
    let store = server.store_with(|config| {
        (config.username, config.password) = (Some("ann".into()), Some("pass".into()));
    });
    store.recover(HOME).await.expect("the user may read");
    let error = store.write(write(1, 1)).await.expect_err("the user may not write");
    assert_eq!(error.kind(), PortErrorKind::Refused, "{error}");
    refused(&store).await;
}

pub(crate) async fn an_unknown_master_is_refused() {
    let server = Server::start(Kind::Sentinel, &[]).await;
    let Servers::Sentinel { mut urls, .. } = server.config().servers else { panic!("no Sentinel") };
    let unreachable = "redis://127.0.0.1:1".to_owned();
    let servers = Servers::Sentinel { urls: urls.clone(), master: "other".to_owned() };
    let store = server.store_with(|config| config.servers = servers);
    assert!(refused(&store).await.contains("`other`"));
    // One reachable Sentinel is enough.
    urls.insert(0, unreachable);
    let servers = Servers::Sentinel { urls, master: "main".to_owned() };
    let store = server.store_with(|config| config.servers = servers);
    store.check().await.expect("the check passes");
}
