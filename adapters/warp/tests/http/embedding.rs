//! The API in another server, below a path: as a tower service in axum, and as a filter in warp.

use std::net::SocketAddr;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode, Version};
use axum::routing::get;
use logistics_core::OrderId;
use logistics_warp::{Api, Config};
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use warp::Filter;

use crate::client::{Reply, request, send};
use crate::test_server::TestServer;

#[derive(Debug, Clone, Copy)]
enum Embedding {
    Axum,
    Warp,
}

const EMBEDDINGS: [Embedding; 2] = [Embedding::Axum, Embedding::Warp];

impl Embedding {
    /// A server with `/own` and, below `/shop`, the API.
    async fn serve(self, api: Api) -> Mounted {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let mut config = Config::new(address);
        config.base_path = "/shop".to_owned();
        match self {
            Embedding::Axum => {
                let api = logistics_warp::service(config, api);
                let app = Router::new().route("/own", get(async || "own")).nest_service("/shop", api);
                tokio::spawn(async move { axum::serve(listener, app).await });
            }
            Embedding::Warp => {
                let api = logistics_warp::filter(config, api);
                let routes = warp::path!("own").map(|| "own").or(warp::path("shop").and(api));
                tokio::spawn(warp::serve(routes).incoming(listener).run());
            }
        }
        Mounted { address }
    }
}

struct Mounted {
    address: SocketAddr,
}

impl Mounted {
    async fn call(&self, line: &str, headers: &[&str], body: &str) -> Reply {
        Reply::parse(&send(self.address, &request(line, headers, body.as_bytes())).await)
    }
}

#[tokio::test]
async fn the_mounted_api_places_reads_and_lists_below_its_path() {
    for embedding in EMBEDDINGS {
        let server = TestServer::start().await;
        let mounted = embedding.serve(server.api()).await;
        let body = r#"{"customer_id":"c-1"}"#;
        let placed = mounted.call("POST /shop/orders", &["Content-Type: application/json"], body).await;
        assert_eq!(placed.status, 200, "{embedding:?}");
        let id = placed.json()["order_id"].as_str().expect("an order id").to_owned();
        let order = mounted.call(&format!("GET /shop/orders/{id}"), &[], "").await;
        assert_eq!((order.status, order.header("etag")), (200, "\"1\""), "{embedding:?}");
        assert_eq!(order.json()["customer_id"], "c-1");
        let list = mounted.call("GET /shop/orders?limit=1&status=PLACED", &[], "").await;
        assert_eq!(list.json()["orders"][0]["order_id"], id.as_str());
        let head = mounted.call(&format!("HEAD /shop/orders/{id}"), &[], "").await;
        assert_eq!((head.status, head.body.len()), (200, 0), "{embedding:?}");
    }
}

#[tokio::test]
async fn the_mounted_api_answers_every_path_below_its_own_and_no_other() {
    for embedding in EMBEDDINGS {
        let server = TestServer::start().await;
        let mounted = embedding.serve(server.api()).await;
        for path in ["/shop/nothing", "/shop/orders/a/b", "/shop", "/shop/shop/orders"] {
            mounted.call(&format!("GET {path}"), &[], "").await.error(404, "unknown_path");
        }
        mounted.call("GET /shop/orders/unknown", &[], "").await.error(404, "not_found");
        mounted.call("DELETE /shop/orders", &[], "").await.error(405, "method_not_allowed");
        assert_eq!(mounted.call("GET /own", &[], "").await.body, b"own", "{embedding:?}");
        let outside = mounted.call("GET /orders", &[], "").await;
        assert!(outside.status == 404 && !outside.body.starts_with(b"{"), "{embedding:?}: {outside:?}");
    }
}

#[tokio::test]
async fn links_of_the_mounted_api_start_with_its_path() {
    for embedding in EMBEDDINGS {
        let server = TestServer::start().await;
        let mounted = embedding.serve(server.api()).await;
        server.pause();
        let headers = ["Idempotency-Key: a", "Prefer: wait=0"];
        let pending = mounted.call("POST /shop/orders", &headers, "").await;
        let location = pending.header("location").to_owned();
        let id = OrderId::from_idempotency_key("anonymous", "a");
        assert!(location.starts_with(&format!("/shop/orders/{id}/requests/")), "{embedding:?}: {location}");
        server.resume();
        assert_eq!(mounted.call(&format!("GET {location}"), &[], "").await.json()["outcome"], "happened");
        let document = mounted.call("GET /shop/openapi.json", &[], "").await.json();
        assert_eq!(document["servers"], json!([{"url": "/shop"}]));
    }
}

#[cfg(feature = "docs-page")]
#[tokio::test]
async fn the_page_of_the_mounted_api_loads_its_own_document() {
    for embedding in EMBEDDINGS {
        let server = TestServer::start().await;
        let mounted = embedding.serve(server.api()).await;
        assert_eq!(mounted.call("GET /shop/docs", &[], "").await.status, 200);
        let setup = mounted.call("GET /shop/docs/swagger-initializer.js", &[], "").await;
        assert!(String::from_utf8_lossy(&setup.body).contains("\"/shop/openapi.json\""), "{embedding:?}");
    }
}

#[tokio::test]
async fn limits_and_host_checks_hold_in_the_mounted_api() {
    for embedding in EMBEDDINGS {
        let server = TestServer::start().await;
        let mounted = embedding.serve(server.api()).await;
        let large = " ".repeat(128 * 1024 + 1);
        mounted.call("POST /shop/orders", &[], &large).await.error(413, "too_large");
        let foreign = "GET /shop/orders HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n";
        let reply = Reply::parse(&send(mounted.address, foreign.as_bytes()).await);
        reply.error_of(421, "foreign_host", "Host");
        let page = mounted.call("POST /shop/orders", &["Origin: https://evil.example"], "").await;
        page.error_of(403, "foreign_origin", "Origin");
        assert!(server.requests().is_empty(), "{embedding:?}");
    }
}

#[tokio::test]
async fn the_authority_of_http_2_is_checked_as_host_is() {
    let server = TestServer::start().await;
    for (name, status) in [("evil.example", StatusCode::MISDIRECTED_REQUEST), ("localhost", StatusCode::OK)] {
        let request = || {
            let request = Request::get(format!("http://{name}/orders")).version(Version::HTTP_2);
            request.body(Body::empty()).expect("a request")
        };
        let service = logistics_warp::service(Config::default(), server.api());
        assert_eq!(service.oneshot(request()).await.expect("no failure").status(), status, "{name}");
        let filter = warp::service(logistics_warp::filter(Config::default(), server.api()));
        let request = request().map(|_| http_body_util::Empty::<bytes::Bytes>::new());
        assert_eq!(filter.oneshot(request).await.expect("no failure").status(), status, "{name}");
    }
}

#[tokio::test]
async fn the_waits_of_the_mounted_api_end_with_its_service() {
    for embedding in EMBEDDINGS {
        let server = TestServer::start().await;
        let stop = CancellationToken::new();
        let mut api = server.api();
        api.service = api.service.with_shutdown(stop.clone());
        let mounted = embedding.serve(api).await;
        let id = server.placed().await;
        server.pause();
        let cancel = format!("POST /shop/orders/{id}/cancel");
        let waiting = mounted.call(&cancel, &["Prefer: wait=60"], "");
        let (reply, ()) = tokio::join!(waiting, async {
            server.until_appended(2).await;
            stop.cancel();
        });
        assert_eq!(reply.status, 202, "{embedding:?}");
        mounted.call("GET /shop/health/ready", &[], "").await.error(503, "not_ready");
        assert_eq!(server.get("/health/ready").await.status, 200, "the other server goes on");
    }
}
