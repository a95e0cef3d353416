//! The health server of a process without an API.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use logistics_core::health::{Health, HealthProbe, PartHealth};
use logistics_warp::{Config, ServeError, bind, bind_health};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

use crate::client::{Reply, request, send};
use crate::test_server::TestServer;

#[derive(Default)]
struct Part(AtomicBool);

impl HealthProbe for Part {
    fn health(&self) -> Health {
        let ready = self.0.load(Ordering::SeqCst);
        let detail = "no answer since noon".to_owned();
        Health { parts: vec![PartHealth { name: "log".to_owned(), ready, detail }] }
    }
}

async fn call(address: SocketAddr, line: &str) -> Reply {
    Reply::parse(&send(address, &request(line, &[], b"")).await)
}

fn config() -> Config {
    Config::new(([127, 0, 0, 1], 0).into())
}

#[tokio::test]
async fn the_process_is_live_at_once_and_ready_once_its_parts_are() {
    let part = Arc::new(Part::default());
    let bound = bind_health(config(), part.clone(), None).await.expect("a free port");
    let address = bound.local_addr();
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(bound.run(async { _ = stopped.await }));
    assert_eq!(call(address, "GET /health/live").await.json()["status"], "live");
    let missing = call(address, "GET /health/ready").await.error(503, "not_ready");
    assert_eq!(missing["missing"], serde_json::json!(["log"]));
    assert_eq!(missing["parts"], serde_json::json!([{"name": "log", "ready": false}]));
    part.0.store(true, Ordering::SeqCst);
    assert_eq!(call(address, "GET /health/ready").await.status, 200);
    let head = call(address, "HEAD /health/ready").await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    drop(stop);
    running.await.expect("the server ends without a panic");
}

#[tokio::test]
async fn every_other_path_is_404() {
    let bound = bind_health(config(), Arc::new(Part::default()), None).await.expect("a free port");
    let address = bound.local_addr();
    tokio::spawn(bound.run(std::future::pending()));
    for line in
        ["POST /orders", "GET /orders/a", "GET /log/orders/0", "GET /openapi.json", "GET /docs", "GET /"]
    {
        let error = call(address, line).await.error(404, "unknown_path");
        assert!(error["hint"].as_str().is_some_and(|hint| hint.contains("/health/ready")), "{error}");
    }
    let wrong = call(address, "POST /health/live").await;
    wrong.error(405, "method_not_allowed");
    assert_eq!(wrong.header("allow"), "GET, HEAD");
}

#[tokio::test]
async fn a_taken_port_is_an_error_of_both_servers() {
    let server = TestServer::start().await;
    let taken = Config::new(server.address);
    let error = bind_health(taken, Arc::new(Part::default()), None).await.expect_err("the port is taken");
    assert!(matches!(error, ServeError::PortTaken(_)), "{error}");
    let health = bind_health(config(), Arc::new(Part::default()), None).await.expect("a free port");
    let taken = Config::new(health.local_addr());
    assert!(matches!(bind(taken, server.api()).await, Err(ServeError::PortTaken(_))));
}

#[tokio::test]
async fn a_flood_of_the_api_fails_no_probe_at_a_listener_of_its_own() {
    let server = TestServer::with(|config| config.connections_max = 1).await;
    let mut flood = TcpStream::connect(server.address).await.expect("the server listens");
    flood.write_all(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n").await.expect("the server reads");
    let mut byte = [0];
    flood.read_exact(&mut byte).await.expect("the flood has the only connection");
    let waiting = call(server.address, "GET /health/ready");
    let bound = bind_health(config(), server.api().health, None).await.expect("a free port");
    let address = bound.local_addr();
    let running = tokio::spawn(bound.run(std::future::pending()));
    tokio::select! {
        biased;
        reply = waiting => panic!("the API has no free connection: {reply:?}"),
        reply = call(address, "GET /health/ready") => assert_eq!(reply.status, 200),
    }
    running.abort();
}

#[tokio::test]
async fn details_of_parts_are_shown_only_with_health_details() {
    let hidden = TestServer::start().await;
    hidden.miss(&["store"]);
    let reply = hidden.get("/health/ready").await.error(503, "not_ready");
    assert!(!reply.to_string().contains("a detail") && reply["parts"][0]["name"] == "group", "{reply}");
    let shown = TestServer::with(|config| config.health_details = true).await;
    assert_eq!(shown.get("/health/ready").await.json()["parts"][0]["detail"], "a detail");
    let mut alone = config();
    alone.health_details = true;
    let bound = bind_health(alone, Arc::new(Part::default()), None).await.expect("a free port");
    let address = bound.local_addr();
    tokio::spawn(bound.run(std::future::pending()));
    let missing = call(address, "GET /health/ready").await.error(503, "not_ready");
    assert_eq!(missing["parts"][0]["detail"], "no answer since noon");
}
