//! Faults of the store, the broker, the network and the clock.

use std::path::Path;
use std::time::Duration;

use logistics_cluster_tests::system::System;
use logistics_containers::until;
use logistics_core::port::Topic;
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::spawn_blocking;

use crate::scene::Scene;

const TIMEOUT: Duration = Duration::from_secs(30);
/// Debian's package `faketime`.
const FAKETIME: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";

pub(crate) async fn the_store_is_paused(system: System) {
    let mut scene = Scene::start(system, 2).await;
    let load = scene.load();
    scene.system.redis().pause().await;
    scene.fires_and_clears("DependencyDown", async |scene| scene.system.redis().unpause().await).await;
    load.end().await;
}

pub(crate) async fn the_broker_is_paused(system: System) {
    let mut scene = Scene::start(system, 2).await;
    let load = scene.load();
    scene.system.kafka().brokers()[0].pause().await;
    let repair = async |scene: &mut Scene| scene.system.kafka().brokers()[0].unpause().await;
    scene.fires_and_clears("DependencyDown", repair).await;
    load.end().await;
}

/// A second API reaches Redis through a proxy that ends.
pub(crate) async fn one_process_loses_the_store(system: System) {
    let mut scene = Scene::start(system, 2).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("redis://{}", listener.local_addr().expect("an address"));
    let store = format!("127.0.0.1:{}", scene.system.redis().port());
    let proxy = tokio::spawn(async move {
        let mut connections = tokio::task::JoinSet::new();
        while let Ok((mut near, _)) = listener.accept().await {
            let store = store.clone();
            connections.spawn(async move {
                if let Ok(mut far) = TcpStream::connect(store).await {
                    let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
                }
            });
        }
    });
    let cut_off = scene.system.start("order-api", &[("LOGISTICS_REDIS_URL", &url)]);
    cut_off.until_ready().await;
    scene.scrape(&[("order-api", &cut_off)]);
    scene.monitor.until_quiet(5).await;
    proxy.abort();
    let repair = async |scene: &mut Scene| {
        drop(cut_off);
        scene.scrape(&[]);
    };
    scene.fires_and_clears("InstanceCutOff", repair).await;
}

/// `used_memory` of Redis, in bytes.
async fn used(system: &System) -> u64 {
    let info = system.redis().cli(&["INFO", "memory"]).await;
    let used = info.lines().find_map(|line| line.trim().strip_prefix("used_memory:"));
    used.and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("no used_memory: {info}"))
}

async fn limit(system: &System, bytes: u64) {
    system.redis().cli(&["CONFIG", "SET", "maxmemory", &bytes.to_string()]).await;
}

pub(crate) async fn the_store_fills(system: System) {
    let mut scene = Scene::start(system, 1).await;
    limit(&scene.system, used(&scene.system).await * 100 / 88).await;
    scene.fires_and_clears("StoreFilling", async |scene| limit(&scene.system, 1 << 30).await).await;
}

pub(crate) async fn the_store_is_full(system: System) {
    let mut scene = Scene::start(system, 2).await;
    let load = scene.load();
    load.more(20).await;
    limit(&scene.system, used(&scene.system).await).await;
    scene.fires_and_clears("StoreFull", async |scene| limit(&scene.system, 1 << 30).await).await;
    load.end().await;
}

pub(crate) async fn the_store_gets_an_eviction_policy(system: System) {
    let mut scene = Scene::start(system, 2).await;
    let load = scene.load();
    scene.system.redis().cli(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]).await;
    let repair = async |scene: &mut Scene| {
        scene.system.redis().cli(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]).await;
    };
    scene.fires_and_clears("StoreEvicting", repair).await;
    load.end().await;
}

pub(crate) async fn the_store_is_wiped(system: System) {
    let mut scene = Scene::start(system, 2).await;
    let load = scene.load();
    load.more(50).await;
    scene.system.redis().cli(&["FLUSHALL"]).await;
    scene.fires_and_clears("StoreRebuilt", async |_| ()).await;
    load.end().await;
}

/// Readers of committed records wait for its end.
pub(crate) async fn a_foreign_transaction_stays_open(system: System) {
    let mut scene = Scene::start(system, 2).await;
    let load = scene.load();
    let mut settings = ClientConfig::new();
    settings.set("bootstrap.servers", scene.system.kafka().address());
    settings.set("transactional.id", scene.system.group("foreign"));
    settings.set("transaction.timeout.ms", "600000");
    let producer: BaseProducer = settings.create().expect("a producer");
    let topic = scene.system.topic(Topic::Orders);
    let producer = spawn_blocking(move || {
        producer
            .init_transactions(TIMEOUT)
            .and_then(|()| producer.begin_transaction())
            .expect("a transaction");
        let record = BaseRecord::<str, str>::to(&topic).partition(0).key("key").payload("{}");
        producer.send(record).map_err(|(error, _)| error).expect("the record is queued");
        producer.flush(TIMEOUT).expect("the record is written");
        producer
    });
    let producer = producer.await.expect("a transaction");
    let repair = async |_: &mut Scene| {
        let aborted = spawn_blocking(move || producer.abort_transaction(TIMEOUT)).await;
        aborted.expect("it does not panic").expect("the transaction is aborted");
    };
    scene.fires_and_clears("OpenTransaction", repair).await;
    load.end().await;
}

/// A processor whose clock is 3 s ahead, where 1 s is permitted. Kafka's client adds the difference to each of its waits, because
/// `faketime` changes the clock of a thread's deadline and not the clock of the wait. So the difference is short.
pub(crate) async fn a_clock_is_off(system: System) {
    if !Path::new(FAKETIME).exists() {
        crate::monitor::print("skipped: faketime is not installed");
        return;
    }
    let mut scene = Scene::start(system, 1).await;
    let load = scene.load();
    let fake = [("LD_PRELOAD", FAKETIME), ("FAKETIME", "+3s"), ("FAKETIME_DONT_FAKE_MONOTONIC", "1")];
    let further =
        [("LOGISTICS_MODE", "simulate"), ("LOGISTICS_DWELL", "20ms"), ("LOGISTICS_CLOCK_SKEW_MAX", "1s")];
    let skewed = scene.system.start("order-processor", &[&fake[..], &further].concat());
    scene.services.processors.remove(0).stop().await;
    scene.services.processors.push(skewed);
    scene.scrape(&[]);
    let repair = async |scene: &mut Scene| {
        let right = scene.system.processor();
        scene.services.processors.remove(0).kill().await;
        scene.services.processors.push(right);
        scene.scrape(&[]);
        until("the processor is ready", async || scene.services.processors[0].is_ready().await).await;
    };
    scene.fires_and_clears("ClockSkew", repair).await;
    load.end().await;
}
