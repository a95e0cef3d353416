//! Asking for steps, and what becomes of what cannot be.

use super::support::logistics;
use super::{World, documents, run};

/// A port on which nobody listens.
const NOBODY: &str = "http://127.0.0.1:9";

#[test]
fn an_order_is_moved_step_by_step_to_its_end() {
    let world = World::start();
    let id = world.placed("1");
    for (version, status) in [(2, "CONFIRMED"), (3, "PREPARING"), (4, "OUT_FOR_DELIVERY"), (5, "DELIVERED")] {
        let said = world.run(&["advance", &id]).done();
        assert_eq!(said, format!("{id} is now {status} (version {version})\n"));
    }
    let end = world.run(&["advance", &id]);
    assert!(
        end.failed(1).ends_with("is DELIVERED, from where nothing leads to DELIVERED; allowed now: nothing")
    );
    let events = world.run(&["events", &id]).done();
    for part in ["PLACED", "customer", "DELIVERED", "operator"] {
        assert!(events.contains(part), "{part:?} is missing:\n{events}");
    }
    let history = documents(&world.run(&["events", &id, "--json"]).done());
    assert_eq!(history[0]["events"].as_array().map(Vec::len), Some(5));
}

#[test]
fn who_asks_and_why_stands_in_the_history() {
    let world = World::start();
    let id = world.placed("1");
    world.run(&["advance", &id, "--actor", "merchant", "--reason", "we can", "--if-version", "1"]).done();
    world.run(&["advance", &id, "preparing"]).done();
    world.run(&["advance", &id, "READY_FOR_PICKUP"]).done();
    world.run(&["advance", &id, "--actor", "courier"]).done();
    world.run(&["advance", &id, "DELIVERY_FAILED", "--reason", "nobody at home"]).done();
    let moved = documents(&world.run(&["advance", &id, "--json"]).done());
    assert_eq!((&moved[0]["status"], &moved[0]["version"]), (&"OUT_FOR_DELIVERY".into(), &7.into()));
    let events = world.run(&["events", &id]).done();
    for part in ["merchant", "we can", "courier", "nobody at home"] {
        assert!(events.contains(part), "{part:?} is missing:\n{events}");
    }
}

#[test]
fn an_order_is_called_off() {
    let world = World::start();
    let (first, second) = (world.placed("1"), world.placed("2"));
    let said = world.run(&["cancel", &first, "--actor", "customer", "--reason", "changed_my_mind"]).done();
    assert_eq!(said, format!("{first} is now CANCELLED (version 2)\n"));
    // What is so already is a success that changes nothing.
    assert_eq!(world.run(&["cancel", &first]).done(), said);
    let document = documents(&world.run(&["cancel", &second, "--json"]).done());
    assert_eq!(document[0]["status"], "CANCELLED");
}

#[test]
fn a_refusal_says_what_is_allowed_and_what_to_do() {
    let world = World::start();
    let id = world.placed("1");
    let illegal = world.run(&["advance", &id, "DELIVERED"]);
    let expected =
        "An order that is PLACED cannot become DELIVERED; allowed now: CONFIRMED, REJECTED, CANCELLED";
    assert_eq!((illegal.failed(1), &*illegal.out), (expected, ""));
    let other = world.run(&["advance", &id, "--actor", "courier"]);
    assert!(other.failed(1).contains("Courier may not move an order from PLACED to CONFIRMED"), "{other:?}");
    let stale = world.run(&["cancel", &id, "--if-version", "7"]);
    assert!(stale.failed(1).ends_with("(Read the order again and retry with its version)"), "{stale:?}");
    for args in [&["get", "nobody"][..], &["events", "nobody"], &["cancel", "nobody"], &["watch", "nobody"]] {
        assert_eq!(world.run(args).failed(1), "Order not found");
    }
}

#[test]
fn a_server_that_is_not_there_is_told_from_one_that_refuses() {
    let commands = [
        &["place"][..],
        &["get", "a"],
        &["list"],
        &["cancel", "a"],
        &["advance", "a"],
        &["advance", "a", "CONFIRMED"],
        &["events", "a"],
        &["watch", "a"],
        &["watch"],
        &["log", "tail"],
        &["log", "export"],
    ];
    for command in commands {
        let said = run(&[command, &["--url", NOBODY]].concat());
        assert!(said.failed(3).starts_with(&format!("cannot reach {NOBODY} (")), "{said:?}");
    }
}

#[test]
fn what_is_wrong_on_the_command_line_is_named() {
    let cases = [
        (&["get"][..], "<ORDER_ID>"),
        (&["get", "a.b"], "order_id may only hold"),
        (&["get", "a", "--jsn"], "--jsn"),
        (&["cancel", "a", "--actor", "me"], "[possible values: customer, merchant"),
        (&["cancel", "a", "--if-version", "new"], "--if-version"),
        (&["advance", "a", "SHIPPED"], "'SHIPPED'"),
        (&["list", "--limit", "0"], "--limit"),
        (&["list", "--limit", "5", "--all"], "--all"),
        (&["place", "--customer", ""], "--customer"),
        (&["place", "--count", "0"], "--count"),
        (&["list", "--url", "https://127.0.0.1"], "--url"),
        (&["log", "tail", "--topic", "x"], "[possible values: orders, "),
        (&["log", "tail", "--url", NOBODY, "--data-dir", "x"], "--data-dir"),
        (&["log", "tail", "--data-dir", "x", "--follow"], "--follow"),
        (&["verify", "--at-restt"], "--at-restt"),
    ];
    for (args, part) in cases {
        let said = run(args);
        assert!(said.failed(2).contains(part), "{part:?} is missing: {said:?}");
    }
}

#[test]
fn the_server_is_named_by_the_environment_too() {
    let world = World::start();
    let id = world.placed("1");
    let with = |name: &str, value: &str, args: &[&str]| {
        let output = logistics(args).env(name, value).output().expect("the binary starts");
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (code, shown) = with("LOGISTICS_URL", &world.url, &["get", &id]);
    assert!(code == Some(0) && shown.contains(&id), "{shown}");
    assert_eq!(with("LOGISTICS_URL", "nowhere", &["list"]).0, Some(2));
    assert_eq!(with("LOGISTICS_URLS", &world.url, &["list"]).0, Some(2));
}
