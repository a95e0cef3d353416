//! A process without its store.

use bytes::Bytes;
use hyper::{Method, StatusCode};
use logistics_core::health::{Health, PartHealth};
use logistics_testkit::{Faults, MemoryBus, MemoryOrderStore};
use serde_json::{Value, json};

use super::*;
use crate::limits::REQUEST_BYTES_DEFAULT;
use logistics_cli_kit::{BaseUrl, Client};

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
        bus,
        Arc::new(store),
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
