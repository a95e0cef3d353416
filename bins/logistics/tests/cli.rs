//! The commands of the binary, against a server of its own or the data that one left behind.

#[path = "cli/asking.rs"]
mod asking;
#[path = "cli/engines.rs"]
mod engines;
#[path = "cli/escapes.rs"]
mod escapes;
#[path = "cli/import.rs"]
mod import;
#[path = "cli/log.rs"]
mod log;
#[path = "cli/orders.rs"]
mod orders;
#[path = "cli/signals.rs"]
mod signals;
mod support;
#[path = "cli/verify.rs"]
mod verify;
#[path = "cli/watch.rs"]
mod watch;

use std::net::SocketAddr;
use std::path::Path;

use support::{Process, logistics};

/// Orders move when they are asked to, and nobody is told.
const FLAGS: [&str; 6] = ["--mode", "manual", "--notifier", "none", "--log-level", "warn"];

/// What a command said, and how it ended.
#[derive(Debug)]
struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Said {
    /// Its output, where it was done and had nothing to complain about.
    fn done(self) -> String {
        assert_eq!((self.code, &*self.err), (Some(0), ""), "{self:?}");
        self.out
    }

    /// The one sentence of a command that ended like this.
    fn failed(&self, code: i32) -> &str {
        assert_eq!(self.code, Some(code), "{self:?}");
        let sentence = self.err.strip_prefix("logistics: ").and_then(|text| text.strip_suffix('\n'));
        let sentence = sentence.filter(|text| !text.contains('\n'));
        sentence.unwrap_or_else(|| panic!("it is to say one sentence: {self:?}"))
    }
}

fn run(args: &[&str]) -> Said {
    let output = logistics(args).output().expect("the binary starts");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    Said { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

/// A server, and commands that ask it.
struct World {
    data: tempfile::TempDir,
    server: Process,
    url: String,
}

impl World {
    fn start() -> Self {
        Self::serve(tempfile::tempdir().expect("a temporary directory"))
    }

    fn serve(data: tempfile::TempDir) -> Self {
        let server = Process::serve(data.path(), &FLAGS);
        let url = format!("http://{}", server.addr());
        Self { data, server, url }
    }

    fn args<'a>(&'a self, args: &[&'a str]) -> Vec<&'a str> {
        [args, &["--url", &self.url]].concat()
    }

    fn run(&self, args: &[&str]) -> Said {
        run(&self.args(args))
    }

    fn spawn(&self, args: &[&str]) -> Process {
        Process::spawn(&self.args(args))
    }

    /// Places an order that is decided when this answers its id.
    fn placed(&self, key: &str) -> String {
        self.run(&["place", "--key", key, "--customer", "amir"]).done().trim().to_owned()
    }

    fn addr(&self) -> SocketAddr {
        self.url.trim_start_matches("http://").parse().expect("an address")
    }

    /// Stops the server; its data stay.
    fn stop(self) -> tempfile::TempDir {
        assert!(self.server.terminate().success());
        self.data
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path of text")
}

/// The documents of a text with one on each line.
fn documents(text: &str) -> Vec<serde_json::Value> {
    let document = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line:?}: {error}"));
    text.lines().map(document).collect()
}
