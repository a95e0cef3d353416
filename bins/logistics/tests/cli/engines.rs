//! The engine of a command: appending to a stopped data directory, its topics, and Kafka and Redis where they are built in.

use std::io::Write;
use std::process::Stdio;

use logistics_core::{Status, wire};
use logistics_testkit::sample;

use super::support::logistics;
use super::{World, documents, run, text};

const BARE: &str = r#"{"order_id":"o-1","status":"PLACED","size":"large"}"#;

#[test]
fn a_bare_record_that_is_appended_places_an_order() {
    let data = World::start().stop();
    let data_dir = text(data.path());
    let said = run(&["log", "append", BARE, "--data-dir", data_dir]).done();
    assert!(said.ends_with(":0  o-1\n"), "{said}");
    let world = World::serve(data);
    let waited = world.run(&["cancel", "o-1"]).done();
    assert!(waited.contains("CANCELLED"), "{waited}");
}

#[test]
fn lines_of_standard_input_are_appended_one_by_one_until_one_is_wrong() {
    let data = World::start().stop();
    let data_dir = text(data.path());
    let mut command = logistics(&["log", "append", "--data-dir", data_dir]);
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary starts");
    let lines = format!("{BARE}\n\n{{\"subject\":\"o-2\"}}\n{{}}\n{BARE}\n");
    child.stdin.take().expect("a pipe").write_all(lines.as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    let err = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(2), "{err}");
    assert!(err.starts_with("logistics: line 4: the record names no order"), "{err}");
    let stored = documents(&run(&["log", "export", "--data-dir", data_dir]).done());
    let mut keys: Vec<_> = stored.iter().map(|record| record["key"].as_str()).collect();
    keys.sort_unstable();
    assert_eq!(keys, [Some("o-1"), Some("o-2")]);
    // With a key of its own whatever it is stands in the log.
    run(&["log", "append", "no JSON", "--key", "o-3", "--data-dir", data_dir]).done();
    assert_eq!(documents(&run(&["log", "export", "--data-dir", data_dir]).done()).len(), 3);
}

#[test]
fn the_embedded_engine_has_its_topics_by_itself() {
    let data = World::start().stop();
    for what in ["create", "check"] {
        let said = run(&["topics", what, "--data-dir", text(data.path())]).done();
        let expected = "The embedded engine makes its topics itself; ";
        assert!(said.starts_with(expected) && said.ends_with(" has 4 partitions.\n"), "{said}");
    }
}

#[test]
#[cfg(not(feature = "cluster"))]
fn a_build_without_kafka_and_redis_says_how_to_get_one_with_them() {
    let commands: [&[&str]; 7] = [
        &["serve", "--engine", "cluster"],
        &["serve", "--engine", "cluster", "--kafka-brokers", "there:9092"],
        &["verify", "--engine", "cluster"],
        &["log", "tail", "--engine", "cluster"],
        &["log", "export", "--engine", "cluster"],
        &["log", "append", BARE, "--engine", "cluster"],
        &["topics", "create", "--engine", "cluster"],
    ];
    for args in commands {
        let said = run(args);
        assert!(said.failed(2).ends_with("`cargo build --release --features cluster`"), "{said:?}");
    }
}

#[test]
#[cfg(feature = "cluster")]
fn where_nobody_is_the_tools_say_so_and_do_not_wait() {
    let commands: [&[&str]; 6] = [
        &["verify"],
        &["log", "tail"],
        &["log", "export"],
        &["log", "append", BARE],
        &["topics", "create"],
        &["topics", "check"],
    ];
    for args in commands {
        let said = run(&[args, &["--engine", "cluster", "--kafka-brokers", "127.0.0.1:1"]].concat());
        assert!(said.code == Some(3) && said.err.starts_with("logistics: "), "{args:?}: {said:?}");
    }
}

#[test]
#[cfg(feature = "cluster")]
fn all_in_one_on_a_cluster_that_is_not_there_serves_and_is_not_ready() {
    use super::support::{Process, send};
    let flags = ["serve", "--listen", "127.0.0.1:0", "--engine", "cluster", "--log-level", "error"];
    let nowhere = ["--kafka-brokers", "127.0.0.1:1", "--redis-url", "redis://127.0.0.1:1"];
    let server = Process::spawn(&[&flags[..], &nowhere].concat());
    let line = server.line_with("istening on http://");
    assert!(line.ends_with(", data in Kafka at 127.0.0.1:1 and Redis at 127.0.0.1:1"), "{line}");
    let addr = Process::addr_in(&line);
    assert_eq!(send(addr, "GET", "/health/live", &[], "").expect("it serves").status, 200);
    let ready = send(addr, "GET", "/health/ready", &[], "").expect("it serves");
    let parts = |name: &str| ready.json()[name].clone();
    assert_eq!((ready.status, parts("missing")), (503, serde_json::json!(["log"])));
    assert_eq!(parts("degraded"), serde_json::json!(["store"]), "orders are taken without it");
    assert_eq!(send(addr, "POST", "/orders", &[], "").expect("it serves").status, 503);
    assert!(server.terminate().success());
}

#[test]
fn a_fact_is_appended_only_where_it_is_said_twice() {
    let data = World::start().stop();
    let data_dir = text(data.path());
    let fact = &sample::facts_to(Status::Confirmed)[1];
    let fact = String::from_utf8(wire::encode_fact(fact).to_vec()).expect("text");
    let said = run(&["log", "append", &fact, "--data-dir", data_dir]);
    assert!(
        said.failed(1).contains("logistics log import") && said.failed(1).contains("--unchecked"),
        "{said:?}"
    );
    let nothing = run(&["log", "export", "--data-dir", data_dir]).done();
    assert_eq!(nothing, "");
    run(&["log", "append", &fact, "--unchecked", "--data-dir", data_dir]).done();
    let stored = documents(&run(&["log", "export", "--data-dir", data_dir]).done());
    assert_eq!(stored[0]["value"]["data"]["status"], "CONFIRMED");
}
