//! The real binary, and a client of its API that holds nothing back.
#![allow(dead_code, unused_imports, reason = "no test uses all of it")]

mod http;

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

pub(crate) use http::{Reply, send};

/// Whatever a test waits for is there by then, or never comes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Before the address in the line that says where it listens.
const LISTENING: &str = "istening on http://";

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
        Self::start(logistics(args).stdout(Stdio::piped()))
    }

    /// The same, with what it logs among its lines.
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

    /// Its standard error is a pipe that is not read.
    pub(crate) fn start_with_log_unread(command: &mut Command) -> Self {
        let mut child = command.spawn().expect("the binary starts");
        let (sender, lines) = channel();
        read_lines(child.stdout.take(), sender);
        Self { child, lines }
    }

    /// The pipe that was not read.
    pub(crate) fn unread_log(&mut self) -> std::process::ChildStderr {
        self.child.stderr.take().expect("a pipe")
    }

    /// `serve` on a free port, on this data directory.
    pub(crate) fn serve(data_dir: &Path, flags: &[&str]) -> Self {
        let data_dir = data_dir.to_str().expect("a path of text");
        let args = ["serve", "--listen", "127.0.0.1:0", "--data-dir", data_dir];
        Self::spawn(&[&args, flags].concat())
    }

    /// Waits for a line that holds this text.
    pub(crate) fn line_with(&self, text: &str) -> String {
        self.lines_until(text).pop().unwrap_or_default()
    }

    /// Waits for a line that holds this text; answers all lines up to that one.
    pub(crate) fn lines_until(&self, text: &str) -> Vec<String> {
        let until = Instant::now() + PATIENCE;
        let mut lines = Vec::new();
        while lines.last().is_none_or(|line: &String| !line.contains(text)) {
            let left = until.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left);
            lines.push(
                line.unwrap_or_else(|error| panic!("no line with {text:?} came ({error}): {lines:#?}")),
            );
        }
        lines
    }

    /// Waits until it listens.
    pub(crate) fn addr(&self) -> SocketAddr {
        Self::addr_in(&self.line_with(LISTENING))
    }

    /// The address in a line that says where it listens.
    pub(crate) fn addr_in(line: &str) -> SocketAddr {
        let rest = line.split(LISTENING).nth(1).unwrap_or_default();
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

/// Reads to the end, so that the process never waits for its reader.
fn read_lines(pipe: Option<impl Read + Send + 'static>, sender: Sender<String>) {
    let Some(pipe) = pipe else { return };
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
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
