//! The server as a process: its output, restart and stop, and the errors of its start.

mod support;

use std::fs;
use std::io::Read;
use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use support::{Process, logistics, send, until};

/// The limit of the drain after SIGTERM.
const DRAIN_MAX: Duration = Duration::from_secs(10);

fn text(path: &Path) -> &str {
    path.to_str().expect("a path of text")
}

/// Places an order and returns its id.
fn place(addr: std::net::SocketAddr) -> String {
    let reply = send(addr, "POST", "/orders", &[], "").expect("it serves");
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.json()["order_id"].as_str().expect("an order id").to_owned()
}

fn status(addr: std::net::SocketAddr, order_id: &str) -> Option<String> {
    let reply = send(addr, "GET", &format!("/orders/{order_id}"), &[], "").expect("it serves");
    let found = || reply.json()["status"].as_str().map(str::to_owned);
    (reply.status == 200).then(found).flatten()
}

#[test]
fn its_lines_show_each_transition_of_an_order() {
    let data = tempfile::tempdir().expect("a temporary directory");
    let flags = ["--listen", "127.0.0.1:0", "--dwell", "1ms", "--data-dir", text(data.path())];
    let server = Process::spawn_with_log(&flags);
    let mut lines = server.lines_until("Try: curl -X POST http://127.0.0.1:");
    let addr = Process::addr_in(lines.iter().find(|line| line.starts_with("Listening on ")).expect("where"));
    let id = place(addr);
    lines.extend(server.lines_until(&format!("Order {id} is now DELIVERED")));
    // Log lines and notifications arrive by two pipes.
    let moved = format!("Moved order {id} → DELIVERED");
    if !lines.iter().any(|line| line.contains(&moved)) {
        lines.extend(server.lines_until(&moved));
    }
    let warnings =
        lines.iter().filter(|line| line.contains("SIMULATING: the clock moves every order")).count();
    assert_eq!(warnings, 1, "{lines:#?}");
    let expected = [
        "Order Processor Running...".to_owned(),
        "Notification Service Running...".to_owned(),
        format!("Received order {id} with status PLACED"),
        format!("Moved order {id} → CONFIRMED"),
        "🔔 NOTIFICATION:".to_owned(),
        format!("Order {id} is now CONFIRMED"),
    ];
    for expected in expected {
        assert!(lines.iter().any(|line| line.contains(&expected)), "{expected:?} is missing: {lines:#?}");
    }
    let begun = Instant::now();
    assert!(server.terminate().success());
    assert!(begun.elapsed() < DRAIN_MAX, "draining took {:?}", begun.elapsed());
}

#[test]
fn a_server_in_manual_mode_does_not_warn() {
    let data = tempfile::tempdir().expect("a temporary directory");
    let flags = ["--mode", "manual", "--listen", "127.0.0.1:0", "--data-dir", text(data.path())];
    let server = Process::spawn_with_log(&flags);
    let lines = server.lines_until("Order Processor Running...");
    assert!(!lines.iter().any(|line| line.contains("SIMULATING")), "{lines:#?}");
    assert!(server.terminate().success());
}

#[test]
fn an_unread_log_blocks_neither_the_service_nor_its_end() {
    /// Their log lines exceed the capacity of a pipe several times.
    const ORDERS: usize = 400;
    let data = tempfile::tempdir().expect("a temporary directory");
    let flags = ["serve", "--dwell", "0", "--notifier", "none", "--listen", "127.0.0.1:0", "--data-dir"];
    let mut command = logistics(&[&flags[..], &[text(data.path())]].concat());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut server = Process::start_with_log_unread(&mut command);
    let addr = server.addr();
    (1..ORDERS).for_each(|_| drop(place(addr)));
    let last = place(addr);
    until("the order is delivered", || status(addr, &last).filter(|status| status == "DELIVERED"));
    let begun = Instant::now();
    let mut unread = server.unread_log();
    assert!(server.terminate().success());
    assert!(begun.elapsed() < DRAIN_MAX, "draining took {:?}", begun.elapsed());
    let mut log = Vec::new();
    unread.read_to_end(&mut log).expect("the pipe");
    assert!(log.len() > 32 * 1024, "the pipe was full: {} bytes", log.len());
}

#[test]
fn json_log_lines_are_json() {
    let data = tempfile::tempdir().expect("a temporary directory");
    let flags = ["--log-format", "json", "--notifier", "none", "--listen", "127.0.0.1:0", "--data-dir"];
    let server = Process::spawn_with_log(&[&flags[..], &[text(data.path())]].concat());
    let line = server.line_with("Order Processor Running...");
    let line: serde_json::Value =
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{line}: {error}"));
    assert_eq!((&line["level"], &line["message"]), (&"INFO".into(), &"Order Processor Running...".into()));
    assert!(server.terminate().success());
}

#[test]
fn timers_survive_the_process() {
    let data = tempfile::tempdir().expect("a temporary directory");
    let quiet = ["--notifier", "none", "--log-level", "warn", "--dwell", "1h"];
    let server = Process::serve(data.path(), &[&quiet[..], &["--dwell-status", "PLACED=300ms"]].concat());
    let addr = server.addr();
    let id = place(addr);
    until("the order is known", || status(addr, &id));
    server.kill();
    // The fact contains the deadline, so the new policy does not change it.
    let server = Process::serve(data.path(), &quiet);
    let addr = server.addr();
    until("the timer fires", || status(addr, &id).filter(|status| status == "CONFIRMED"));
    assert!(server.terminate().success());
}

/// Asserts that a start ends with exit code 2 and one sentence that contains these parts.
fn refused(args: &[&str], environment: Option<(&str, &str)>, parts: &[&str]) {
    let output = logistics(args).envs(environment).output().expect("the binary starts");
    let (output_text, error) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(2), "{args:?}: {output_text}{error}");
    assert!(output_text.is_empty(), "{args:?}: {output_text}");
    assert!(error.starts_with("logistics: ") && error.trim_end().lines().count() == 1, "{args:?}: {error:?}");
    for part in parts {
        assert!(error.contains(part), "{args:?}: {part:?} is missing: {error}");
    }
}

#[test]
fn an_error_of_the_start_is_one_sentence() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let taken = taken.local_addr().expect("its address").to_string();
    let data = tempfile::tempdir().expect("a temporary directory");
    let at = |name: &str| text(&data.path().join(name)).to_owned();
    let serve = |flags: &[&str], parts: &[&str]| {
        let quiet = ["serve", "--log-level", "error", "--listen", "127.0.0.1:0"];
        refused(&[&quiet[..], flags].concat(), None, parts);
    };
    let fresh = at("fresh");
    refused(
        &["serve", "--log-level", "error", "--data-dir", &fresh, "--listen", &taken],
        None,
        &["cannot listen on", &taken],
    );
    fs::write(at("file"), "no directory").expect("it can be written");
    serve(&["--data-dir", &at("file/data")], &["cannot use the data directory", "file/data"]);
    fs::create_dir(at("damaged")).expect("it can be made");
    fs::write(at("damaged/logistics.redb"), "no data file").expect("it can be written");
    serve(&["--data-dir", &at("damaged")], &["is damaged", "it was left unchanged", "backup"]);
    assert_eq!(fs::read_to_string(at("damaged/logistics.redb")).ok().as_deref(), Some("no data file"));
    serve(&["--data-dir", &fresh, "--partitions", "5"], &["has 4 partitions and 5 are configured"]);
    serve(&["--flag"], &["--flag"]);
    serve(&["--dwell", "soon"], &["--dwell", "soon", "no span of time"]);
    serve(&["--late", "SHREDDED=1h"], &["SHREDDED=1h", "the statuses are", "OUT_FOR_DELIVERY"]);
    refused(&["serve"], Some(("LOGISTICS_DWEL", "1s")), &["there is no setting LOGISTICS_DWEL"]);
    refused(&["serve"], Some(("LOGISTICS_MODE", "fast")), &["fast", "simulate"]);
}

#[test]
fn a_second_process_on_the_same_data_is_refused_and_the_first_goes_on() {
    let data = tempfile::tempdir().expect("a temporary directory");
    let server = Process::serve(data.path(), &["--notifier", "none", "--log-level", "warn"]);
    let addr = server.addr();
    refused(
        &["serve", "--log-level", "error", "--listen", "127.0.0.1:0", "--data-dir", text(data.path())],
        None,
        &["is in use by another process", "stop that one first"],
    );
    place(addr);
    assert!(server.terminate().success());
}
