//! Each request is reported exactly once, whatever becomes of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use logistics_access::RateLimits;
use logistics_core::Subject;
use logistics_core::port::Quota;
use logistics_service::{AuthError, Authenticator, Credentials, Principal, RouteClass};
use logistics_warp::Api;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::request;
use crate::metrics::OneMetric;
use crate::observer::Reports;
use crate::test_server::TestServer;

const JSON: &str = "Content-Type: application/json";

async fn observed(change: impl FnOnce(Api) -> Api) -> (TestServer, Arc<Reports>) {
    let reports = Arc::<Reports>::default();
    let server = TestServer::custom(
        |config, _| {
            config.body_bytes_max = 1000;
            config.cors_origins = vec!["https://shop.example".to_owned()];
        },
        |api| reports.of(change(api)),
    )
    .await;
    (server, reports)
}

/// Each outcome of each route: the request, with `ID` for an order and `REQ` for its request, and what is reported.
type Row<'a> = (&'a str, &'a [&'a str], &'a str, (&'static str, &'static str, u16, Option<&'static str>));

const OUTCOMES: &[Row<'_>] = &[
    ("POST /orders", &[JSON], "{}", ("POST", "/orders", 200, None)),
    ("POST /orders", &[JSON], "{", ("POST", "/orders", 400, Some("invalid_json"))),
    ("POST /orders", &[], "{}", ("POST", "/orders", 415, Some("unsupported_media_type"))),
    ("GET /orders", &[], "", ("GET", "/orders", 200, None)),
    ("HEAD /orders", &[], "", ("HEAD", "/orders", 200, None)),
    ("GET /orders?limit=x", &[], "", ("GET", "/orders", 400, Some("invalid_request"))),
    ("DELETE /orders", &[], "", ("DELETE", "/orders", 405, Some("method_not_allowed"))),
    ("GET /orders/ID", &[], "", ("GET", "/orders/{id}", 200, None)),
    ("GET /orders/ID", &["If-None-Match: \"1\""], "", ("GET", "/orders/{id}", 304, None)),
    ("GET /orders/none", &[], "", ("GET", "/orders/{id}", 404, Some("not_found"))),
    ("GET /orders/ID/events", &[], "", ("GET", "/orders/{id}/events", 200, None)),
    ("GET /orders/ID/requests/REQ", &[], "", ("GET", "/orders/{id}/requests/{request_id}", 200, None)),
    (
        "GET /orders/ID/requests/another",
        &["Prefer: wait=0"],
        "",
        ("GET", "/orders/{id}/requests/{request_id}", 404, Some("outcome_unknown")),
    ),
    (
        "POST /orders/ID/assignment",
        &[JSON],
        r#"{"courier_id":"a"}"#,
        ("POST", "/orders/{id}/assignment", 200, None),
    ),
    (
        "POST /orders/ID/transitions",
        &[JSON],
        r#"{"to":"CONFIRMED"}"#,
        ("POST", "/orders/{id}/transitions", 200, None),
    ),
    (
        "POST /orders/ID/transitions",
        &[JSON],
        r#"{"to":"DELIVERED"}"#,
        ("POST", "/orders/{id}/transitions", 409, Some("illegal_transition")),
    ),
    (
        "POST /orders/ID/cancel",
        &["If-Match: \"99\""],
        "",
        ("POST", "/orders/{id}/cancel", 412, Some("stale_version")),
    ),
    ("POST /orders/ID/cancel", &[], "", ("POST", "/orders/{id}/cancel", 200, None)),
    ("GET /log/orders/0", &[], "", ("GET", "/log/{topic}/{partition}", 200, None)),
    ("GET /log/orders/9", &[], "", ("GET", "/log/{topic}/{partition}", 404, Some("unknown_partition"))),
    ("GET /health/live", &[], "", ("GET", "/health/live", 200, None)),
    ("GET /health/ready", &[], "", ("GET", "/health/ready", 200, None)),
    ("GET /metrics", &[], "", ("GET", "/metrics", 200, None)),
    ("GET /openapi.json", &[], "", ("GET", "/openapi.json", 200, None)),
    ("GET /coffee", &[], "", ("GET", "", 404, Some("unknown_path"))),
    ("BREW /coffee", &[], "", ("_OTHER", "", 404, Some("unknown_path"))),
    ("GET /orders", &["Origin: https://evil.example"], "", ("GET", "/orders", 403, Some("foreign_origin"))),
    ("GET /orders", &["Host: x"], "", ("GET", "/orders", 400, Some("invalid_request"))),
    (
        "OPTIONS /orders",
        &["Origin: https://shop.example", "Access-Control-Request-Method: POST"],
        "",
        ("OPTIONS", "/orders", 204, None),
    ),
];

#[tokio::test]
async fn each_outcome_of_each_route_is_reported_once() {
    let (server, reports) = observed(|api| api.with_metrics(Arc::new(OneMetric))).await;
    let id = server.placed().await;
    let request = server.requests().pop().expect("a placement").id;
    reports.until_ended(1).await;
    reports.one();
    for (line, headers, body, expected) in OUTCOMES {
        let line = line.replace("ID", &id).replace("REQ", request.as_str());
        let reply = server.call(&line, &[headers, &["X-Request-Id: a-name"][..]].concat(), body).await;
        let report = reports.one();
        assert_eq!(report.outcome(), *expected, "{line}: {reply:?}");
        assert_eq!((reply.status, report.request_id.as_str()), (expected.2, "a-name"), "{line}");
        assert_eq!(report.response_bytes, reply.body.len() as u64, "{line}");
        let read = if line.starts_with("POST") { body.len() as u64 } else { 0 };
        assert_eq!(report.request_bytes, read, "{line}");
    }
    server.miss(&["log"]);
    server.get("/health/ready").await.error(503, "not_ready");
    assert_eq!(reports.one().outcome(), ("GET", "/health/ready", 503, Some("not_ready")));
}

#[tokio::test]
async fn the_bytes_of_a_body_that_is_too_long_are_counted_as_far_as_they_were_read() {
    let (server, reports) = observed(|api| api).await;
    server.post("/orders", "x".repeat(5000)).await.error(413, "too_large");
    let report = reports.one();
    assert_eq!(report.outcome(), ("POST", "/orders", 413, Some("too_large")));
    assert_eq!(report.request_bytes, 5000);
    let mut sender = TcpStream::connect(server.address).await.expect("the server listens");
    let head = "POST /orders HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nabc";
    sender.write_all(head.as_bytes()).await.expect("the server reads");
    drop(sender);
    reports.until_ended(1).await;
    let report = reports.one();
    assert_eq!((report.route.route, report.request_bytes), ("/orders", 3));
}

#[tokio::test]
async fn a_body_that_is_too_slow_is_reported() {
    let reports = Arc::<Reports>::default();
    let configure = |config: &mut logistics_warp::Config, _: &mut _| config.body_timeout_ms = 20;
    let server = TestServer::custom(configure, |api| reports.of(api)).await;
    let mut slow = TcpStream::connect(server.address).await.expect("the server listens");
    let head = "POST /orders HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n";
    slow.write_all(head.as_bytes()).await.expect("the server reads");
    reports.until_ended(1).await;
    assert_eq!(reports.one().outcome(), ("POST", "/orders", 408, Some("timeout")));
}

/// Knows the token `party`, whose principal has no role.
struct OneToken;

#[async_trait]
impl Authenticator for OneToken {
    async fn authenticate(&self, credentials: &Credentials<'_>) -> Result<Principal, AuthError> {
        match credentials.bearer {
            Some("party") => Ok(Principal::new(Subject::parse("party").expect("a subject"))),
            Some("away") => Err(AuthError::Unavailable("away".to_owned())),
            Some(_) => Err(AuthError::Invalid("unknown".to_owned())),
            None => Err(AuthError::Missing),
        }
    }
}

#[tokio::test]
async fn refusals_carry_their_code() {
    let one = Quota::new(1, 60_000, 1).expect("a quota");
    let limits = RateLimits::new([(RouteClass::Read, one)]);
    let with = |api: Api| {
        let api = api.with_limiter(Arc::new(limits)).with_authenticator(Arc::new(OneToken));
        api.with_metrics(Arc::new(OneMetric))
    };
    let (server, reports) = observed(with).await;
    for (line, token, status, code) in [
        ("GET /metrics", None, 401, "unauthenticated"),
        ("GET /metrics", Some("wrong"), 401, "invalid_credential"),
        ("GET /metrics", Some("party"), 403, "forbidden"),
        ("GET /metrics", Some("away"), 503, "unavailable"),
        ("GET /orders", Some("party"), 403, "forbidden"),
        ("GET /orders", Some("party"), 429, "rate_limited"),
    ] {
        let token = token.map(|token| format!("Authorization: Bearer {token}"));
        server.call(line, token.as_deref().as_slice(), "").await.error(status, code);
        let report = reports.one();
        assert_eq!((report.status, report.error), (status, Some(code)), "{line} {token:?}");
    }
}

#[tokio::test]
async fn overload_is_reported() {
    let reports = Arc::<Reports>::default();
    let configure = |_: &mut _, options: &mut logistics_service::Options| options.in_flight_bytes_max = 10;
    let server = TestServer::custom(configure, |api| reports.of(api)).await;
    let mut slow = TcpStream::connect(server.address).await.expect("the server listens");
    let head =
        "POST /orders HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n";
    slow.write_all(head.as_bytes()).await.expect("the server reads");
    // The server sends 100 once it has reserved the bytes of the body.
    slow.read_exact(&mut [0; 25]).await.expect("the server sends 100");
    server.post("/orders", "{          }").await.error(503, "overloaded");
    assert_eq!(reports.ended()[0].outcome(), ("POST", "/orders", 503, Some("overloaded")));
    assert_eq!((reports.ended().len(), reports.in_flight().len()), (1, 1));
}

#[tokio::test]
async fn a_client_that_disconnects_is_reported_with_499() {
    let (server, reports) = observed(|api| api).await;
    let id = server.placed().await;
    reports.until_ended(1).await;
    reports.one();
    server.pause();
    let mut client = TcpStream::connect(server.address).await.expect("the server listens");
    let cancel = request(&format!("POST /orders/{id}/cancel"), &["Prefer: wait=60"], b"");
    client.write_all(&cancel).await.expect("the server reads");
    server.until_appended(2).await;
    let waiting = reports.in_flight();
    assert_eq!(waiting.iter().map(|route| route.route).collect::<Vec<_>>(), ["/orders/{id}/cancel"]);
    drop(client);
    reports.until_ended(1).await;
    let expected = ("POST", "/orders/{id}/cancel", 499, Some("client_disconnected"));
    assert_eq!(reports.one().outcome(), expected);
}

#[tokio::test]
async fn nothing_is_in_flight_after_a_load_with_disconnects() {
    const CLIENTS: usize = 60;
    let (server, reports) = observed(|api| api).await;
    let id = server.placed().await;
    server.pause();
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        let mut client = TcpStream::connect(server.address).await.expect("the server listens");
        let cancel = request(&format!("POST /orders/{id}/cancel"), &["Prefer: wait=60"], b"");
        client.write_all(&cancel).await.expect("the server reads");
        clients.push(client);
    }
    server.until_appended(1 + CLIENTS).await;
    assert_eq!(reports.in_flight().len(), CLIENTS);
    clients.truncate(CLIENTS / 2);
    reports.until_ended(1 + CLIENTS / 2).await;
    server.resume();
    reports.until_ended(1 + CLIENTS).await;
    assert_eq!(reports.in_flight(), []);
    let gone = reports.ended().iter().filter(|report| report.status == 499).count();
    assert_eq!(gone, CLIENTS / 2);
}

#[tokio::test]
async fn odd_paths_and_methods_make_no_routes() {
    let (server, reports) = observed(|api| api).await;
    for number in 0..50 {
        for line in [
            format!("GET /{number}"),
            format!("GET /orders/{number}/{number}"),
            format!("GET /orders/{number}"),
            format!("GET /log/{number}/{number}"),
            format!("GET /docs/{number}"),
            format!("M{number} /orders/%{number:02x}"),
            format!("PROPFIND //{number}?a={number}"),
            format!("GET /orders/{}", "x".repeat(200 + number)),
        ] {
            server.call(&line, &["Prefer: wait=0"], "").await;
        }
    }
    let routes: BTreeSet<_> = reports.ended().into_iter().map(|report| report.route).collect();
    let routes: Vec<_> = routes.into_iter().map(|route| (route.method, route.route)).collect();
    let expected = [
        ("GET", ""),
        ("GET", "/docs"),
        ("GET", "/log/{topic}/{partition}"),
        ("GET", "/orders/{id}"),
        ("_OTHER", ""),
        ("_OTHER", "/orders/{id}"),
    ];
    assert_eq!(routes, expected);
}
