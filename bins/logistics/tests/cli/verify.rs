//! `logistics verify` on the data of a stopped process.

use std::path::Path;

use bytes::Bytes;
use logistics_core::{Status, partition_of, wire};
use logistics_embedded::{Config, Engine};
use logistics_testkit::sample;

use super::support::{send, until};
use super::{TestServer, documents, run, text};

/// Appends to the log of a data directory without a processor.
#[tokio::main(flavor = "current_thread")]
async fn append(data: &Path, payload: Bytes) -> u32 {
    let engine = Engine::open(Config::new(data)).expect("the data can be opened");
    engine.bus().append(&sample::order_id(1), payload).await.expect("it is appended");
    let partition = partition_of(&sample::order_id(1), engine.partitions());
    engine.close().expect("the data can be closed");
    partition.0
}

/// The result of `verify` on data at rest. A process may stop before its store has caught up with the log; the next start
/// then completes the store.
fn at_rest(data: tempfile::TempDir) -> serde_json::Value {
    at_rest_with_data(data).1
}

/// The data at rest, and the result of `verify`.
pub(super) fn at_rest_with_data(data: tempfile::TempDir) -> (tempfile::TempDir, serde_json::Value) {
    let mut data = Some(data);
    until("the data are at rest", || {
        let left = data.take().expect("the data");
        let output = run(&["verify", "--at-rest", "--json", "--data-dir", text(left.path())]);
        if output.code == Some(0) {
            return Some((left, documents(&output.done()).remove(0)));
        }
        let server = TestServer::serve(left);
        until("it is ready", || {
            let ready = send(server.addr(), "GET", "/health/ready", &[], "").expect("it serves");
            (ready.status == 200).then_some(())
        });
        data = Some(server.stop());
        None
    })
}

#[test]
fn verify_counts_the_data_of_a_drained_server() {
    let server = TestServer::start();
    let (first, second) = (server.placed("1"), server.placed("2"));
    server.run(&["advance", &first]).done();
    server.run(&["cancel", &second]).done();
    server.run(&["advance", &first, "DELIVERED"]).failed(1);
    let data = server.stop();
    let args = ["verify", "--data-dir", text(data.path())];
    let output = run(&args).done();
    for part in ["orders CANCELLED", "orders CONFIRMED", "Every invariant holds: lifecycle, I1, I2,"] {
        assert!(output.contains(part), "{part:?} is missing:\n{output}");
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
fn data_that_are_not_at_rest_are_a_note_or_a_failure_with_at_rest() {
    let data = tempfile::tempdir().expect("a temporary directory");
    append(data.path(), wire::encode_request(&sample::place()));
    let args = ["verify", "--data-dir", text(data.path())];
    let output = run(&args).done();
    assert!(
        output.contains("Note: not at rest: ") && output.contains("; the next start catches up."),
        "{output}"
    );
    let line = documents(&run(&[&args[..], &["--json"]].concat()).done()).remove(0);
    assert_eq!((&line["holds"], &line["at_rest"]), (&true.into(), &false.into()));
    run(&[&args[..], &["--at-rest"]].concat()).failed(1);
    // The next start catches up.
    let verified = at_rest(data);
    assert_eq!(verified["report"]["orders"], 1);
}

#[test]
fn a_violation_is_named_with_its_position() {
    let data = tempfile::tempdir().expect("a temporary directory");
    // A fact for a request that does not exist.
    let fact = &sample::facts_to(Status::Confirmed)[1];
    let partition = append(data.path(), wire::encode_fact(fact));
    let args = ["verify", "--at-rest", "--data-dir", text(data.path())];
    let output = run(&args);
    let expected =
        format!("I1 does not hold for order {} in partition {partition} at offset 0: ", fact.order_id);
    assert!(output.failed(1).starts_with(&expected), "{output:?}");
    let output = run(&[&args[..], &["--json"]].concat());
    let line = documents(&output.out).remove(0);
    assert_eq!((&line["holds"], &line["invariant"]), (&false.into(), &"I1".into()));
    assert_eq!((&line["partition"], &line["offset"]), (&partition.into(), &0.into()));
    assert_eq!(line["violation"], output.failed(1));
}

#[test]
fn a_missing_directory_has_its_own_exit_code() {
    let data = tempfile::tempdir().expect("a temporary directory");
    let missing = data.path().join("missing");
    let output = run(&["verify", "--data-dir", text(&missing)]);
    assert!(output.failed(2).contains(text(&missing)), "{output:?}");
    assert!(!missing.exists(), "a read creates no directory");
}

#[test]
fn a_directory_in_use_is_refused() {
    let server = TestServer::start();
    let id = server.placed("1");
    let output = run(&["verify", "--data-dir", text(server.data.path())]);
    assert!(output.failed(2).contains("stop that one first"), "{output:?}");
    run(&["log", "export", "--data-dir", text(server.data.path())]).failed(2);
    server.run(&["advance", &id]).done();
}
