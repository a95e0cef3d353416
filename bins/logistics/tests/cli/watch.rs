//! `logistics watch`.

use super::{TestServer, documents, run};

#[test]
fn watch_shows_each_transition_and_ends_with_the_order() {
    let server = TestServer::start();
    let id = server.placed("1");
    let mut watch = server.spawn(&["watch", &id]);
    watch.line_with("PLACED by customer");
    server.run(&["advance", &id, "--actor", "merchant"]).done();
    watch.line_with("CONFIRMED by merchant");
    server.run(&["cancel", &id, "--reason", "sold_out"]).done();
    watch.line_with("CANCELLED by operator: sold_out");
    assert!(watch.wait().success());
    // For a terminal order, it shows the whole history and ends at once.
    let entries = documents(&server.run(&["watch", &id, "--json"]).done());
    let versions: Vec<_> = entries.iter().filter_map(|entry| entry["version"].as_u64()).collect();
    assert_eq!(versions, [1, 2, 3]);
    assert_eq!(entries[2]["reason"], "sold_out");
}

#[test]
fn watch_without_an_order_shows_new_facts_of_all_orders() {
    let server = TestServer::start();
    let before = server.placed("1");
    let watch = server.spawn(&["watch"]);
    watch.line_with("Following all orders");
    let after = server.placed("2");
    // The earlier placement is not shown.
    assert!(watch.line_with("PLACED by customer").contains(&after));
    server.run(&["advance", &before]).done();
    assert!(watch.line_with("CONFIRMED by operator").contains(&before));
    assert!(watch.terminate().success());
}

#[test]
fn watch_survives_a_restart_and_misses_nothing() {
    let server = TestServer::start();
    let (id, url) = (server.placed("1"), server.url.clone());
    let mut one = server.spawn(&["watch", &id]);
    let all = server.spawn(&["watch"]);
    one.line_with("PLACED by customer");
    all.line_with("Following all orders");
    server.run(&["advance", &id, "--actor", "merchant"]).done();
    one.line_with("CONFIRMED by merchant");
    all.line_with("CONFIRMED by merchant");
    let data = server.stop();
    // Another server changes the order while no client can follow it.
    let meanwhile = TestServer::serve(data);
    meanwhile.run(&["advance", &id, "--actor", "merchant"]).done();
    let data = meanwhile.stop();
    let server = TestServer::serve_at(data, url.trim_start_matches("http://"));
    assert_eq!(server.url, url);
    one.line_with("PREPARING by merchant");
    all.line_with("PREPARING by merchant");
    server.run(&["cancel", &id]).done();
    let rest = one.lines_until("CANCELLED by operator");
    assert_eq!(rest.len(), 1, "no fact is shown twice: {rest:?}");
    assert!(one.wait().success());
    all.line_with("CANCELLED by operator");
    assert!(all.terminate().success());
}

#[test]
fn watch_ends_when_the_server_is_gone() {
    let server = TestServer::start();
    let id = server.placed("1");
    let mut watch = server.spawn(&["watch", &id, "--reconnect", "1s"]);
    watch.line_with("PLACED");
    let url = server.url.clone();
    server.stop();
    assert_eq!(watch.wait().code(), Some(3));
    run(&["get", &id, "--url", &url]).failed(3);
}
