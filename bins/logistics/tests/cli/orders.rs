//! Placing, showing and listing orders.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::Stdio;

use super::support::{logistics, send, until};
use super::{World, documents, text};

#[test]
fn an_order_is_shown_as_it_was_placed() {
    let world = World::start();
    let details = r#"{"price": 12.50, "note": "ring twice"}"#;
    let args =
        ["place", "--customer", "amir", "--merchant", "bloom", "--courier", "lucia", "--details", details];
    let id = world.run(&args).done().trim().to_owned();
    let shown = world.run(&["get", &id]).done();
    for part in
        [&*id, "PLACED", "amir", "bloom", "lucia", details, "CONFIRMED, REJECTED, CANCELLED", "expires at "]
    {
        assert!(shown.contains(part), "{part:?} is missing:\n{shown}");
    }
    let document = world.run(&["get", &id, "--json"]).done();
    let served = send(world.addr(), "GET", &format!("/orders/{id}"), &[], "").expect("it serves");
    assert_eq!(document, served.body + "\n", "byte by byte, the price too");
}

#[test]
fn details_come_from_a_file_or_from_standard_input_as_well() {
    let world = World::start();
    let file = world.data.path().join("details.json");
    std::fs::write(&file, "{\"items\":\n[1]}\n").expect("a file");
    let from_file = format!("@{}", text(&file));
    let id = world.run(&["place", "--details", &from_file]).done().trim().to_owned();
    let shown = documents(&world.run(&["get", &id, "--json"]).done());
    assert_eq!((shown.len(), &shown[0]["details"]["items"][0]), (1, &1.into()));

    let mut placing = logistics(&world.args(&["place", "--details", "-", "--json"]));
    let mut placing =
        placing.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the binary starts");
    placing.stdin.take().expect("a pipe").write_all(b"[true]").expect("it reads");
    let output = placing.wait_with_output().expect("it ends");
    let placed = documents(&String::from_utf8(output.stdout).expect("text")).remove(0);
    let id = placed["order_id"].as_str().expect("an order id");
    let shown = world.run(&["get", id]).done();
    assert!(shown.contains("Details: [true]"), "{shown}");

    assert!(world.run(&["place", "--details", "{"]).failed(2).starts_with("--details: "));
    assert!(world.run(&["place", "--details", "@/no/such/file"]).failed(2).contains("@/no/such/file"));
}

#[test]
fn the_same_key_is_the_same_order() {
    let world = World::start();
    let id = world.placed("key-1");
    assert_eq!(world.placed("key-1"), id);
    let other = world.run(&["place", "--key", "key-1", "--customer", "somebody else"]);
    assert!(other.failed(1).contains("(Use a new key for a new request"), "{other:?}");
    let both = world.run(&["place", "--key", "key-1", "--count", "2"]);
    assert!(both.failed(2).contains("cannot be used with"), "{both:?}");
    assert!(world.run(&["place", "--key", "a key"]).failed(1).contains("Idempotency-Key"));
}

#[test]
fn a_list_follows_the_pages_to_its_end() {
    // More than there are on the longest page.
    const ORDERS: usize = 1001;
    let world = World::start();
    let placed = world.run(&["place", "--count", &ORDERS.to_string()]).done();
    let placed: BTreeSet<_> = placed.lines().collect();
    assert_eq!(placed.len(), ORDERS);
    let listed = until("every order is listed", || {
        let listed = world.run(&["list", "--all", "--json"]).done();
        (listed.lines().count() >= ORDERS).then_some(listed)
    });
    let orders = documents(&listed);
    let listed: BTreeSet<_> = orders.iter().filter_map(|order| order["order_id"].as_str()).collect();
    assert_eq!((orders.len(), &listed), (ORDERS, &placed));
    let limited = world.run(&["list", "--limit", "1001", "--json"]).done();
    assert_eq!(limited.lines().count(), ORDERS);
}

#[test]
fn a_list_says_what_changed_last_and_whether_there_is_more() {
    let world = World::start();
    assert_eq!(world.run(&["list"]).done(), "There are no such orders.\n");
    let (first, second) = (world.placed("1"), world.placed("2"));
    let list = world.run(&["list"]).done();
    assert!(list.contains(&first) && list.contains(&second) && list.contains("amir"), "{list}");
    let page = world.run(&["list", "--limit", "1"]).done();
    assert!(page.ends_with("There are more: --all lists them all.\n"), "{page}");
    world.run(&["cancel", &first]).done();
    let cancelled = documents(&world.run(&["list", "--status", "cancelled", "--json"]).done());
    assert_eq!((cancelled.len(), cancelled[0]["order_id"].as_str()), (1, Some(&*first)));
    let wrong = world.run(&["list", "--status", "SHIPPED"]);
    assert!(wrong.failed(2).contains("[possible values: PLACED, CONFIRMED"), "{wrong:?}");
}
