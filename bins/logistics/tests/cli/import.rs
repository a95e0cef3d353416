//! `logistics log import` of an export.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::support::{Process, send, until};
use super::verify::at_rest_with_data;
use super::{TestServer, documents, run, text};

/// The data of orders of every kind, and of records that only other producers write.
fn a_log_of_everything() -> tempfile::TempDir {
    let data = tempfile::tempdir().expect("a temporary directory");
    // Facts that timers caused.
    let flags = ["--dwell", "0", "--notifier", "none", "--log-level", "error"];
    let simulating = Process::serve(data.path(), &flags);
    let url = format!("http://{}", simulating.addr());
    for n in 0..6 {
        let key = format!("simulated-{n}");
        run(&["place", "--key", &key, "--details", "{\"n\":1.50}", "--url", &url]).done();
    }
    assert!(simulating.terminate().success());
    append(data.path(), r#"{"order_id":"bare-1","status":"PLACED","guests":4}"#, "bare-1");
    // Records in the wrong partition, for any partition count.
    for n in 0..8 {
        let record = format!(r#"{{"order_id":"misplaced-{n}","status":"PLACED"}}"#);
        append(data.path(), &record, &format!("elsewhere-{n}"));
    }
    append(data.path(), "no JSON", "bare-1");
    append(data.path(), r#"{"specversion":"1.0","id":"1","source":"/shop","type":"shop.sold"}"#, "shop");
    let server = TestServer::serve(data);
    for n in 0..20 {
        let id = server.placed(&n.to_string());
        for _ in 0..n % 5 {
            server.run(&["advance", &id]).done();
        }
        if n % 5 < 2 {
            server.run(&["cancel", &id, "--reason", "changed_my_mind"]).done();
            server.run(&["cancel", &id]).done();
            server.run(&["advance", &id, "DELIVERED"]).failed(1);
        }
    }
    at_rest_with_data(server.stop()).0
}

fn append(data: &Path, record: &str, key: &str) {
    run(&["log", "append", record, "--key", key, "--data-dir", text(data)]).done();
}

/// Every document by order, after the store has caught up with the log.
fn all_documents(server: &TestServer) -> BTreeMap<String, Value> {
    until("it is ready", || {
        let ready = send(server.addr(), "GET", "/health/ready", &[], "").expect("it serves");
        (ready.status == 200).then_some(())
    });
    let listed = documents(&server.run(&["list", "--all", "--json"]).done());
    listed
        .into_iter()
        .map(|document| (document["order_id"].to_string(), without_positions(document)))
        .collect()
}

/// The request id of a bare record is its position, which an import changes.
fn without_positions(mut document: Value) -> Value {
    for entry in document["history"].as_array_mut().into_iter().flatten() {
        let request = entry["request"].as_str().and_then(|request| request.split_once('-'));
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if request.is_some_and(|(partition, offset)| digits(partition) && digits(offset)) {
            entry.as_object_mut().map(|entry| entry.remove("request"));
        }
    }
    document
}

fn export(data: &Path) -> PathBuf {
    let file = data.join("export.jsonl");
    run(&["log", "export", "--topic", "all", "--output", text(&file), "--data-dir", text(data)]).done();
    file
}

/// Imports into a new directory.
fn imported(file: &Path, partitions: &str) -> tempfile::TempDir {
    let data = tempfile::tempdir().expect("a temporary directory");
    let args = ["log", "import", text(file), "--data-dir", text(data.path()), "--partitions", partitions];
    let output = run(&args).done();
    assert!(output.contains(&format!("in {partitions} partitions")), "{output}");
    data
}

#[test]
fn an_import_into_another_partition_count_keeps_the_orders() {
    let server = TestServer::serve(a_log_of_everything());
    let before = all_documents(&server);
    assert_eq!(before.len(), 6 + 1 + 8 + 20);
    let source = server.stop();
    let source_report = at_rest_with_data(source);
    let mut file = export(source_report.0.path());
    let mut kept = source_report.0;
    for partitions in ["7", "1", "12"] {
        let data = imported(&file, partitions);
        // The store that a start rebuilds is at rest, and every invariant holds.
        let server = TestServer::serve(data);
        let after = all_documents(&server);
        assert!(after.keys().eq(before.keys()), "{partitions} partitions: {:?}", after.keys());
        for (order_id, document) in &before {
            assert_eq!(after.get(order_id), Some(document), "{partitions} partitions");
        }
        // The same key still returns the original order.
        let known = server.placed("4");
        assert!(before.contains_key(&format!("\"{known}\"")), "{known} is another order");
        let (data, verified) = at_rest_with_data(server.stop());
        let report = &verified["report"];
        for count in ["orders", "facts", "notifications", "documents", "timers"] {
            assert_eq!(report[count], source_report.1["report"][count], "{count}: {report}");
        }
        assert_eq!(report["outcomes"]["forwarded"], 0);
        assert_eq!(report["outcomes"]["dead_lettered"], 2);
        // An import can be exported and imported again.
        file = export(data.path());
        let letters = documents(&std::fs::read_to_string(&file).expect("the export"));
        let letters = letters.iter().filter(|record| record["topic"] == "orders.dlq").count();
        assert_eq!(letters, 2);
        kept = data;
    }
    drop(kept);
}

#[test]
fn unanswered_inputs_are_answered_after_an_import_and_nothing_is_notified_twice() {
    let server = TestServer::start();
    let old: Vec<_> = (0..9).map(|n| server.placed(&n.to_string())).collect();
    let source = server.stop();
    append(source.path(), r#"{"order_id":"waiting-1","status":"PLACED"}"#, "waiting-1");
    append(source.path(), r#"{"order_id":"waiting-2","status":"PLACED"}"#, "elsewhere");
    append(source.path(), "no JSON", "waiting-1");
    let data = imported(&export(source.path()), "3");
    let flags = ["--mode", "manual", "--log-level", "error", "--notifier", "console"];
    let server = Process::serve(data.path(), &flags);
    let mut lines = server.lines_until("Order waiting-");
    lines.extend(server.lines_until("Order waiting-"));
    let again = old.iter().find(|id| lines.iter().any(|line| line.contains(id.as_str())));
    assert_eq!(again, None, "{lines:#?}");
    assert!(server.terminate().success());
    let (_data, verified) = at_rest_with_data(data);
    assert_eq!(verified["report"]["orders"], 11);
    assert_eq!(verified["report"]["outcomes"]["dead_lettered"], 1);
}

#[test]
fn an_invalid_import_is_refused_before_anything_is_written() {
    let server = TestServer::start();
    let id = server.placed("1");
    server.run(&["advance", &id]).done();
    let source = server.stop();
    let file = export(source.path());
    let into = |file: &Path, data: &Path| run(&["log", "import", text(file), "--data-dir", text(data)]);
    let output = into(&file, source.path());
    assert!(output.failed(1).contains("orders is not empty"), "{output:?}");

    let new = tempfile::tempdir().expect("a temporary directory");
    let whole = std::fs::read_to_string(&file).expect("the export");
    let refused = |name: &str, lines: Vec<&str>, part: &str| {
        let file = new.path().join(name);
        std::fs::write(&file, lines.join("\n")).expect("it can be written");
        let data = new.path().join("data");
        let output = into(&file, &data);
        assert!(output.failed(2).contains(part), "{name}: {output:?}");
        assert!(!data.exists(), "{name}: no directory is created");
    };
    let lines = || whole.lines().filter(|line| line.contains("\"topic\":\"orders\""));
    refused("no-input", lines().skip(1).collect(), "line 1: the outcome is for the input at offset 0");
    let without_first_fact = lines().enumerate().filter(|(n, _)| *n != 1).map(|(_, line)| line);
    refused("no-fact", without_first_fact.collect(), "has version 2, but version 1 is next");
    refused("no-export", vec!["{\"a\":1}"], "line 1: missing field `topic`");
    let newer = whole.replace("urn:logistics:order:1", "urn:logistics:order:5");
    refused("newer", newer.lines().collect(), "this build cannot read");
    assert!(into(&new.path().join("missing"), new.path()).failed(2).contains("cannot read"));
}

#[test]
fn an_import_reads_standard_input() {
    use std::io::Write;
    use std::process::Stdio;
    let server = TestServer::start();
    let id = server.placed("1");
    let before = all_documents(&server);
    let source = server.stop();
    let exported = run(&["log", "export", "--data-dir", text(source.path())]).done();
    let data = tempfile::tempdir().expect("a temporary directory");
    let mut command = super::support::logistics(&["log", "import", "-", "--data-dir", text(data.path())]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the binary starts");
    child.stdin.take().expect("a pipe").write_all(exported.as_bytes()).expect("it reads");
    assert!(child.wait_with_output().expect("it ends").status.success());
    let server = TestServer::serve(data);
    assert_eq!(all_documents(&server), before);
    server.run(&["advance", &id]).done();
}

/// A forged record was dead-lettered. A log with other offsets could accept it as an owner's.
#[test]
fn an_import_skips_forged_records() {
    let server = TestServer::start();
    let ids: Vec<_> = (0..3).map(|n| server.placed(&n.to_string())).collect();
    let source = server.stop();
    let exported = std::fs::read_to_string(export(source.path())).expect("the export");
    let records = documents(&exported);
    let fact = records.iter().find(|record| record["value"]["type"] == "logistics.order.placed");
    let fact = fact.expect("a fact")["value"].to_string();
    let outcome = fact.replace("logistics.order.placed", "logistics.order.outcome");
    for forged in [fact.replace("\"version\":1", "\"version\":7"), outcome] {
        run(&["log", "append", &forged, "--key", &ids[0], "--unchecked", "--data-dir", text(source.path())])
            .done();
    }
    let server = TestServer::serve(source);
    let last = server.placed("last");
    let before = all_documents(&server);
    let source = server.stop();
    let file = export(source.path());
    for partitions in ["1", "5"] {
        let data = tempfile::tempdir().expect("a temporary directory");
        let flags = ["--partitions", partitions, "--data-dir", text(data.path())];
        let output = run(&[&["log", "import", text(&file)], &flags[..]].concat()).done();
        assert!(output.contains("2 forged records"), "{output}");
        let server = TestServer::serve(data);
        assert_eq!(all_documents(&server), before);
        server.run(&["advance", &last]).done();
        at_rest_with_data(server.stop());
    }
}

#[test]
fn an_import_with_a_log_key_signs_what_owners_wrote() {
    let key = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(key.path(), "5".repeat(64)).expect("it can be written");
    let with_key = ["--log-key-file", text(key.path())];
    let flags = [&["--mode", "manual", "--log-level", "error", "--notifier", "none"], &with_key[..]].concat();
    let source = tempfile::tempdir().expect("a temporary directory");
    let server = Process::serve(source.path(), &flags);
    let url = format!("http://{}", server.addr());
    let placed: Vec<_> =
        (0..4).map(|n| run(&["place", "--key", &n.to_string(), "--url", &url]).done()).collect();
    assert_eq!(placed.len(), 4);
    assert!(server.terminate().success());
    let file = export(source.path());
    let data = tempfile::tempdir().expect("a temporary directory");
    let arguments =
        [&["log", "import", text(&file), "--data-dir", text(data.path())], &with_key[..]].concat();
    run(&arguments).done();
    let (data, _) = at_rest_with_data(data);
    let server = Process::serve(data.path(), &flags);
    let url = format!("http://{}", server.addr());
    until("all orders are there", || {
        let listed = run(&["list", "--all", "--json", "--url", &url]).done();
        (documents(&listed).len() == 4).then_some(())
    });
    assert!(server.terminate().success());
    let (_data, verified) = at_rest_with_data(data);
    assert_eq!(verified["report"]["outcomes"]["dead_lettered"], 0, "{verified}");
}

/// The key is too long for an order id. The dead letter has no key of its own and quotes the record's key.
#[test]
fn a_record_with_a_long_key_can_be_imported() {
    let data = TestServer::start().stop();
    append(data.path(), "no JSON", "short");
    let (data, _) = at_rest_with_data(TestServer::serve(data).stop());
    let long = "k".repeat(1000);
    let exported = std::fs::read_to_string(export(data.path())).expect("the export");
    let file = data.path().join("long.jsonl");
    std::fs::write(&file, exported.replace("\"key\":\"short\"", &format!("\"key\":\"{long}\"")))
        .expect("it can be written");
    let imported = imported(&file, "3");
    let (imported, verified) = at_rest_with_data(imported);
    assert_eq!(verified["report"]["outcomes"]["dead_lettered"], 1, "{verified}");
    let records = documents(&std::fs::read_to_string(export(imported.path())).expect("the export"));
    let of = |topic: &str| records.iter().find(|record| record["topic"] == topic).expect("a record");
    assert_eq!(of("orders")["key"], *long, "an input keeps its key");
    let letter = of("orders.dlq");
    assert_eq!((&letter["key"], &letter["value"]["data"]["key"]), (&Value::Null, &Value::from(&*long)));
    assert_eq!(letter["value"]["data"]["key_bytes"], 1000);
}
