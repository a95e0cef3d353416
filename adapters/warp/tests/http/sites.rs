//! Requests from pages of other sites, and under foreign names.

use crate::test_server::TestServer;

#[tokio::test]
async fn a_page_of_another_site_neither_places_nor_reads() {
    let server = TestServer::start().await;
    for foreign in [
        "Origin: https://evil.example",
        "Origin: null",
        "Origin: http://localhost:3000",
        "Sec-Fetch-Site: cross-site",
        "Sec-Fetch-Site: same-site",
    ] {
        for line in ["POST /orders", "GET /orders", "GET /health/ready"] {
            server.call(line, &[foreign], "").await.error_of(403, "foreign_origin", "Origin");
        }
    }
    assert!(server.requests().is_empty());
    for own in ["Origin: http://localhost", "Sec-Fetch-Site: same-origin", "Sec-Fetch-Site: none"] {
        assert_eq!(server.call("POST /orders", &[own], "").await.status, 200, "{own}");
    }
    let link = ["Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"];
    assert_eq!(server.call("GET /openapi.json", &link, "").await.status, 200);
    server.call("POST /orders", &link, "").await.error(403, "foreign_origin");
}

#[tokio::test]
async fn a_page_of_an_allowed_origin_gets_a_preflight_and_reads_the_reply() {
    let server =
        TestServer::with(|config| config.cors_origins = vec!["https://shop.example".to_owned()]).await;
    let origin = "Origin: https://shop.example";
    let preflight =
        server.call("OPTIONS /orders", &[origin, "Access-Control-Request-Method: POST"], "").await;
    assert_eq!(preflight.status, 204);
    for name in ["authorization", "idempotency-key"] {
        assert!(preflight.header("access-control-allow-headers").contains(name), "{name}");
    }
    assert!(preflight.header("access-control-allow-methods").contains("POST"));
    assert_eq!(preflight.header("access-control-allow-credentials"), "");
    for line in ["POST /orders", "GET /orders", "GET /orders/none"] {
        let reply = server.call(line, &[origin, "Sec-Fetch-Site: cross-site"], "").await;
        assert_eq!(reply.header("access-control-allow-origin"), "https://shop.example", "{line}");
        assert_eq!(reply.header("vary"), "Origin", "{line}");
    }
    server.call("GET /orders", &["Origin: https://shop.example.evil"], "").await.error(403, "foreign_origin");
}

#[tokio::test]
async fn a_loopback_server_serves_loopback_names_only() {
    let server = TestServer::with(|config| config.allowed_hosts = vec!["orders.internal".to_owned()]).await;
    let get = async |host: &str| {
        let bytes = format!("GET /orders HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        crate::client::Reply::parse(&crate::client::send(server.address, bytes.as_bytes()).await)
    };
    for own in
        ["localhost", "LOCALHOST:8000", "127.0.0.1:1", "127.8.9.1", "[::1]", "[::1]:80", "orders.internal:80"]
    {
        assert_eq!(get(own).await.status, 200, "{own}");
    }
    for foreign in ["evil.example", "localhost.evil.example", "192.0.2.1", "127.0.0.1.evil.example"] {
        get(foreign).await.error_of(421, "foreign_host", "Host");
    }
}

#[tokio::test]
async fn any_other_server_serves_every_name_unless_names_are_configured() {
    use logistics_warp::{Config, bind};
    let server = TestServer::start().await;
    for (allowed_hosts, status) in [(vec![], 200), (vec!["shop.example".to_owned()], 421)] {
        let mut config = Config::new(([0, 0, 0, 0], 0).into());
        config.allowed_hosts = allowed_hosts;
        let bound = bind(config, server.api()).await.expect("a free port");
        let address = ([127, 0, 0, 1], bound.local_addr().port()).into();
        let running = tokio::spawn(bound.run(std::future::pending()));
        let get = async |path: &str| {
            let bytes = format!("GET {path} HTTP/1.1\r\nHost: other.example\r\nConnection: close\r\n\r\n");
            crate::client::Reply::parse(&crate::client::send(address, bytes.as_bytes()).await).status
        };
        assert_eq!(get("/orders").await, status);
        assert_eq!(get("/health/live").await, 200, "a probe uses the address as the name");
        running.abort();
    }
}
