//! The binary as a process, and a client of its API.
#![allow(dead_code, unused_imports, reason = "each test program uses a part")]

mod http;

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

pub(crate) use http::{Reply, read_request, send};

/// How long a test waits for a condition.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(60);

/// The text before the address in the line of a listening server. The case of its first letter varies.
const LISTENING: &str = "istening on http://";

/// The binary with these arguments, without the settings of the environment.
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
        Self::start(logistics(args).stdout(Stdio::piped()))
    }

    /// Also collects the log lines.
    pub(crate) fn spawn_with_log(args: &[&str]) -> Self {
        Self::start(logistics(args).stdout(Stdio::piped()).stderr(Stdio::piped()))
    }

    fn start(command: &mut Command) -> Self {
        let mut child = command.spawn().expect("the binary starts");
        let (sender, lines) = channel();
        read_lines(child.stdout.take(), sender.clone());
        read_lines(child.stderr.take(), sender);
        Self { child, lines }
    }

    /// Its standard error is a pipe without a reader.
    pub(crate) fn start_with_log_unread(command: &mut Command) -> Self {
        let mut child = command.spawn().expect("the binary starts");
        let (sender, lines) = channel();
        read_lines(child.stdout.take(), sender);
        Self { child, lines }
    }

    /// The pipe without a reader.
    pub(crate) fn unread_log(&mut self) -> std::process::ChildStderr {
        self.child.stderr.take().expect("a pipe")
    }

    /// `serve` on a free port, on this data directory.
    pub(crate) fn serve(data_dir: &Path, flags: &[&str]) -> Self {
        let data_dir = data_dir.to_str().expect("a UTF-8 path");
        let args = ["serve", "--listen", "127.0.0.1:0", "--data-dir", data_dir];
        Self::spawn(&[&args, flags].concat())
    }

    /// Waits for a line that contains this text.
    pub(crate) fn line_with(&self, text: &str) -> String {
        self.lines_until(text).pop().unwrap_or_default()
    }

    /// Waits for a line that contains this text, and returns all lines up to it.
    pub(crate) fn lines_until(&self, text: &str) -> Vec<String> {
        let until = Instant::now() + TIMEOUT;
        let mut lines = Vec::new();
        while lines.last().is_none_or(|line: &String| !line.contains(text)) {
            let left = until.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left);
            lines.push(line.unwrap_or_else(|error| panic!("no line with {text:?} ({error}): {lines:#?}")));
        }
        lines
    }

    /// Waits until it listens.
    pub(crate) fn addr(&self) -> SocketAddr {
        Self::addr_in(&self.line_with(LISTENING))
    }

    /// The address in the line of a listening server.
    pub(crate) fn addr_in(line: &str) -> SocketAddr {
        let rest = line.split(LISTENING).nth(1).unwrap_or_default();
        let addr = rest.split([',', ' ']).next().unwrap_or_default();
        addr.parse().unwrap_or_else(|error| panic!("{line:?} has no address: {error}"))
    }

    /// Sends SIGKILL.
    pub(crate) fn kill(mut self) {
        self.end();
    }

    /// Sends SIGTERM and waits for the end.
    pub(crate) fn terminate(mut self) -> ExitStatus {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &pid]).status().expect("kill exists");
        assert!(sent.success(), "the process runs");
        self.wait()
    }

    /// Sends SIGTERM, and returns the lines that were not read yet.
    pub(crate) fn end_with_lines(mut self) -> Vec<String> {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &pid]).status().expect("kill exists");
        assert!(sent.success() && self.wait().success(), "the process ends");
        let mut lines = Vec::new();
        while let Ok(line) = self.lines.recv_timeout(TIMEOUT) {
            lines.push(line);
        }
        lines
    }

    /// Waits until the process ends.
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

/// Reads to the end, so that a full pipe never blocks the process.
fn read_lines(pipe: Option<impl Read + Send + 'static>, sender: Sender<String>) {
    let Some(pipe) = pipe else { return };
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
}

/// Polls until `look` returns a value.
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + TIMEOUT;
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(Instant::now() < until, "timed out waiting until {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
