//! The demo, where its output is no terminal.

mod support;

use std::time::{Duration, Instant};

use support::{Process, logistics, send};

/// What the demo may take at most.
const DEMO_MAX: Duration = Duration::from_secs(15);

#[test]
fn the_demo_shows_what_happens_in_plain_lines() {
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
        "pizza      CONFIRMED → PREPARING by itself",
        "pizza      PREPARING → OUT_FOR_DELIVERY by itself",
        "pizza      customer asks for CANCELLED: refused (409)",
        "allowed now: DELIVERED, DELIVERY_FAILED",
        "pizza      OUT_FOR_DELIVERY → DELIVERED by courier",
        "flowers    OUT_FOR_DELIVERY → DELIVERY_FAILED by courier: nobody at home",
        "flowers    DELIVERY_FAILED → OUT_FOR_DELIVERY by courier",
        "flowers    OUT_FOR_DELIVERY → DELIVERED by courier",
        "pharmacy   PLACED → CANCELLED by customer",
        "┆ Final status ┆",
        "Verified: 5 orders, 21 facts, 21 notifications",
        "logistics serve",
    ] {
        assert!(text.contains(expected), "{expected:?} is missing:\n{text}");
    }
    assert_eq!(text.matches('🔔').count(), 21, "every fact is told once:\n{text}");
}

#[test]
fn steps_without_a_pause_are_shown_as_well() {
    let output = logistics(&["demo", "--orders", "8", "--dwell", "0"]).output().expect("the binary starts");
    let (text, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}: {errors}\n{text}", output.status);
    assert!(text.contains("lamp       DELIVERY_FAILED → RETURNED by courier: moved away"), "{text}");
}

#[test]
fn a_demo_that_is_kept_serves_until_it_is_told_to_stop() {
    let demo = Process::spawn(&["demo", "--keep", "--orders", "2", "--dwell", "10ms"]);
    let addr = demo.addr();
    demo.line_with(&format!("curl -X POST http://{addr}/orders"));
    demo.line_with(&format!("http://{addr}/docs"));
    let reply = send(addr, "POST", "/orders", &[], "").expect("it serves");
    assert_eq!(reply.status, 200, "{reply:?}");
    let order_id = reply.json()["order_id"].as_str().map(str::to_owned).expect("an order id");
    // An order of somebody else is shown by its id, and moves by itself.
    demo.line_with(&format!("{order_id}  OUT_FOR_DELIVERY → DELIVERED by itself"));
    assert!(demo.terminate().success());
}
