//! What clients and other producers wrote acts on no terminal.

use logistics_core::text::is_active;

use super::{World, documents, run, text};

/// A title for the window, a cursor that goes back, a name that reads backwards, and the one-byte form of an escape.
const OUTSIDE: &str = "a\u{202e}b\u{2066}c\u{2028}d\u{61c}e\u{200f}f";

/// The lines hold nothing that acts, and something of what was written.
fn assert_shown(what: &str, shown: &str, part: &str) {
    let active: Vec<_> = shown.chars().filter(|c| is_active(*c) && *c != '\n').collect();
    assert!(active.is_empty(), "{what} shows {active:?}: {shown}");
    assert!(shown.contains(part), "{what} shows no {part:?}: {shown}");
}

#[test]
fn what_a_client_wrote_is_shown_and_acts_on_no_terminal() {
    let world = World::start();
    // DEL, C1 and the rest are legal in JSON as they are; C0 is legal in escapes.
    let details = format!("{{\"note\":\"{OUTSIDE}\u{7f}\u{9b}2J\\u001b[2J\\r\"}}");
    let placed = world.run(&["place", "--customer", OUTSIDE, "--details", &details]).done();
    let id = placed.trim();
    world.run(&["cancel", id, "--reason", OUTSIDE]).done();
    let party = "a\\u{202e}b\\u{2066}c\\u{2028}d\\u{61c}e\\u{200f}f";
    for command in [&["get", id][..], &["list"], &["events", id], &["watch", id], &["log", "tail"]] {
        assert_shown(&command.join(" "), &world.run(command).done(), party);
    }
    assert_shown("get", &world.run(&["get", id]).done(), r"\u007f\u009b2J\u001b[2J\r");
    let json = r"a\u202eb\u2066c\u2028d\u061ce\u200ff";
    for command in [
        &["get", id, "--json"][..],
        &["list", "--json"],
        &["events", id, "--json"],
        &["watch", id, "--json"],
        &["log", "tail", "--json"],
        &["log", "export"],
    ] {
        let said = world.run(command).done();
        assert_shown(&command.join(" "), &said, json);
        documents(&said);
    }
    let document = documents(&world.run(&["get", id, "--json"]).done()).remove(0);
    assert_eq!(document["customer_id"], OUTSIDE);
}

#[test]
fn what_is_no_request_is_shown_and_acts_on_no_terminal() {
    let data = World::start().stop();
    let data_dir = text(data.path());
    let record =
        format!(r#"{{"specversion":"1.0","id":"1","source":"x","type":"\u001b]0;owned\u0007{OUTSIDE}"}}"#);
    run(&["log", "append", &record, "--key", "o-1", "--data-dir", data_dir]).done();
    let raw = "{\"specversion\":\"1.0\x1b[2J";
    run(&["log", "append", raw, "--key", "o-1", "--data-dir", data_dir]).done();
    let shown = run(&["log", "tail", "--data-dir", data_dir]).done();
    assert_shown("log tail", &shown, r"\u{1b}]0;owned\u{7}a\u{202e}b");
    let world = World::serve(data);
    super::support::until("both are dead letters", || {
        let said = world.run(&["log", "tail", "--topic", "orders.dlq"]).done();
        (said.lines().count() == 2).then_some(())
    });
    let letters = world.run(&["log", "tail", "--topic", "orders.dlq"]).done();
    assert_shown("log tail of dead letters", &letters, r"\u{1b}]0;owned\u{7}a\u{202e}b");
    let letters = world.run(&["log", "tail", "--topic", "orders.dlq", "--json"]).done();
    assert_shown("log tail --json", &letters, r"a\u202eb");
    documents(&letters);
}

#[test]
fn what_a_sentence_quotes_acts_on_no_terminal() {
    let said = run(&["get", "o-1\x1b[2J"]);
    assert_shown("a wrong id", said.failed(2), "order_id may only hold");
    let said = run(&["list", "--url", "http://127.0.0.1:9/\u{202e}"]);
    assert!(!said.err.trim_end().contains(is_active), "{said:?}");
}
