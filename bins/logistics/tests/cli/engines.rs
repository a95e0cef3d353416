//! Commands on an engine: a stopped data directory, or Kafka and Redis in builds with the feature `cluster`.

use std::io::Write;
use std::process::Stdio;

use logistics_core::{Status, wire};
use logistics_testkit::sample;

use super::support::logistics;
use super::{TestServer, documents, run, text};

const BARE: &str = r#"{"order_id":"o-1","status":"PLACED","size":"large"}"#;

#[test]
fn an_appended_bare_record_places_an_order() {
    let data = TestServer::start().stop();
    let data_dir = text(data.path());
    let output = run(&["log", "append", BARE, "--data-dir", data_dir]).done();
    assert!(output.ends_with(":0  o-1\n"), "{output}");
    let server = TestServer::serve(data);
    let waited = server.run(&["cancel", "o-1"]).done();
    assert!(waited.contains("CANCELLED"), "{waited}");
}

#[test]
fn lines_of_standard_input_are_appended_until_the_first_invalid_one() {
    let data = TestServer::start().stop();
    let data_dir = text(data.path());
    let mut command = logistics(&["log", "append", "--data-dir", data_dir]);
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary starts");
    let lines = format!("{BARE}\n\n{{\"subject\":\"o-2\"}}\n{{}}\n{BARE}\n");
    child.stdin.take().expect("a pipe").write_all(lines.as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    let err = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(2), "{err}");
    assert!(err.starts_with("logistics: line 4: the record has no order id"), "{err}");
    let stored = documents(&run(&["log", "export", "--data-dir", data_dir]).done());
    let mut keys: Vec<_> = stored.iter().map(|record| record["key"].as_str()).collect();
    keys.sort_unstable();
    assert_eq!(keys, [Some("o-1"), Some("o-2")]);
    // With an explicit key, the log stores any record.
    run(&["log", "append", "no JSON", "--key", "o-3", "--data-dir", data_dir]).done();
    assert_eq!(documents(&run(&["log", "export", "--data-dir", data_dir]).done()).len(), 3);
}

#[test]
fn the_embedded_engine_creates_its_own_topics() {
    let data = TestServer::start().stop();
    for what in ["create", "check"] {
        let output = run(&["topics", what, "--data-dir", text(data.path())]).done();
        let expected = "The embedded engine creates its topics itself; ";
        assert!(output.starts_with(expected) && output.ends_with(" has 4 partitions.\n"), "{output}");
    }
}

#[test]
#[cfg(not(feature = "cluster"))]
fn a_build_without_kafka_and_redis_says_how_to_build_with_them() {
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
        let output = run(args);
        assert!(output.failed(2).ends_with("`cargo build --release --features cluster`"), "{output:?}");
    }
}

#[test]
#[cfg(feature = "cluster")]
fn without_a_broker_the_commands_fail_and_do_not_wait() {
    let commands: [&[&str]; 6] = [
        &["verify"],
        &["log", "tail"],
        &["log", "export"],
        &["log", "append", BARE],
        &["topics", "create"],
        &["topics", "check"],
    ];
    for args in commands {
        let output = run(&[args, &["--engine", "cluster", "--kafka-brokers", "127.0.0.1:1"]].concat());
        assert!(output.code == Some(3) && output.err.starts_with("logistics: "), "{args:?}: {output:?}");
    }
}

#[test]
#[cfg(feature = "cluster")]
fn all_in_one_without_its_cluster_serves_and_is_not_ready() {
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
    assert_eq!(parts("degraded"), serde_json::json!(["store"]), "orders are accepted without the store");
    assert_eq!(send(addr, "POST", "/orders", &[], "").expect("it serves").status, 503);
    assert!(server.terminate().success());
}

#[test]
fn a_fact_is_appended_only_with_unchecked() {
    let data = TestServer::start().stop();
    let data_dir = text(data.path());
    let fact = &sample::facts_to(Status::Confirmed)[1];
    let fact = String::from_utf8(wire::encode_fact(fact).to_vec()).expect("text");
    let output = run(&["log", "append", &fact, "--data-dir", data_dir]);
    assert!(
        output.failed(1).contains("logistics log import") && output.failed(1).contains("--unchecked"),
        "{output:?}"
    );
    let nothing = run(&["log", "export", "--data-dir", data_dir]).done();
    assert_eq!(nothing, "");
    run(&["log", "append", &fact, "--unchecked", "--data-dir", data_dir]).done();
    let stored = documents(&run(&["log", "export", "--data-dir", data_dir]).done());
    assert_eq!(stored[0]["value"]["data"]["status"], "CONFIRMED");
}
