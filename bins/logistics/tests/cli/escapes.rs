//! Text of clients and other producers reaches a terminal only escaped.

use logistics_core::text::is_active;

use super::{TestServer, documents, run, text};

/// A title for the window, a cursor that goes back, a name that reads backwards, and the one-byte form of an escape.
const OUTSIDE: &str = "a\u{202e}b\u{2066}c\u{2028}d\u{61c}e\u{200f}f";

/// Asserts that the output has no active character, and contains `part`.
fn assert_shown(what: &str, shown: &str, part: &str) {
    let active: Vec<_> = shown.chars().filter(|c| is_active(*c) && *c != '\n').collect();
    assert!(active.is_empty(), "{what} shows {active:?}: {shown}");
    assert!(shown.contains(part), "{what} shows no {part:?}: {shown}");
}

#[test]
fn text_of_a_client_is_shown_escaped() {
    let server = TestServer::start();
    // JSON allows DEL, C1 and the others unescaped, and C0 only escaped.
    let details = format!("{{\"note\":\"{OUTSIDE}\u{7f}\u{9b}2J\\u001b[2J\\r\"}}");
    let placed = server.run(&["place", "--customer", OUTSIDE, "--details", &details]).done();
    let id = placed.trim();
    server.run(&["cancel", id, "--reason", OUTSIDE]).done();
    let party = "a\\u{202e}b\\u{2066}c\\u{2028}d\\u{61c}e\\u{200f}f";
    for command in [&["get", id][..], &["list"], &["events", id], &["watch", id], &["log", "tail"]] {
        assert_shown(&command.join(" "), &server.run(command).done(), party);
    }
    assert_shown("get", &server.run(&["get", id]).done(), r"\u007f\u009b2J\u001b[2J\r");
    let json = r"a\u202eb\u2066c\u2028d\u061ce\u200ff";
    for command in [
        &["get", id, "--json"][..],
        &["list", "--json"],
        &["events", id, "--json"],
        &["watch", id, "--json"],
        &["log", "tail", "--json"],
        &["log", "export"],
    ] {
        let output = server.run(command).done();
        assert_shown(&command.join(" "), &output, json);
        documents(&output);
    }
    let document = documents(&server.run(&["get", id, "--json"]).done()).remove(0);
    assert_eq!(document["customer_id"], OUTSIDE);
}

#[test]
fn an_invalid_record_is_shown_escaped() {
    let data = TestServer::start().stop();
    let data_dir = text(data.path());
    let record =
        format!(r#"{{"specversion":"1.0","id":"1","source":"x","type":"\u001b]0;owned\u0007{OUTSIDE}"}}"#);
    run(&["log", "append", &record, "--key", "o-1", "--data-dir", data_dir]).done();
    let raw = "{\"specversion\":\"1.0\x1b[2J";
    run(&["log", "append", raw, "--key", "o-1", "--data-dir", data_dir]).done();
    let shown = run(&["log", "tail", "--data-dir", data_dir]).done();
    assert_shown("log tail", &shown, r"\u{1b}]0;owned\u{7}a\u{202e}b");
    let server = TestServer::serve(data);
    super::support::until("both records are dead letters", || {
        let output = server.run(&["log", "tail", "--topic", "orders.dlq"]).done();
        (output.lines().count() == 2).then_some(())
    });
    let letters = server.run(&["log", "tail", "--topic", "orders.dlq"]).done();
    assert_shown("log tail of dead letters", &letters, r"\u{1b}]0;owned\u{7}a\u{202e}b");
    let letters = server.run(&["log", "tail", "--topic", "orders.dlq", "--json"]).done();
    assert_shown("log tail --json", &letters, r"a\u202eb");
    documents(&letters);
}

#[test]
fn an_error_quotes_text_escaped() {
    let output = run(&["get", "o-1\x1b[2J"]);
    assert_shown("an invalid id", output.failed(2), "order_id may only hold");
    let output = run(&["list", "--url", "http://127.0.0.1:9/\u{202e}"]);
    assert!(!output.err.trim_end().contains(is_active), "{output:?}");
}
