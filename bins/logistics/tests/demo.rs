//! The demo without a terminal.

mod support;

use std::time::{Duration, Instant};

use support::{Process, logistics, send};

/// The longest duration of the demo.
const DEMO_MAX: Duration = Duration::from_secs(15);

#[test]
fn the_demo_prints_plain_lines() {
    let began = Instant::now();
    let output = logistics(&["demo"]).output().expect("the binary starts");
    let (text, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}: {errors}\n{text}", output.status);
    assert!(began.elapsed() < DEMO_MAX, "it took {:?}", began.elapsed());
    assert!(errors.is_empty(), "{errors}");
    assert!(!text.contains('\u{1b}'), "plain lines hold no escape codes:\n{text}");
    for expected in [
        "pizza      PLACED by customer",
        "pizza      PLACED → CONFIRMED by merchant",
        "pizza      CONFIRMED → PREPARING by system",
        "pizza      PREPARING → OUT_FOR_DELIVERY by system",
        "pizza      customer requests CANCELLED: rejected (409)",
        "allowed now: DELIVERED, DELIVERY_FAILED",
        "pizza      OUT_FOR_DELIVERY → DELIVERED by courier",
        "flowers    OUT_FOR_DELIVERY → DELIVERY_FAILED by courier: no one at home",
        "flowers    DELIVERY_FAILED → OUT_FOR_DELIVERY by courier",
        "flowers    OUT_FOR_DELIVERY → DELIVERED by courier",
        "pharmacy   PLACED → CANCELLED by customer",
        "┆ Final status ┆",
        "Verified: 5 orders, 21 facts, 21 notifications",
        "logistics serve",
    ] {
        assert!(text.contains(expected), "{expected:?} is missing:\n{text}");
    }
    assert_eq!(text.matches('🔔').count(), 21, "every fact is notified once:\n{text}");
}

#[test]
fn transitions_without_a_dwell_are_shown() {
    let output = logistics(&["demo", "--orders", "8", "--dwell", "0"]).output().expect("the binary starts");
    let (text, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}: {errors}\n{text}", output.status);
    assert!(text.contains("lamp       DELIVERY_FAILED → RETURNED by courier: moved away"), "{text}");
}

#[test]
fn an_open_demo_has_a_page_with_a_tracking_page_of_each_order() {
    let demo = Process::spawn(&["demo", "--open", "--orders", "2", "--dwell", "10ms"]);
    let line = demo.line_with("in a browser: the tracking pages of the orders");
    let file = line.split_whitespace().find_map(|word| word.strip_prefix("file://")).expect("an address");
    let addr = demo.addr();
    let index = std::fs::read_to_string(file).expect("the page");
    let links: Vec<&str> = index.split('"').filter(|part| part.contains("/track/")).collect();
    assert_eq!(links.len(), 2, "{index}");
    assert!(index.contains("delivered"), "{index}");
    for link in links {
        let path = link.strip_prefix(&format!("http://{addr}")).expect("a page of the demo's server");
        let page = send(addr, "GET", path, &[], "").expect("it serves");
        assert!(page.status == 200 && page.body.contains("<h1 id=\"headline\">Delivered</h1>"), "{page:?}");
    }
    assert!(demo.terminate().success());
    assert!(!std::path::Path::new(file).exists(), "the page ends with the demo");
}

#[test]
fn a_kept_demo_serves_until_it_is_stopped() {
    let demo = Process::spawn(&["demo", "--keep", "--orders", "2", "--dwell", "10ms"]);
    let addr = demo.addr();
    demo.line_with(&format!("curl -X POST http://{addr}/orders"));
    demo.line_with(&format!("http://{addr}/docs"));
    let reply = send(addr, "POST", "/orders", &[], "").expect("it serves");
    assert_eq!(reply.status, 200, "{reply:?}");
    let order_id = reply.json()["order_id"].as_str().map(str::to_owned).expect("an order id");
    // An order of another client is shown by its id, and the clock moves it.
    demo.line_with(&format!("{order_id}  OUT_FOR_DELIVERY → DELIVERED by system"));
    assert!(demo.terminate().success());
}
