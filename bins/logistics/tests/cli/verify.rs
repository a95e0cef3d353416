//! Checking what a process left behind.

use std::path::Path;

use bytes::Bytes;
use logistics_core::{Status, partition_of, wire};
use logistics_embedded::{Config, Engine};
use logistics_testkit::sample;

use super::support::{send, until};
use super::{World, documents, run, text};

/// Appends to the log of a directory, as anybody can who writes to it while nobody decides.
#[tokio::main(flavor = "current_thread")]
async fn append(data: &Path, payload: Bytes) -> u32 {
    let engine = Engine::open(Config::new(data)).expect("the data can be opened");
    engine.bus().append(&sample::order_id(1), payload).await.expect("it is appended");
    let partition = partition_of(&sample::order_id(1), engine.partitions());
    engine.close().expect("the data can be closed");
    partition.0
}

/// What is verified of data that have come to rest. A process may stop before its store has caught up with the log; the
/// next start then makes good for it.
fn at_rest(data: tempfile::TempDir) -> serde_json::Value {
    at_rest_with_data(data).1
}

/// The same, with the data.
pub(super) fn at_rest_with_data(data: tempfile::TempDir) -> (tempfile::TempDir, serde_json::Value) {
    let mut data = Some(data);
    until("the data are at rest", || {
        let left = data.take().expect("the data");
        let said = run(&["verify", "--at-rest", "--json", "--data-dir", text(left.path())]);
        if said.code == Some(0) {
            return Some((left, documents(&said.done()).remove(0)));
        }
        let world = World::serve(left);
        until("it is ready", || {
            let ready = send(world.addr(), "GET", "/health/ready", &[], "").expect("it serves");
            (ready.status == 200).then_some(())
        });
        data = Some(world.stop());
        None
    })
}

#[test]
fn what_was_left_behind_in_order_is_counted() {
    let world = World::start();
    let (first, second) = (world.placed("1"), world.placed("2"));
    world.run(&["advance", &first]).done();
    world.run(&["cancel", &second]).done();
    world.run(&["advance", &first, "DELIVERED"]).failed(1);
    let data = world.stop();
    let args = ["verify", "--data-dir", text(data.path())];
    let said = run(&args).done();
    for part in ["orders CANCELLED", "orders CONFIRMED", "Every invariant holds: lifecycle, I1, I2,"] {
        assert!(said.contains(part), "{part:?} is missing:\n{said}");
    }
    let line = at_rest(data);
    assert_eq!((&line["holds"], &line["at_rest"], &line["note"]), (&true.into(), &true.into(), &().into()));
    let report = &line["report"];
    let counts =
        [("orders", 2), ("facts", 4), ("notifications", 4), ("inputs", 5), ("documents", 2), ("timers", 1)];
    for (what, count) in counts {
        assert_eq!(report[what], count, "{what}: {report}");
    }
    assert_eq!((&report["outcomes"]["happened"], &report["outcomes"]["rejected"]), (&4.into(), &1.into()));
}

#[test]
fn what_was_in_motion_is_a_note_unless_it_must_be_at_rest() {
    let data = tempfile::tempdir().expect("a temporary directory");
    append(data.path(), wire::encode_request(&sample::place()));
    let args = ["verify", "--data-dir", text(data.path())];
    let said = run(&args).done();
    assert!(said.contains("Note: not at rest: ") && said.contains("; the next start catches up."), "{said}");
    let line = documents(&run(&[&args[..], &["--json"]].concat()).done()).remove(0);
    assert_eq!((&line["holds"], &line["at_rest"]), (&true.into(), &false.into()));
    run(&[&args[..], &["--at-rest"]].concat()).failed(1);
    // And so it does.
    let verified = at_rest(data);
    assert_eq!(verified["report"]["orders"], 1);
}

#[test]
fn a_violation_is_named_with_its_place() {
    let data = tempfile::tempdir().expect("a temporary directory");
    // A fact that answers a request which nobody made.
    let fact = &sample::facts_to(Status::Confirmed)[1];
    let partition = append(data.path(), wire::encode_fact(fact));
    let args = ["verify", "--at-rest", "--data-dir", text(data.path())];
    let said = run(&args);
    let expected =
        format!("I1 does not hold for order {} in partition {partition} at offset 0: ", fact.order_id);
    assert!(said.failed(1).starts_with(&expected), "{said:?}");
    let said = run(&[&args[..], &["--json"]].concat());
    let line = documents(&said.out).remove(0);
    assert_eq!((&line["holds"], &line["invariant"]), (&false.into(), &"I1".into()));
    assert_eq!((&line["partition"], &line["offset"]), (&partition.into(), &0.into()));
    assert_eq!(line["violation"], said.failed(1));
}

#[test]
fn a_directory_that_cannot_be_used_is_told_from_data_that_are_wrong() {
    let data = tempfile::tempdir().expect("a temporary directory");
    let missing = data.path().join("missing");
    let said = run(&["verify", "--data-dir", text(&missing)]);
    assert!(said.failed(2).contains(text(&missing)), "{said:?}");
    assert!(!missing.exists(), "nothing is made where something is looked for");
}

#[test]
fn a_directory_that_is_being_served_is_left_alone() {
    let world = World::start();
    let id = world.placed("1");
    let said = run(&["verify", "--data-dir", text(world.data.path())]);
    assert!(said.failed(2).contains("stop that one first"), "{said:?}");
    run(&["log", "export", "--data-dir", text(world.data.path())]).failed(2);
    world.run(&["advance", &id]).done();
}
