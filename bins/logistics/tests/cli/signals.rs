//! A signal ends a reading command at once, with the exit code that shells use for it.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::support::{logistics, until};
use super::{TestServer, text};

/// The limit of "at once" on a busy machine.
const AT_ONCE: Duration = Duration::from_secs(5);

/// Sends a signal, and asserts that the process exits with this code.
fn ends(mut child: Child, signal: &str, code: i32) {
    let begun = Instant::now();
    let sent = Command::new("kill").args([signal, &child.id().to_string()]).status().expect("kill exists");
    assert!(sent.success(), "the process runs");
    let status = until("it ends", || child.try_wait().expect("it can be waited for"));
    // A process that the signal itself ended has no exit code. Without a handler, process 1 would continue.
    assert_eq!(status.code(), Some(code), "{signal}: {status}");
    assert!(begun.elapsed() < AT_ONCE, "it took {:?}", begun.elapsed());
}

fn spawn(args: &[&str]) -> Child {
    let mut command = logistics(args);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    command.spawn().expect("the binary starts")
}

#[test]
#[cfg(feature = "cluster")]
fn a_command_that_waits_for_a_broker_ends_at_once() {
    let commands: [&[&str]; 5] =
        [&["verify"], &["log", "tail"], &["log", "export"], &["topics", "check"], &["topics", "create"]];
    for (command, (signal, code)) in
        commands.into_iter().zip([("-TERM", 143), ("-INT", 130)].into_iter().cycle())
    {
        // Accepts connections and never answers.
        let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let brokers = silent.local_addr().expect("its address").to_string();
        let child = spawn(&[command, &["--engine", "cluster", "--kafka-brokers", &brokers]].concat());
        silent.accept().expect("it connects");
        ends(child, signal, code);
    }
}

#[test]
fn a_command_that_waits_for_a_server_ends_at_once() {
    for (command, signal, code) in [
        (&["log", "tail"][..], "-TERM", 143),
        (&["get", "o-1"], "-INT", 130),
        (&["log", "export"], "-TERM", 143),
    ] {
        let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", silent.local_addr().expect("its address"));
        let child = spawn(&[command, &["--url", &url]].concat());
        let _connection = silent.accept().expect("it connects");
        ends(child, signal, code);
    }
}

#[test]
fn a_command_that_waits_for_its_input_ends_at_once() {
    let data = TestServer::start().stop();
    let mut child = spawn(&["log", "append", "--data-dir", text(data.path())]);
    let mut stdin = child.stdin.take().expect("a pipe");
    writeln!(stdin, r#"{{"order_id":"o-1","status":"PLACED"}}"#).expect("it reads");
    let mut line = String::new();
    let stdout = child.stdout.take().expect("a pipe");
    BufReader::new(stdout).read_line(&mut line).expect("a line");
    assert!(line.ends_with("  o-1\n"), "{line}");
    ends(child, "-TERM", 143);
}

#[test]
fn a_command_whose_output_is_not_read_ends_at_once() {
    let server = TestServer::start();
    // Far more than the capacity of a pipe.
    let details = format!("\"{}\"", "x".repeat(10_000));
    server.run(&["place", "--count", "50", "--details", &details]).done();
    let mut child = spawn(&["log", "export", "--url", &server.url]);
    let mut line = String::new();
    let mut stdout = BufReader::with_capacity(1, child.stdout.take().expect("a pipe"));
    stdout.read_line(&mut line).expect("a line");
    ends(child, "-TERM", 143);
}
