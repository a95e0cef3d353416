//! A process without an API says how it is, and nothing else.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use logistics_core::health::{Health, HealthProbe, PartHealth};
use logistics_warp::{Config, ServeError, bind, bind_health};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

use crate::client::{Reply, request, send};
use crate::world::World;

#[derive(Default)]
struct Part(AtomicBool);

impl HealthProbe for Part {
    fn health(&self) -> Health {
        let ready = self.0.load(Ordering::SeqCst);
        let detail = "since noon: it does not answer".to_owned();
        Health { parts: vec![PartHealth { name: "log".to_owned(), ready, detail }] }
    }
}

async fn ask(address: SocketAddr, line: &str) -> Reply {
    Reply::parse(&send(address, &request(line, &[], b"")).await)
}

fn config() -> Config {
    Config::new(([127, 0, 0, 1], 0).into())
}

#[tokio::test]
async fn it_is_live_at_once_and_ready_once_its_parts_are() {
    let part = Arc::new(Part::default());
    let server = bind_health(config(), part.clone()).await.expect("a free port");
    let address = server.local_addr();
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(server.run(async { _ = stopped.await }));
    assert_eq!(ask(address, "GET /health/live").await.json()["status"], "live");
    let missing = ask(address, "GET /health/ready").await.error(503, "not_ready");
    assert_eq!(missing["missing"], serde_json::json!(["log"]));
    assert_eq!(missing["parts"], serde_json::json!([{"name": "log", "ready": false}]));
    part.0.store(true, Ordering::SeqCst);
    assert_eq!(ask(address, "GET /health/ready").await.status, 200);
    let head = ask(address, "HEAD /health/ready").await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    drop(stop);
    running.await.expect("the server ends in order");
}

#[tokio::test]
async fn nothing_else_is_there() {
    let server = bind_health(config(), Arc::new(Part::default())).await.expect("a free port");
    let address = server.local_addr();
    tokio::spawn(server.run(std::future::pending()));
    for line in
        ["POST /orders", "GET /orders/a", "GET /log/orders/0", "GET /openapi.json", "GET /docs", "GET /"]
    {
        let error = ask(address, line).await.error(404, "unknown_path");
        assert!(error["hint"].as_str().is_some_and(|hint| hint.contains("/health/ready")), "{error}");
    }
    let wrong = ask(address, "POST /health/live").await;
    wrong.error(405, "method_not_allowed");
    assert_eq!(wrong.header("allow"), "GET, HEAD");
}

#[tokio::test]
async fn a_port_is_taken_once_whoever_serves() {
    let world = World::start().await;
    let taken = Config::new(world.address);
    let error = bind_health(taken, Arc::new(Part::default())).await.expect_err("it is taken");
    assert!(matches!(error, ServeError::PortTaken(_)), "{error}");
    let health = bind_health(config(), Arc::new(Part::default())).await.expect("a free port");
    let taken = Config::new(health.local_addr());
    assert!(matches!(bind(taken, world.api()).await, Err(ServeError::PortTaken(_))));
}

#[tokio::test]
async fn a_flood_of_the_api_fails_no_probe_at_a_listener_of_its_own() {
    let world = World::with(|config| config.connections_max = 1).await;
    let mut flood = TcpStream::connect(world.address).await.expect("the server listens");
    flood.write_all(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n").await.expect("the server reads");
    let mut byte = [0];
    flood.read_exact(&mut byte).await.expect("it has the only connection");
    let waiting = ask(world.address, "GET /health/ready");
    let server = bind_health(config(), world.api().health).await.expect("a free port");
    let address = server.local_addr();
    let running = tokio::spawn(server.run(std::future::pending()));
    tokio::select! {
        biased;
        reply = waiting => panic!("the API has no connection left: {reply:?}"),
        reply = ask(address, "GET /health/ready") => assert_eq!(reply.status, 200),
    }
    running.abort();
}

#[tokio::test]
async fn what_the_parts_say_is_shown_only_where_details_are() {
    let hidden = World::start().await;
    hidden.miss(&["store"]);
    let reply = hidden.get("/health/ready").await.error(503, "not_ready");
    assert!(!reply.to_string().contains("as told") && reply["parts"][0]["name"] == "group", "{reply}");
    let shown = World::with(|config| config.health_details = true).await;
    assert_eq!(shown.get("/health/ready").await.json()["parts"][0]["detail"], "as told");
    let mut alone = config();
    alone.health_details = true;
    let server = bind_health(alone, Arc::new(Part::default())).await.expect("a free port");
    let address = server.local_addr();
    tokio::spawn(server.run(std::future::pending()));
    let missing = ask(address, "GET /health/ready").await.error(503, "not_ready");
    assert_eq!(missing["parts"][0]["detail"], "since noon: it does not answer");
}
