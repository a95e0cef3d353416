//! Reading the log of a server, and of its data directory after it stopped.

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use super::support::logistics;
use super::{TestServer, documents, run, text};

#[test]
fn tail_shows_the_type_and_order_of_each_record() {
    let server = TestServer::start();
    let id = server.placed("1");
    server.run(&["cancel", &id, "--actor", "customer", "--reason", "changed_my_mind"]).done();
    let shown = server.run(&["log", "tail"]).done();
    let lines: Vec<_> = shown.lines().collect();
    assert_eq!(lines.len(), 4, "{shown}");
    for (line, kind) in lines.iter().zip(["placement.requested", "placed", "cancel.requested", "cancelled"]) {
        assert!(line.contains(&format!(" {kind} ")) && line.contains(&id), "{line}");
    }
    assert!(lines[3].ends_with("CANCELLED  by customer  (changed_my_mind)"), "{shown}");
    let last = server.run(&["log", "tail", "-n", "1"]).done();
    assert_eq!(last.trim_end(), lines[3]);
    let last = documents(&server.run(&["log", "tail", "-n", "1", "--json"]).done()).remove(0);
    assert_eq!((&last["topic"], &last["key"]), (&"orders".into(), &id.as_str().into()));
    assert_eq!(last["value"]["data"]["reason"], "changed_my_mind");
    let notifications = server.run(&["log", "tail", "--topic", "order_notifications"]).done();
    assert_eq!(notifications.matches("notification ").count(), 2, "{notifications}");
    assert_eq!(server.run(&["log", "tail", "-n", "0"]).done(), "");
}

#[test]
fn follow_shows_new_records() {
    let server = TestServer::start();
    let id = server.placed("1");
    let tail = server.spawn(&["log", "tail", "--follow", "-n", "1"]);
    tail.line_with(&format!("placed                 {id}"));
    server.run(&["advance", &id]).done();
    tail.line_with("transition.requested");
    tail.line_with(&format!("confirmed              {id}"));
    let other = server.placed("2");
    tail.line_with(&format!("placed                 {other}"));
    assert!(tail.terminate().success());
}

#[test]
fn an_export_of_the_server_equals_one_of_its_data() {
    let server = TestServer::start();
    for n in 0..20 {
        let id = server.placed(&n.to_string());
        server.run(&[if n % 2 == 0 { "advance" } else { "cancel" }, &id]).done();
    }
    let served = server.run(&["log", "export", "--topic", "all"]).done();
    let tail = server.run(&["log", "tail", "-n", "7"]).done();
    let data = server.stop();
    let data_dir = text(data.path());
    let stored = run(&["log", "export", "--topic", "all", "--data-dir", data_dir]).done();
    assert_eq!(stored, served);
    assert_eq!(run(&["log", "tail", "-n", "7", "--data-dir", data_dir]).done(), tail);

    let records = documents(&stored);
    let of = |topic| records.iter().filter(|record| record["topic"] == topic).count();
    // A request and a fact for each transition; a notification for each fact.
    assert_eq!((of("orders"), of("order_notifications"), of("orders.dlq")), (80, 40, 0));
    let place = |record: &serde_json::Value| {
        (record["topic"].to_string(), record["partition"].as_u64(), record["offset"].as_u64())
    };
    let pairs = records.windows(2).map(|pair| (place(&pair[0]), place(&pair[1])));
    for (one, next) in pairs.filter(|(one, next)| one.0 == next.0) {
        assert!(one < next, "each partition in its order: {one:?}, {next:?}");
    }

    let file = data.path().join("export.jsonl");
    let output = run(&["log", "export", "--data-dir", data_dir, "--output", text(&file)]).done();
    assert_eq!(output, format!("80 records in {}\n", file.display()));
    let written = std::fs::read_to_string(&file).expect("the file");
    assert!(stored.starts_with(&written) && written.lines().count() == 80);
}

#[test]
fn an_error_names_the_log_or_file() {
    let data = tempfile::tempdir().expect("a temporary directory");
    let missing = data.path().join("missing");
    for command in [&["log", "tail"][..], &["log", "export"]] {
        run(&[command, &["--data-dir", text(&missing)]].concat()).failed(2);
    }
    assert!(!missing.exists(), "a read creates no directory");
    let server = TestServer::start();
    let file = missing.join("export.jsonl");
    let output = server.run(&["log", "export", "--output", text(&file)]);
    assert!(output.failed(2).starts_with(&format!("cannot write {}: ", file.display())), "{output:?}");
}

#[test]
fn a_closed_standard_output_is_no_failure() {
    let server = TestServer::start();
    // Far more than the capacity of a pipe.
    let details = format!("\"{}\"", "x".repeat(10_000));
    server.run(&["place", "--count", "50", "--details", &details]).done();
    for command in [&["log", "export"][..], &["log", "tail", "-n", "1000", "--json"], &["list", "--json"]] {
        let mut reading = logistics(&server.args(command));
        let reading = reading.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut reading = reading.expect("the binary starts");
        let mut line = String::new();
        let stdout = reading.stdout.take().expect("a pipe");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        assert!(line.starts_with('{'), "{line}");
        let mut errors = String::new();
        reading.stderr.take().expect("a pipe").read_to_string(&mut errors).expect("text");
        let status = reading.wait().expect("it ends");
        assert_eq!((status.code(), &*errors), (Some(0), ""), "{command:?}");
    }
}
