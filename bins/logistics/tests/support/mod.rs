//! The real binary, and a client of its API that holds nothing back.
#![allow(dead_code, unused_imports, reason = "no test uses all of it")]

mod http;

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

pub(crate) use http::{Reply, send};

/// Whatever a test waits for is there by then, or never comes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The binary with these arguments, and with nothing from the environment of whoever tests.
pub(crate) fn logistics(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_logistics"));
    let settings = std::env::vars_os().map(|(name, _)| name);
    for name in settings.filter(|name| name.to_string_lossy().starts_with("LOGISTICS_")) {
        command.env_remove(name);
    }
    command.args(args).stdin(Stdio::null());
    command
}

/// A process of the binary that prints lines. Dropping it kills it.
pub(crate) struct Process {
    child: Child,
    lines: Receiver<String>,
}

impl Process {
    pub(crate) fn spawn(args: &[&str]) -> Self {
        let mut child = logistics(args).stdout(Stdio::piped()).spawn().expect("the binary starts");
        let stdout = child.stdout.take().expect("a pipe");
        let (sender, lines) = channel();
        // Reads to the end, so that the process never waits for its reader.
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        Self { child, lines }
    }

    /// `serve` on a free port, on this data directory.
    pub(crate) fn serve(data_dir: &Path, flags: &[&str]) -> Self {
        let data_dir = data_dir.to_str().expect("a path of text");
        let args = ["serve", "--listen", "127.0.0.1:0", "--data-dir", data_dir];
        Self::spawn(&[&args, flags].concat())
    }

    /// Waits for a line that holds this text.
    pub(crate) fn line_with(&self, text: &str) -> String {
        let until = Instant::now() + PATIENCE;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left);
            let line = line.unwrap_or_else(|error| panic!("no line with {text:?} was printed: {error}"));
            if line.contains(text) {
                return line;
            }
        }
    }

    /// Waits until it listens.
    pub(crate) fn addr(&self) -> SocketAddr {
        const BEFORE: &str = "istening on http://";
        let line = self.line_with(BEFORE);
        let rest = line.split(BEFORE).nth(1).unwrap_or_default();
        let addr = rest.split([',', ' ']).next().unwrap_or_default();
        addr.parse().unwrap_or_else(|error| panic!("{line:?} says no address: {error}"))
    }

    /// SIGKILL, at once.
    pub(crate) fn kill(mut self) {
        self.end();
    }

    /// SIGTERM, and waits until it has ended by itself.
    pub(crate) fn terminate(mut self) -> ExitStatus {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &pid]).status().expect("kill is there");
        assert!(sent.success(), "the process is there");
        self.wait()
    }

    /// Waits until it has ended by itself.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        until("the process ends", || self.child.try_wait().expect("it can be waited for"))
    }

    fn end(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

/// Looks again and again until there is something to see.
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(Instant::now() < until, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
