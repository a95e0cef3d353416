//! Pages of other sites, and names that are not the server's.

use crate::world::World;

#[tokio::test]
async fn a_page_of_another_site_neither_places_nor_reads() {
    let world = World::start().await;
    for foreign in [
        "Origin: https://evil.example",
        "Origin: null",
        "Origin: http://localhost:3000",
        "Sec-Fetch-Site: cross-site",
        "Sec-Fetch-Site: same-site",
    ] {
        for line in ["POST /orders", "GET /orders", "GET /health/ready"] {
            world.call(line, &[foreign], "").await.error_of(403, "foreign_origin", "Origin");
        }
    }
    assert!(world.requests().is_empty());
    for own in ["Origin: http://localhost", "Sec-Fetch-Site: same-origin", "Sec-Fetch-Site: none"] {
        assert_eq!(world.call("POST /orders", &[own], "").await.status, 200, "{own}");
    }
    let link = ["Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"];
    assert_eq!(world.call("GET /openapi.json", &link, "").await.status, 200);
    world.call("POST /orders", &link, "").await.error(403, "foreign_origin");
}

#[tokio::test]
async fn a_page_of_an_allowed_origin_asks_first_and_reads_the_reply() {
    let world = World::with(|config| config.cors_origins = vec!["https://shop.example".to_owned()]).await;
    let origin = "Origin: https://shop.example";
    let asked = world.call("OPTIONS /orders", &[origin, "Access-Control-Request-Method: POST"], "").await;
    assert_eq!(asked.status, 204);
    assert!(asked.header("access-control-allow-headers").contains("idempotency-key"));
    assert!(asked.header("access-control-allow-methods").contains("POST"));
    assert_eq!(asked.header("access-control-allow-credentials"), "");
    for line in ["POST /orders", "GET /orders", "GET /orders/none"] {
        let reply = world.call(line, &[origin, "Sec-Fetch-Site: cross-site"], "").await;
        assert_eq!(reply.header("access-control-allow-origin"), "https://shop.example", "{line}");
        assert_eq!(reply.header("vary"), "Origin", "{line}");
    }
    world.call("GET /orders", &["Origin: https://shop.example.evil"], "").await.error(403, "foreign_origin");
}

#[tokio::test]
async fn a_loopback_server_is_served_under_loopback_names_only() {
    let world = World::with(|config| config.allowed_hosts = vec!["orders.internal".to_owned()]).await;
    let get = async |host: &str| {
        let bytes = format!("GET /orders HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        crate::client::Reply::parse(&crate::client::send(world.address, bytes.as_bytes()).await)
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
async fn any_other_server_takes_every_name_unless_some_are_named() {
    use logistics_warp::{Config, bind};
    let world = World::start().await;
    for (allowed_hosts, status) in [(vec![], 200), (vec!["shop.example".to_owned()], 421)] {
        let mut config = Config::new(([0, 0, 0, 0], 0).into());
        config.allowed_hosts = allowed_hosts;
        let server = bind(config, world.api()).await.expect("a free port");
        let address = ([127, 0, 0, 1], server.local_addr().port()).into();
        let running = tokio::spawn(server.run(std::future::pending()));
        let get = async |path: &str| {
            let bytes = format!("GET {path} HTTP/1.1\r\nHost: other.example\r\nConnection: close\r\n\r\n");
            crate::client::Reply::parse(&crate::client::send(address, bytes.as_bytes()).await).status
        };
        assert_eq!(get("/orders").await, status);
        assert_eq!(get("/health/live").await, 200, "a probe calls it by its address");
        running.abort();
    }
}
