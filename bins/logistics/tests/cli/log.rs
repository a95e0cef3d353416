//! Reading the log: of a server, and of the data that it left behind.

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use super::support::logistics;
use super::{World, documents, run, text};

#[test]
fn the_last_records_are_shown_with_what_they_are_about() {
    let world = World::start();
    let id = world.placed("1");
    world.run(&["cancel", &id, "--actor", "customer", "--reason", "changed_my_mind"]).done();
    let shown = world.run(&["log", "tail"]).done();
    let lines: Vec<_> = shown.lines().collect();
    assert_eq!(lines.len(), 4, "{shown}");
    for (line, kind) in lines.iter().zip(["placement.requested", "placed", "cancel.requested", "cancelled"]) {
        assert!(line.contains(&format!(" {kind} ")) && line.contains(&id), "{line}");
    }
    assert!(lines[3].ends_with("CANCELLED  by customer  (changed_my_mind)"), "{shown}");
    let last = world.run(&["log", "tail", "-n", "1"]).done();
    assert_eq!(last.trim_end(), lines[3]);
    let last = documents(&world.run(&["log", "tail", "-n", "1", "--json"]).done()).remove(0);
    assert_eq!((&last["topic"], &last["key"]), (&"orders".into(), &id.as_str().into()));
    assert_eq!(last["value"]["data"]["reason"], "changed_my_mind");
    let told = world.run(&["log", "tail", "--topic", "order_notifications"]).done();
    assert_eq!(told.matches("notification ").count(), 2, "{told}");
    assert_eq!(world.run(&["log", "tail", "-n", "0"]).done(), "");
}

#[test]
fn what_comes_is_followed() {
    let world = World::start();
    let id = world.placed("1");
    let tail = world.spawn(&["log", "tail", "--follow", "-n", "1"]);
    tail.line_with(&format!("placed                 {id}"));
    world.run(&["advance", &id]).done();
    tail.line_with("transition.requested");
    tail.line_with(&format!("confirmed              {id}"));
    let other = world.placed("2");
    tail.line_with(&format!("placed                 {other}"));
    assert!(tail.terminate().success());
}

#[test]
fn an_export_is_the_same_from_the_server_and_from_its_data() {
    let world = World::start();
    for n in 0..20 {
        let id = world.placed(&n.to_string());
        world.run(&[if n % 2 == 0 { "advance" } else { "cancel" }, &id]).done();
    }
    let served = world.run(&["log", "export", "--topic", "all"]).done();
    let tail = world.run(&["log", "tail", "-n", "7"]).done();
    let data = world.stop();
    let data_dir = text(data.path());
    let stored = run(&["log", "export", "--topic", "all", "--data-dir", data_dir]).done();
    assert_eq!(stored, served);
    assert_eq!(run(&["log", "tail", "-n", "7", "--data-dir", data_dir]).done(), tail);

    let records = documents(&stored);
    let of = |topic| records.iter().filter(|record| record["topic"] == topic).count();
    // A request and a fact for each step; a notification for each fact.
    assert_eq!((of("orders"), of("order_notifications"), of("orders.dlq")), (80, 40, 0));
    let place = |record: &serde_json::Value| {
        (record["topic"].to_string(), record["partition"].as_u64(), record["offset"].as_u64())
    };
    let pairs = records.windows(2).map(|pair| (place(&pair[0]), place(&pair[1])));
    for (one, next) in pairs.filter(|(one, next)| one.0 == next.0) {
        assert!(one < next, "each partition in its order: {one:?}, {next:?}");
    }

    let file = data.path().join("export.jsonl");
    let said = run(&["log", "export", "--data-dir", data_dir, "--output", text(&file)]).done();
    assert_eq!(said, format!("80 records in {}\n", file.display()));
    let written = std::fs::read_to_string(&file).expect("the file");
    assert!(stored.starts_with(&written) && written.lines().count() == 80);
}

#[test]
fn a_log_that_cannot_be_read_or_written_is_named() {
    let data = tempfile::tempdir().expect("a temporary directory");
    let missing = data.path().join("missing");
    for command in [&["log", "tail"][..], &["log", "export"]] {
        run(&[command, &["--data-dir", text(&missing)]].concat()).failed(2);
    }
    assert!(!missing.exists(), "nothing is made where something is looked for");
    let world = World::start();
    let file = missing.join("export.jsonl");
    let said = world.run(&["log", "export", "--output", text(&file)]);
    assert!(said.failed(2).starts_with(&format!("cannot write {}: ", file.display())), "{said:?}");
}

#[test]
fn nobody_reading_any_more_is_no_failure() {
    let world = World::start();
    // Far more than a pipe holds.
    let details = format!("\"{}\"", "x".repeat(10_000));
    world.run(&["place", "--count", "50", "--details", &details]).done();
    for command in [&["log", "export"][..], &["log", "tail", "-n", "1000", "--json"], &["list", "--json"]] {
        let mut reading = logistics(&world.args(command));
        let reading = reading.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut reading = reading.expect("the binary starts");
        let mut line = String::new();
        let stdout = reading.stdout.take().expect("a pipe");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        assert!(line.starts_with('{'), "{line}");
        let mut complaints = String::new();
        reading.stderr.take().expect("a pipe").read_to_string(&mut complaints).expect("text");
        let status = reading.wait().expect("it ends");
        assert_eq!((status.code(), &*complaints), (Some(0), ""), "{command:?}");
    }
}
