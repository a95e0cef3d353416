//! Watching, as it happens.

use super::{World, documents, run};

#[test]
fn a_watch_shows_each_step_and_ends_with_the_order() {
    let world = World::start();
    let id = world.placed("1");
    let mut watch = world.spawn(&["watch", &id]);
    watch.line_with("PLACED by customer");
    world.run(&["advance", &id, "--actor", "merchant"]).done();
    watch.line_with("CONFIRMED by merchant");
    world.run(&["cancel", &id, "--reason", "sold_out"]).done();
    watch.line_with("CANCELLED by operator: sold_out");
    assert!(watch.wait().success());
    // Afterwards it shows all of it and ends at once.
    let entries = documents(&world.run(&["watch", &id, "--json"]).done());
    let versions: Vec<_> = entries.iter().filter_map(|entry| entry["version"].as_u64()).collect();
    assert_eq!(versions, [1, 2, 3]);
    assert_eq!(entries[2]["reason"], "sold_out");
}

#[test]
fn a_watch_of_all_orders_shows_what_happens_from_now_on() {
    let world = World::start();
    let before = world.placed("1");
    let watch = world.spawn(&["watch"]);
    watch.line_with("What happens from now on");
    let after = world.placed("2");
    // The order from before is not shown again: it is not in the first line.
    assert!(watch.line_with("PLACED by customer").contains(&after));
    world.run(&["advance", &before]).done();
    assert!(watch.line_with("CONFIRMED by operator").contains(&before));
    assert!(watch.terminate().success());
}

#[test]
fn a_watch_ends_where_the_server_is_gone() {
    let world = World::start();
    let id = world.placed("1");
    let mut watch = world.spawn(&["watch", &id]);
    watch.line_with("PLACED");
    let url = world.url.clone();
    world.stop();
    assert_eq!(watch.wait().code(), Some(3));
    run(&["get", &id, "--url", &url]).failed(3);
}
