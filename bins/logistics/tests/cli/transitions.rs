//! Commands that request transitions, and their errors.

use super::support::logistics;
use super::{TestServer, documents, run};

/// A port without a listener.
const CLOSED: &str = "http://127.0.0.1:9";

#[test]
fn advance_moves_an_order_to_delivered() {
    let server = TestServer::start();
    let id = server.placed("1");
    for (version, status) in [(2, "CONFIRMED"), (3, "PREPARING"), (4, "OUT_FOR_DELIVERY"), (5, "DELIVERED")] {
        let output = server.run(&["advance", &id]).done();
        assert_eq!(output, format!("{id} is now {status} (version {version})\n"));
    }
    let end = server.run(&["advance", &id]);
    assert!(
        end.failed(1)
            .ends_with("is DELIVERED; no allowed transition leads to DELIVERED; allowed now: nothing")
    );
    let events = server.run(&["events", &id]).done();
    for part in ["PLACED", "customer", "DELIVERED", "operator"] {
        assert!(events.contains(part), "{part:?} is missing:\n{events}");
    }
    let history = documents(&server.run(&["events", &id, "--json"]).done());
    assert_eq!(history[0]["events"].as_array().map(Vec::len), Some(5));
}

#[test]
fn the_history_names_actors_and_reasons() {
    let server = TestServer::start();
    let id = server.placed("1");
    server.run(&["advance", &id, "--actor", "merchant", "--reason", "we can", "--if-version", "1"]).done();
    server.run(&["advance", &id, "preparing"]).done();
    server.run(&["advance", &id, "READY_FOR_PICKUP"]).done();
    server.run(&["advance", &id, "--actor", "courier"]).done();
    server.run(&["advance", &id, "DELIVERY_FAILED", "--reason", "no one at home"]).done();
    let moved = documents(&server.run(&["advance", &id, "--json"]).done());
    assert_eq!((&moved[0]["status"], &moved[0]["version"]), (&"OUT_FOR_DELIVERY".into(), &7.into()));
    let events = server.run(&["events", &id]).done();
    for part in ["merchant", "we can", "courier", "no one at home"] {
        assert!(events.contains(part), "{part:?} is missing:\n{events}");
    }
}

#[test]
fn cancel_is_idempotent() {
    let server = TestServer::start();
    let (first, second) = (server.placed("1"), server.placed("2"));
    let output = server.run(&["cancel", &first, "--actor", "customer", "--reason", "changed_my_mind"]).done();
    assert_eq!(output, format!("{first} is now CANCELLED (version 2)\n"));
    // Cancelling a cancelled order succeeds and changes nothing.
    assert_eq!(server.run(&["cancel", &first]).done(), output);
    let document = documents(&server.run(&["cancel", &second, "--json"]).done());
    assert_eq!(document[0]["status"], "CANCELLED");
}

#[test]
fn a_rejection_names_the_allowed_transitions_and_a_hint() {
    let server = TestServer::start();
    let id = server.placed("1");
    let illegal = server.run(&["advance", &id, "DELIVERED"]);
    let expected =
        "An order that is PLACED cannot become DELIVERED; allowed now: CONFIRMED, REJECTED, CANCELLED";
    assert_eq!((illegal.failed(1), &*illegal.out), (expected, ""));
    let other = server.run(&["advance", &id, "--actor", "courier"]);
    assert!(other.failed(1).contains("Courier may not move an order from PLACED to CONFIRMED"), "{other:?}");
    let stale = server.run(&["cancel", &id, "--if-version", "7"]);
    assert!(stale.failed(1).ends_with("(Read the order again and retry with its version)"), "{stale:?}");
    for args in
        [&["get", "unknown"][..], &["events", "unknown"], &["cancel", "unknown"], &["watch", "unknown"]]
    {
        assert_eq!(server.run(args).failed(1), "Order not found");
    }
}

#[test]
fn an_unreachable_server_has_its_own_exit_code() {
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
        let output = run(&[command, &["--url", CLOSED]].concat());
        assert!(output.failed(3).starts_with(&format!("cannot reach {CLOSED} (")), "{output:?}");
    }
}

#[test]
fn an_invalid_argument_is_named() {
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
        (&["list", "--url", "ftp://127.0.0.1"], "--url"),
        (&["log", "tail", "--topic", "x"], "[possible values: orders, "),
        (&["log", "tail", "--url", CLOSED, "--data-dir", "x"], "--data-dir"),
        (&["log", "tail", "--data-dir", "x", "--follow"], "--follow"),
        (&["verify", "--at-restt"], "--at-restt"),
    ];
    for (args, part) in cases {
        let output = run(args);
        assert!(output.failed(2).contains(part), "{part:?} is missing: {output:?}");
    }
}

#[test]
fn the_environment_can_set_the_url() {
    let server = TestServer::start();
    let id = server.placed("1");
    let with = |name: &str, value: &str, args: &[&str]| {
        let output = logistics(args).env(name, value).output().expect("the binary starts");
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (code, shown) = with("LOGISTICS_URL", &server.url, &["get", &id]);
    assert!(code == Some(0) && shown.contains(&id), "{shown}");
    assert_eq!(with("LOGISTICS_URL", "nowhere", &["list"]).0, Some(2));
    assert_eq!(with("LOGISTICS_URLS", &server.url, &["list"]).0, Some(2));
}

#[test]
fn a_tracking_link_is_a_url_until_it_is_revoked() {
    let server = TestServer::start();
    let id = server.placed("1");
    let link = server.run(&["tracking-link", &id, "--ttl", "1h"]).done();
    let (base, query) = link.trim_end().split_once("?token=").expect("a link with a token");
    assert!(base.starts_with("http://127.0.0.1:") && base.ends_with(&format!("/track/{id}")), "{link}");
    let path = format!("/orders/{id}?token={query}");
    let read = || super::support::send(server.addr(), "GET", &path, &[], "").expect("it serves").status;
    assert_eq!(read(), 200);
    let revoked = server.run(&["tracking-link", &id, "--revoke"]).done();
    assert_eq!(revoked, format!("every tracking link of {id} is revoked\n"));
    assert_eq!(read(), 410);
    let events = server.run(&["events", &id]).done();
    assert!(events.contains("PLACED (tracking links revoked)"), "{events}");
}
