//! Bounds on bytes and on readers, and what is answered beyond them.

use std::collections::BTreeSet;

use bytes::Bytes;
use logistics_core::Partition;
use logistics_core::port::Topic;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::Reply;
use crate::world::World;

const PAGE_BYTES_MAX: usize = 1024 * 1024;

#[tokio::test]
async fn a_page_of_large_orders_ends_early_and_the_next_goes_on_behind_it() {
    let world = World::start().await;
    let mut expected = BTreeSet::new();
    // Small ones among them, so that pages end within what the store was asked for at once.
    for number in 0..120 {
        let bytes = if number % 3 == 0 { 10 } else { 50_000 };
        let body = format!(r#"{{"details":"{}"}}"#, "x".repeat(bytes));
        let id = world.post("/orders", body).await.json()["order_id"].as_str().expect("an id").to_owned();
        if number % 7 == 0 {
            world.post(&format!("/orders/{id}/transitions"), r#"{"to":"CONFIRMED"}"#).await;
        }
        if number % 5 == 0 {
            world.make_late(&id);
        }
        expected.insert(id);
    }
    for (list, orders) in [("limit=1000", 120), ("limit=7", 120), ("limit=1000&late=true", 24)] {
        let (mut seen, mut pages, mut cursor) = (Vec::new(), 0, String::new());
        loop {
            let reply = world.get(&format!("/orders?{list}{cursor}")).await;
            assert!(reply.body.len() < PAGE_BYTES_MAX + 1000, "{list}: {}", reply.body.len());
            let page = reply.json();
            let ids = page["orders"].as_array().expect("orders").iter();
            seen.extend(ids.map(|order| order["order_id"].as_str().expect("an id").to_owned()));
            pages += 1;
            let Some(next) = page["next_cursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        let unique: BTreeSet<_> = seen.iter().cloned().collect();
        assert_eq!((seen.len(), unique.len()), (orders, orders), "{list}: none is lost or repeated");
        assert!(unique.is_subset(&expected) && pages >= orders / 35, "{list}: {pages}");
    }
}

#[tokio::test]
async fn an_order_that_is_larger_than_what_is_left_of_a_page_is_the_first_of_the_next() {
    let world = World::start().await;
    for _ in 0..21 {
        world.post("/orders", format!(r#"{{"details":"{}"}}"#, "x".repeat(50_000))).await;
    }
    let first = world.get("/orders?limit=20").await.json();
    assert_eq!(first["orders"].as_array().map(Vec::len), Some(20));
    let cursor = first["next_cursor"].as_str().expect("there are more");
    let second = world.get(&format!("/orders?limit=20&cursor={cursor}")).await.json();
    assert_eq!(second["orders"].as_array().map(Vec::len), Some(1));
    assert!(second["next_cursor"].is_null());
}

/// A placement that announces 64 KiB and sends less.
async fn slow(world: &World) -> TcpStream {
    let mut stream = TcpStream::connect(world.address).await.expect("the server listens");
    let head = "POST /orders HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
                Content-Length: 65536\r\nExpect: 100-continue\r\n\r\n";
    stream.write_all(head.as_bytes()).await.expect("the server reads");
    stream
}

#[tokio::test]
async fn beyond_the_bytes_in_flight_requests_are_503_at_once_until_there_is_room() {
    let world = World::of_service(|options| options.in_flight_bytes_max = 10 * 64 * 1024).await;
    let id = world.placed().await;
    let mut held = Vec::new();
    for _ in 0..10 {
        let mut stream = slow(&world).await;
        // The server asks for the body once it has reserved what the body may have.
        let mut go_on = [0; 25];
        stream.read_exact(&mut go_on).await.expect("the server asks for the body");
        assert!(go_on.starts_with(b"HTTP/1.1 100"));
        held.push(stream);
    }
    let details = format!(r#"{{"details":"{}"}}"#, "x".repeat(1000));
    let began = std::time::Instant::now();
    for _ in 0..20 {
        let full = world.post("/orders", &details).await;
        full.error(503, "overloaded");
        assert_eq!(full.header("retry-after"), "1");
    }
    world.get("/orders").await.error(503, "overloaded");
    world.get(&format!("/orders/{id}")).await.error(503, "overloaded");
    assert!(began.elapsed() < std::time::Duration::from_secs(5), "{:?}", began.elapsed());
    assert_eq!(world.get("/health/ready").await.status, 200, "what holds nothing is answered");
    assert_eq!(world.requests().len(), 1, "what is refused is not appended");
    // A request that happened is a success all the same.
    world.post(&format!("/orders/{id}/transitions"), "").await;
    let cancelled = world.call(&format!("POST /orders/{id}/cancel"), &[], "").await;
    assert_eq!((cancelled.status, world.requests().len()), (202, 2));
    drop(held);
    while world.post("/orders", &details).await.status == 503 {
        tokio::task::yield_now().await;
    }
    assert_eq!(world.get("/orders").await.status, 200);
}

#[tokio::test]
async fn beyond_the_readers_of_the_log_requests_are_429_until_one_ends() {
    let world = World::start().await;
    let mut waiting = Vec::new();
    for readers in 1..=16 {
        let mut stream = TcpStream::connect(world.address).await.expect("the server listens");
        let request = crate::client::request("GET /log/orders/2", &["Prefer: wait=60"], b"");
        stream.write_all(&request).await.expect("the server reads");
        world.until_tails(readers).await;
        waiting.push(stream);
    }
    let full = world.get("/log/orders/1").await;
    full.error(429, "too_many_readers");
    assert_eq!(full.header("retry-after"), "1");
    assert_eq!(world.get("/orders").await.status, 200, "nothing else waits for them");
    world.log().with_broker(|broker| {
        broker.append(Topic::Orders, Partition(2), None, Bytes::from_static(b"{}"));
    });
    for mut stream in waiting {
        assert_eq!(Reply::parse(&crate::client::rest(&mut stream).await).status, 200);
    }
    while world.get("/log/orders/1").await.status == 429 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn pages_of_the_log_that_follow_each_other_share_a_reader() {
    let world = World::start().await;
    let put = || {
        world.log().with_broker(|broker| {
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
        let page = world.get(&format!("/log/orders/2?from={from}&limit=1")).await.json();
        read.extend(
            page["records"].as_array().expect("records").iter().map(|record| record["offset"].as_u64()),
        );
    }
    assert_eq!(read, (0..51).map(Some).collect::<Vec<_>>());
    assert_eq!(world.tails(), 1, "one reader for 60 pages");
    world.get("/log/orders/2?from=7&limit=1").await;
    assert_eq!(world.tails(), 2, "another position is another reader");
}
