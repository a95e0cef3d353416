//! Limits of bytes and readers, and the replies beyond them.

use std::collections::BTreeSet;

use bytes::Bytes;
use logistics_core::Partition;
use logistics_core::port::Topic;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::Reply;
use crate::test_server::TestServer;

const PAGE_BYTES_MAX: usize = 1024 * 1024;

#[tokio::test]
async fn a_page_of_large_orders_ends_early_and_the_next_continues_after_it() {
    let server = TestServer::start().await;
    let mut expected = BTreeSet::new();
    // Some orders are small, so that a page ends within one read of the store.
    for number in 0..120 {
        let bytes = if number % 3 == 0 { 10 } else { 50_000 };
        let body = format!(r#"{{"details":"{}"}}"#, "x".repeat(bytes));
        let id = server.post("/orders", body).await.json()["order_id"].as_str().expect("an id").to_owned();
        if number % 7 == 0 {
            server.post(&format!("/orders/{id}/transitions"), r#"{"to":"CONFIRMED"}"#).await;
        }
        if number % 5 == 0 {
            server.make_late(&id);
        }
        expected.insert(id);
    }
    for (list, orders) in [("limit=1000", 120), ("limit=7", 120), ("limit=1000&late=true", 24)] {
        let (mut seen, mut pages, mut cursor) = (Vec::new(), 0, String::new());
        loop {
            let reply = server.get(&format!("/orders?{list}{cursor}")).await;
            assert!(reply.body.len() < PAGE_BYTES_MAX + 1000, "{list}: {}", reply.body.len());
            let page = reply.json();
            let ids = page["orders"].as_array().expect("orders").iter();
            seen.extend(ids.map(|order| order["order_id"].as_str().expect("an id").to_owned()));
            pages += 1;
            let Some(next) = page["next_cursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        let unique: BTreeSet<_> = seen.iter().cloned().collect();
        assert_eq!((seen.len(), unique.len()), (orders, orders), "{list}: no order is lost or repeated");
        assert!(unique.is_subset(&expected) && pages >= orders / 35, "{list}: {pages}");
    }
}

#[tokio::test]
async fn an_order_that_exceeds_the_rest_of_a_page_starts_the_next() {
    let server = TestServer::start().await;
    for _ in 0..21 {
        server.post("/orders", format!(r#"{{"details":"{}"}}"#, "x".repeat(50_000))).await;
    }
    let first = server.get("/orders?limit=20").await.json();
    assert_eq!(first["orders"].as_array().map(Vec::len), Some(20));
    let cursor = first["next_cursor"].as_str().expect("there are more");
    let second = server.get(&format!("/orders?limit=20&cursor={cursor}")).await.json();
    assert_eq!(second["orders"].as_array().map(Vec::len), Some(1));
    assert!(second["next_cursor"].is_null());
}

/// A placement that announces 64 KiB and sends less.
async fn slow(server: &TestServer) -> TcpStream {
    let mut stream = TcpStream::connect(server.address).await.expect("the server listens");
    let head = "POST /orders HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
                Content-Length: 65536\r\nExpect: 100-continue\r\n\r\n";
    stream.write_all(head.as_bytes()).await.expect("the server reads");
    stream
}

#[tokio::test]
async fn beyond_the_bytes_in_flight_requests_are_503_at_once() {
    let server = TestServer::of_service(|options| options.in_flight_bytes_max = 10 * 64 * 1024).await;
    let id = server.placed().await;
    let mut held = Vec::new();
    for _ in 0..10 {
        let mut stream = slow(&server).await;
        // The server sends 100 once it has reserved the bytes of the body.
        let mut interim = [0; 25];
        stream.read_exact(&mut interim).await.expect("the server sends 100");
        assert!(interim.starts_with(b"HTTP/1.1 100"));
        held.push(stream);
    }
    let details = format!(r#"{{"details":"{}"}}"#, "x".repeat(1000));
    let began = std::time::Instant::now();
    for _ in 0..20 {
        let full = server.post("/orders", &details).await;
        full.error(503, "overloaded");
        assert_eq!(full.header("retry-after"), "1");
    }
    server.get("/orders").await.error(503, "overloaded");
    server.get(&format!("/orders/{id}")).await.error(503, "overloaded");
    assert!(began.elapsed() < std::time::Duration::from_secs(5), "{:?}", began.elapsed());
    assert_eq!(server.get("/health/ready").await.status, 200, "a reply without reserved bytes is served");
    assert_eq!(server.requests().len(), 1, "a rejected request is not appended");
    // An appended request is accepted, even if its document has no room.
    server.post(&format!("/orders/{id}/transitions"), "").await;
    let cancelled = server.call(&format!("POST /orders/{id}/cancel"), &[], "").await;
    assert_eq!((cancelled.status, server.requests().len()), (202, 2));
    drop(held);
    while server.post("/orders", &details).await.status == 503 {
        tokio::task::yield_now().await;
    }
    assert_eq!(server.get("/orders").await.status, 200);
}

#[tokio::test]
async fn beyond_the_readers_of_the_log_requests_are_429_until_one_ends() {
    let server = TestServer::start().await;
    let mut waiting = Vec::new();
    for readers in 1..=16 {
        let mut stream = TcpStream::connect(server.address).await.expect("the server listens");
        let request = crate::client::request("GET /log/orders/2", &["Prefer: wait=60"], b"");
        stream.write_all(&request).await.expect("the server reads");
        server.until_tails(readers).await;
        waiting.push(stream);
    }
    let full = server.get("/log/orders/1").await;
    full.error(429, "too_many_readers");
    assert_eq!(full.header("retry-after"), "1");
    assert_eq!(server.get("/orders").await.status, 200, "other requests do not wait for the readers");
    server.log().with_broker(|broker| {
        broker.append(Topic::Orders, Partition(2), None, Bytes::from_static(b"{}"));
    });
    for mut stream in waiting {
        assert_eq!(Reply::parse(&crate::client::rest(&mut stream).await).status, 200);
    }
    while server.get("/log/orders/1").await.status == 429 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn consecutive_pages_of_the_log_share_a_reader() {
    let server = TestServer::start().await;
    let put = || {
        server.log().with_broker(|broker| {
            broker.append(Topic::Orders, Partition(2), None, Bytes::from_static(b"{}"));
        });
    };
    (0..50).for_each(|_| put());
    let mut read = Vec::new();
    for _ in 0..60 {
        let from = read.len();
        if from == 50 {
            put();
        }
        let page = server.get(&format!("/log/orders/2?from={from}&limit=1")).await.json();
        read.extend(
            page["records"].as_array().expect("records").iter().map(|record| record["offset"].as_u64()),
        );
    }
    assert_eq!(read, (0..51).map(Some).collect::<Vec<_>>());
    assert_eq!(server.tails(), 1, "one reader for 60 pages");
    server.get("/log/orders/2?from=7&limit=1").await;
    assert_eq!(server.tails(), 2, "another position is another reader");
}
