//! A process without its store.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::future::join_all;
use hyper::{Method, StatusCode};
use logistics_core::health::{Health, PartHealth};
use logistics_layers::{CallError, Operation};
use logistics_testkit::{Faults, MemoryBus, MemoryOrderStore};
use serde_json::{Value, json};

use super::*;
use crate::api_ports::RemoteLimits;
use crate::limits::REQUEST_BYTES_DEFAULT;
use logistics_cli_kit::{BaseUrl, Client, Reply};

struct StoreDown;

impl HealthProbe for StoreDown {
    fn health(&self) -> Health {
        let part = |name: &str, ready| PartHealth { name: name.to_owned(), ready, detail: String::new() };
        Health { parts: vec![part("log", true), part("store", false)] }
    }
}

#[tokio::test]
async fn without_the_store_the_api_is_ready_accepts_placements_and_answers_reads_503() {
    let store = MemoryOrderStore::new(2);
    store.set_faults(Faults { unavailable_before: 1000, ..Faults::none() });
    let listen = ([127, 0, 0, 1], 0).into();
    let bus = Arc::new(MemoryBus::new(2));
    let telemetry = Telemetry::new("order-api", "test");
    let server = HttpServer::api(
        listen,
        &HttpArgs::default(),
        REQUEST_BYTES_DEFAULT,
        ApiPorts::local(bus, Arc::new(store)),
        None,
        &telemetry,
    )
    .await
    .expect("a free port");
    server.registry().add(Arc::new(StoreDown));
    let mut client = Client::new(BaseUrl::of(server.addr()));
    let mut ask = async |method, path| {
        let reply = client.send(method, path, &[], Bytes::new()).await.expect("a reply");
        (reply.status, serde_json::from_slice::<Value>(&reply.body).expect("JSON"))
    };
    let (status, ready) = ask(Method::GET, "/health/ready").await;
    assert_eq!((status, &ready["degraded"]), (StatusCode::OK, &json!(["store"])));
    assert_eq!(ask(Method::POST, "/orders").await.0, StatusCode::OK);
    let (status, body) = ask(Method::GET, "/orders").await;
    assert_eq!((status, &body["code"]), (StatusCode::SERVICE_UNAVAILABLE, &json!("unavailable")));
    server.stop().await;
}

/// Makes reads hang while it is on.
#[derive(Clone, Default)]
struct Hangs(Arc<AtomicBool>);

impl Layer for Hangs {
    async fn call<T, E, F>(&self, _: Operation, call: F) -> Result<T, E>
    where
        T: Send,
        E: CallError,
        F: Future<Output = Result<T, E>> + Send,
    {
        if self.0.load(Ordering::SeqCst) {
            return std::future::pending().await;
        }
        call.await
    }
}

/// A GET of an order that never existed.
async fn get(server: SocketAddr, n: usize) -> (Reply, Duration) {
    let began = Instant::now();
    let path = format!("/orders/missing-{n}");
    let reply = Client::new(BaseUrl::of(server)).send(Method::GET, &path, &[], Bytes::new()).await;
    (reply.expect("a reply"), began.elapsed())
}

fn code(reply: &Reply) -> String {
    let body: Value = serde_json::from_slice(&reply.body).expect("JSON");
    body["code"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_store_that_hangs_is_answered_503_at_once_until_it_answers_again() {
    let hangs = Hangs::default();
    let limits = RemoteLimits { store_read_ms_max: 500, ..RemoteLimits::default() };
    let telemetry = Telemetry::new("order-api", "test");
    let store = hangs.clone().over(Arc::new(MemoryOrderStore::new(2)));
    let ports = ApiPorts::with_limits(Arc::new(MemoryBus::new(2)), store, &telemetry, limits);
    let (listen, http) = (([127, 0, 0, 1], 0).into(), HttpArgs::default());
    let server = HttpServer::api(listen, &http, REQUEST_BYTES_DEFAULT, ports, None, &telemetry);
    let server = server.await.expect("a free port");
    let addr = server.addr();
    server.registry().replace(server.probes());

    hangs.0.store(true, Ordering::SeqCst);
    // More than the window of the breaker has.
    let first = join_all((0..25).map(|n| get(addr, n))).await;
    for (reply, took) in first {
        assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(took >= Duration::from_millis(500), "the store was called: {took:?}");
    }
    let mut fastest = Duration::MAX;
    for n in 0..20 {
        let (reply, took) = get(addr, n).await;
        fastest = fastest.min(took);
        if reply.headers.contains_key("retry-after") && took < Duration::from_millis(500) {
            let wait: u64 = reply.headers["retry-after"].to_str().unwrap().parse().expect("seconds");
            assert_eq!((reply.status.as_u16(), &*code(&reply)), (503, "circuit_open"));
            assert!((1..=2).contains(&wait), "{wait}");
        }
    }
    assert!(fastest < Duration::from_millis(10), "{fastest:?}");
    let mut client = Client::new(BaseUrl::of(addr));
    let ready = client.send(Method::GET, "/health/ready", &[], Bytes::new()).await.expect("a reply");
    let body: Value = serde_json::from_slice(&ready.body).expect("JSON");
    assert_eq!(ready.status, StatusCode::OK);
    assert!(body["degraded"].as_array().unwrap().contains(&json!("store circuit breaker")), "{body}");
    let placed = client.send(Method::POST, "/orders", &[], Bytes::new()).await.expect("a reply");
    assert_eq!(placed.status, StatusCode::OK, "the log works");
    let metrics = telemetry.exposition().text();
    let open = r#"logistics_circuit_breaker_transitions_total{dependency="store",state="open"}"#;
    assert!(metrics.lines().any(|line| line.starts_with(open) && !line.ends_with(" 0")), "{metrics}");

    hangs.0.store(false, Ordering::SeqCst);
    let began = Instant::now();
    // Without a processor, it is unknown whether the order exists: the store answers, and is behind the log.
    while code(&get(addr, 0).await.0) != "not_ready" {
        assert!(began.elapsed() < Duration::from_secs(30), "it does not recover");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    server.stop().await;
}

#[test]
fn the_health_of_an_api_with_tls_needs_a_listener_of_its_own() {
    use clap::{Args, Command, FromArgMatches};
    let listen = ([127, 0, 0, 1], 8000).into();
    let health_at = |args: &[&str]| {
        let command = HttpArgs::augment_args(Command::new("serve"));
        let matches = command.try_get_matches_from([&["serve"], args].concat()).expect("flags");
        HttpArgs::from_arg_matches(&matches).expect("flags").health_at(listen)
    };
    let tls = ["--tls-cert", "tls.crt", "--tls-key", "tls.key"];
    assert_eq!(health_at(&[]).ok(), Some(listen));
    assert!(health_at(&tls).expect_err("no listener").message.contains("--health-listen"));
    let own = health_at(&[&tls[..], &["--health-listen", "127.0.0.1:8001"]].concat());
    assert_eq!(own.ok(), Some(([127, 0, 0, 1], 8001).into()));
}
