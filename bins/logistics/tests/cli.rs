//! The commands of the binary, against a test server or the data directory of a stopped one.

#[path = "cli/email.rs"]
mod email;
#[path = "cli/engines.rs"]
mod engines;
#[path = "cli/escapes.rs"]
mod escapes;
#[path = "cli/import.rs"]
mod import;
#[path = "cli/keys.rs"]
mod keys;
#[path = "cli/log.rs"]
mod log;
#[path = "cli/metrics_server.rs"]
mod metrics_server;
#[path = "cli/orders.rs"]
mod orders;
#[path = "cli/proxy.rs"]
mod proxy;
#[path = "cli/pty.rs"]
mod pty;
#[path = "cli/signals.rs"]
mod signals;
#[path = "cli/signing.rs"]
mod signing;
mod support;
#[path = "cli/tls.rs"]
mod tls;
#[path = "cli/top.rs"]
mod top;
#[path = "cli/top_live.rs"]
mod top_live;
#[path = "cli/transitions.rs"]
mod transitions;
#[path = "cli/verify.rs"]
mod verify;
#[path = "cli/watch.rs"]
mod watch;
#[path = "cli/webhooks.rs"]
mod webhooks;

use std::net::SocketAddr;
use std::path::Path;

use support::{Process, logistics};

/// Only requests cause transitions, and there are no notifications.
const FLAGS: [&str; 6] = ["--mode", "manual", "--notifier", "none", "--log-level", "warn"];

/// The output and the exit code of a command.
#[derive(Debug)]
struct CommandOutput {
    code: Option<i32>,
    out: String,
    err: String,
}

impl CommandOutput {
    /// Asserts success without errors, and returns standard output.
    fn done(self) -> String {
        assert_eq!((self.code, &*self.err), (Some(0), ""), "{self:?}");
        self.out
    }

    /// Asserts the exit code, and returns the one sentence on standard error.
    fn failed(&self, code: i32) -> &str {
        assert_eq!(self.code, Some(code), "{self:?}");
        let sentence = self.err.strip_prefix("logistics: ").and_then(|text| text.strip_suffix('\n'));
        let sentence = sentence.filter(|text| !text.contains('\n'));
        sentence.unwrap_or_else(|| panic!("standard error is not one sentence: {self:?}"))
    }
}

fn run(args: &[&str]) -> CommandOutput {
    let output = logistics(args).output().expect("the binary starts");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    CommandOutput { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

/// A server process, and commands that call it.
struct TestServer {
    data: tempfile::TempDir,
    process: Process,
    url: String,
}

impl TestServer {
    fn start() -> Self {
        Self::serve(tempfile::tempdir().expect("a temporary directory"))
    }

    fn serve(data: tempfile::TempDir) -> Self {
        Self::serve_at(data, "127.0.0.1:0")
    }

    fn serve_at(data: tempfile::TempDir, listen: &str) -> Self {
        Self::serve_with(data, listen, &[])
    }

    fn serve_with(data: tempfile::TempDir, listen: &str, flags: &[&str]) -> Self {
        let args = ["serve", "--listen", listen, "--data-dir", text(data.path())];
        let process = Process::spawn(&[&args[..], &FLAGS, flags].concat());
        let url = format!("http://{}", process.addr());
        Self { data, process, url }
    }

    fn args<'a>(&'a self, args: &[&'a str]) -> Vec<&'a str> {
        [args, &["--url", &self.url]].concat()
    }

    fn run(&self, args: &[&str]) -> CommandOutput {
        run(&self.args(args))
    }

    fn spawn(&self, args: &[&str]) -> Process {
        Process::spawn(&self.args(args))
    }

    /// Places an order, waits for its decision, and returns its id.
    fn placed(&self, key: &str) -> String {
        self.run(&["place", "--key", key, "--customer", "amir"]).done().trim().to_owned()
    }

    fn addr(&self) -> SocketAddr {
        self.url.trim_start_matches("http://").parse().expect("an address")
    }

    /// Stops the server and returns its data.
    fn stop(self) -> tempfile::TempDir {
        assert!(self.process.terminate().success());
        self.data
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a UTF-8 path")
}

/// Parses one JSON document per line.
fn documents(text: &str) -> Vec<serde_json::Value> {
    let document = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line:?}: {error}"));
    text.lines().map(document).collect()
}
