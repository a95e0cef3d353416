//! Running a command, within a limit.

use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

const PAUSE: Duration = Duration::from_millis(20);

/// A command that has ended.
#[derive(Debug)]
pub struct Ran {
    /// The command, for people.
    pub line: String,
    /// The exit code; `None`: a signal ended it.
    pub code: Option<i32>,
    /// What it printed.
    pub stdout: String,
    /// What it complained of.
    pub stderr: String,
}

impl Ran {
    /// It ended with the exit code 0.
    #[must_use]
    pub fn succeeded(&self) -> bool {
        self.code == Some(0)
    }

    /// What it printed.
    ///
    /// # Panics
    /// Where it failed.
    pub fn expect(self) -> String {
        assert!(self.succeeded(), "{}", self.told());
        self.stdout
    }

    /// What it printed, or why there is nothing.
    ///
    /// # Errors
    /// Where it failed: what it said.
    pub fn ok(self) -> Result<String, String> {
        if self.succeeded() { Ok(self.stdout) } else { Err(self.told()) }
    }

    /// Everything about it, for people.
    #[must_use]
    pub fn told(&self) -> String {
        format!("`{}` ended with {:?}\n{}{}", self.line, self.code, self.stdout, self.stderr)
    }
}

/// Runs a command to its end.
///
/// # Panics
/// When it cannot be started, or does not end within the limit; it is killed then.
pub fn run(command: &mut Command, limit: Duration) -> Ran {
    run_with_input(command, "", limit)
}

/// Runs a command that reads this from its standard input.
///
/// # Panics
/// When it cannot be started, or does not end within the limit; it is killed then.
pub fn run_with_input(command: &mut Command, input: &str, limit: Duration) -> Ran {
    let line = line(command);
    let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = pipes.spawn().unwrap_or_else(|error| panic!("`{line}` cannot be started: {error}"));
    let stdout = Reading::of(child.stdout.take().expect("a pipe"));
    let stderr = Reading::of(child.stderr.take().expect("a pipe"));
    let mut stdin = child.stdin.take().expect("a pipe");
    let input = input.to_owned();
    // It may print before it has read everything, or end without.
    spawn(move || stdin.write_all(input.as_bytes()));
    let Some(code) = wait(&mut child, limit) else {
        let (stdout, stderr) = (stdout.so_far(), stderr.so_far());
        panic!("`{line}` did not end within {} s\n{stdout}{stderr}", limit.as_secs());
    };
    Ran { line, code, stdout: stdout.until_it_ends(), stderr: stderr.until_it_ends() }
}

/// The exit code; `None`: it did not end in time.
#[allow(clippy::option_option)]
fn wait(child: &mut Child, limit: Duration) -> Option<Option<i32>> {
    let end = Instant::now() + limit;
    loop {
        if let Some(status) = child.try_wait().expect("its status") {
            return Some(status.code());
        }
        if Instant::now() >= end {
            let _ = child.kill();
            let _ = child.wait();
            return None;
        }
        sleep(PAUSE);
    }
}

fn line(command: &Command) -> String {
    let words = [command.get_program()].into_iter().chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// What a command prints, while it runs.
struct Reading {
    text: Arc<Mutex<Vec<u8>>>,
    thread: JoinHandle<()>,
}

impl Reading {
    fn of(mut pipe: impl Read + Send + 'static) -> Self {
        let text = Arc::new(Mutex::new(Vec::new()));
        let all = text.clone();
        let thread = spawn(move || {
            let mut part = [0; 8192];
            while let Ok(length @ 1..) = pipe.read(&mut part) {
                all.lock().unwrap_or_else(PoisonError::into_inner).extend(&part[..length]);
            }
        });
        Self { text, thread }
    }

    fn so_far(&self) -> String {
        String::from_utf8_lossy(&self.text.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }

    fn until_it_ends(self) -> String {
        let Self { text, thread } = self;
        let _ = thread.join();
        String::from_utf8_lossy(&text.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_printed_and_how_it_ended_is_told() {
        let ran = run_with_input(
            Command::new("sh").args(["-c", "cat; echo no >&2; exit 3"]),
            "input",
            Duration::from_secs(10),
        );
        assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (Some(3), "input", "no\n"));
        assert!(ran.ok().is_err_and(|why| why.contains("exit 3")));
    }

    #[test]
    #[should_panic(expected = "did not end within 0 s\nbegun")]
    fn what_does_not_end_is_killed() {
        let mut command = Command::new("sh");
        let limit = Duration::from_millis(500);
        run(command.args(["-c", "printf begun; exec sleep 60"]), limit);
    }
}
