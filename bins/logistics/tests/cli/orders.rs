//! Placing, showing and listing orders.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::Stdio;

use super::support::{logistics, send, until};
use super::{TestServer, documents, text};

#[test]
fn get_shows_an_order_as_placed() {
    let server = TestServer::start();
    let details = r#"{"price": 12.50, "note": "ring twice"}"#;
    let args =
        ["place", "--customer", "amir", "--merchant", "bloom", "--courier", "lucia", "--details", details];
    let id = server.run(&args).done().trim().to_owned();
    let shown = server.run(&["get", &id]).done();
    for part in
        [&*id, "PLACED", "amir", "bloom", "lucia", details, "CONFIRMED, REJECTED, CANCELLED", "expires at "]
    {
        assert!(shown.contains(part), "{part:?} is missing:\n{shown}");
    }
    let document = server.run(&["get", &id, "--json"]).done();
    let served = send(server.addr(), "GET", &format!("/orders/{id}"), &[], "").expect("it serves");
    assert_eq!(document, served.body + "\n", "byte by byte, the price too");
}

#[test]
fn details_can_come_from_a_file_or_standard_input() {
    let server = TestServer::start();
    let file = server.data.path().join("details.json");
    std::fs::write(&file, "{\"items\":\n[1]}\n").expect("a file");
    let from_file = format!("@{}", text(&file));
    let id = server.run(&["place", "--details", &from_file]).done().trim().to_owned();
    let shown = documents(&server.run(&["get", &id, "--json"]).done());
    assert_eq!((shown.len(), &shown[0]["details"]["items"][0]), (1, &1.into()));

    let mut placing = logistics(&server.args(&["place", "--details", "-", "--json"]));
    let mut placing =
        placing.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the binary starts");
    placing.stdin.take().expect("a pipe").write_all(b"[true]").expect("it reads");
    let output = placing.wait_with_output().expect("it ends");
    let placed = documents(&String::from_utf8(output.stdout).expect("text")).remove(0);
    let id = placed["order_id"].as_str().expect("an order id");
    let shown = server.run(&["get", id]).done();
    assert!(shown.contains("Details: [true]"), "{shown}");

    assert!(server.run(&["place", "--details", "{"]).failed(2).starts_with("--details: "));
    assert!(server.run(&["place", "--details", "@/no/such/file"]).failed(2).contains("@/no/such/file"));
}

#[test]
fn the_same_key_returns_the_original_order() {
    let server = TestServer::start();
    let id = server.placed("key-1");
    assert_eq!(server.placed("key-1"), id);
    let other = server.run(&["place", "--key", "key-1", "--customer", "another customer"]);
    assert!(other.failed(1).contains("(Use a new key for a new request"), "{other:?}");
    let both = server.run(&["place", "--key", "key-1", "--count", "2"]);
    assert!(both.failed(2).contains("cannot be used with"), "{both:?}");
    assert!(server.run(&["place", "--key", "a key"]).failed(1).contains("Idempotency-Key"));
}

#[test]
fn list_follows_the_pages_to_the_end() {
    // More than the longest page has.
    const ORDERS: usize = 1001;
    let server = TestServer::start();
    let placed = server.run(&["place", "--count", &ORDERS.to_string()]).done();
    let placed: BTreeSet<_> = placed.lines().collect();
    assert_eq!(placed.len(), ORDERS);
    let listed = until("every order is listed", || {
        let listed = server.run(&["list", "--all", "--json"]).done();
        (listed.lines().count() >= ORDERS).then_some(listed)
    });
    let orders = documents(&listed);
    let listed: BTreeSet<_> = orders.iter().filter_map(|order| order["order_id"].as_str()).collect();
    assert_eq!((orders.len(), &listed), (ORDERS, &placed));
    let limited = server.run(&["list", "--limit", "1001", "--json"]).done();
    assert_eq!(limited.lines().count(), ORDERS);
}

#[test]
fn list_says_whether_there_are_more_orders() {
    let server = TestServer::start();
    assert_eq!(server.run(&["list"]).done(), "No orders found.\n");
    let (first, second) = (server.placed("1"), server.placed("2"));
    let list = server.run(&["list"]).done();
    assert!(list.contains(&first) && list.contains(&second) && list.contains("amir"), "{list}");
    let page = server.run(&["list", "--limit", "1"]).done();
    assert!(page.ends_with("There are more orders: --all lists all of them.\n"), "{page}");
    server.run(&["cancel", &first]).done();
    let cancelled = documents(&server.run(&["list", "--status", "cancelled", "--json"]).done());
    assert_eq!((cancelled.len(), cancelled[0]["order_id"].as_str()), (1, Some(&*first)));
    let of_amir = server.run(&["list", "--customer", "amir", "--json"]).done();
    assert_eq!(documents(&of_amir).len(), 2);
    let wrong = server.run(&["list", "--status", "SHIPPED"]);
    assert!(wrong.failed(2).contains("[possible values: PLACED, CONFIRMED"), "{wrong:?}");
}

#[test]
fn list_selects_a_party_and_a_time() {
    let server = TestServer::start();
    let place = |flags: &[&str]| {
        let id = server.run(&[&["place"], flags].concat()).done().trim().to_owned();
        // The reply comes after the decision.
        server.run(&["get", &id]).done();
        id
    };
    let odd = "a & b=c+d %20 żółw";
    let first = place(&["--customer", odd, "--merchant", "bloom", "--courier", "lucia"]);
    let second = place(&["--customer", "amir", "--merchant", "bloom"]);
    let listed = |flags: &[&str]| {
        let listed = documents(&server.run(&[&["list", "--json"], flags].concat()).done());
        let ids = listed.iter().map(|order| order["order_id"].as_str().expect("an id").to_owned());
        ids.collect::<BTreeSet<_>>()
    };
    let only = |id: &String| BTreeSet::from([id.clone()]);
    assert_eq!(listed(&["--customer", odd]), only(&first));
    assert_eq!(listed(&["--courier", "lucia", "--status", "placed"]), only(&first));
    assert_eq!(listed(&["--merchant", "bloom", "--limit", "5"]), BTreeSet::from([first, second.clone()]));
    assert_eq!(server.run(&["list", "--courier", "amir"]).done(), "No orders found.\n");
    let order = documents(&server.run(&["get", &second, "--json"]).done()).remove(0);
    let changed_at = order["updated_at"].as_str().expect("a time");
    assert!(listed(&["--since", changed_at, "--all"]).contains(&second));
    assert_eq!(listed(&["--since", "2999-01-01T00:00:00+02:00"]), BTreeSet::new());
    let page = server.run(&["list", "--merchant", "bloom", "--limit", "1"]).done();
    assert!(page.ends_with("There are more orders: --all lists all of them.\n"), "{page}");
    let both = server.run(&["list", "--customer", "amir", "--merchant", "bloom"]);
    assert!(both.failed(2).contains("cannot be used with"), "{both:?}");
    assert!(server.run(&["list", "--since", "yesterday"]).failed(2).contains("RFC 3339"));
}
