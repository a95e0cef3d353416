//! `/metrics` of the API and of the health.

use std::sync::Arc;

use logistics_core::observe::Exposition;
use logistics_warp::{Config, bind_health};

use crate::client::{Reply, request, send};
use crate::test_server::TestServer;

/// The metrics of a process that has one.
pub(crate) struct OneMetric;

const TEXT: &str = "# TYPE one gauge\none 1\n# EOF\n";
const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

impl Exposition for OneMetric {
    fn content_type(&self) -> &'static str {
        CONTENT_TYPE
    }

    fn text(&self) -> String {
        TEXT.to_owned()
    }
}

#[tokio::test]
async fn an_api_without_authentication_shows_its_metrics_to_every_caller() {
    let server = TestServer::custom(|_, _| {}, |api| api.with_metrics(Arc::new(OneMetric))).await;
    let reply = server.get("/metrics").await;
    assert_eq!((reply.status, reply.body.as_slice()), (200, TEXT.as_bytes()));
    assert_eq!((reply.header("content-type"), reply.header("cache-control")), (CONTENT_TYPE, "no-store"));
    let head = server.call("HEAD /metrics", &[], "").await;
    assert_eq!((head.status, head.header("content-type"), head.body.len()), (200, CONTENT_TYPE, 0));
    let post = server.post("/metrics", "").await;
    post.error(405, "method_not_allowed");
    assert_eq!(post.header("allow"), "GET, HEAD");
}

#[tokio::test]
async fn an_api_without_metrics_has_no_such_path() {
    TestServer::start().await.get("/metrics").await.error(404, "unknown_path");
}

#[tokio::test]
async fn the_health_listener_shows_the_metrics_without_a_credential_under_any_name() {
    let server = TestServer::start().await;
    let mut config = Config::new(([0, 0, 0, 0], 0).into());
    config.allowed_hosts = vec!["orders.example".to_owned()];
    let health = server.api().health;
    let bound = bind_health(config.clone(), health.clone(), Some(Arc::new(OneMetric))).await.expect("a port");
    let port = bound.local_addr().port();
    tokio::spawn(bound.run(std::future::pending()));
    let call = async |port: u16, line: &str| {
        Reply::parse(&send(([127, 0, 0, 1], port).into(), &request(line, &[], b"")).await)
    };
    let reply = call(port, "GET /metrics").await;
    assert_eq!((reply.status, reply.body.as_slice()), (200, TEXT.as_bytes()));
    assert_eq!(call(port, "HEAD /metrics").await.status, 200);
    call(port, "POST /metrics").await.error(405, "method_not_allowed");
    // The name is not one of the server's.
    call(port, "GET /orders").await.error(421, "foreign_host");
    let bound = bind_health(config, health, None).await.expect("a port");
    let port = bound.local_addr().port();
    tokio::spawn(bound.run(std::future::pending()));
    assert_ne!(call(port, "GET /metrics").await.status, 200);
}
