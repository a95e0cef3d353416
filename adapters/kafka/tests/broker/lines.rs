//! Captures the log lines of this process.

use std::io;
use std::sync::{Mutex, PoisonError};

static LINES: Mutex<String> = Mutex::new(String::new());

struct Capture;

impl io::Write for Capture {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut lines = LINES.lock().unwrap_or_else(PoisonError::into_inner);
        lines.push_str(&String::from_utf8_lossy(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Captures warnings and errors from now on.
pub(crate) fn capture() {
    tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::WARN)
        .with_ansi(false)
        .with_writer(|| Capture)
        .init();
}

/// The captured lines that contain `part`.
pub(crate) fn with(part: &str) -> Vec<String> {
    let lines = LINES.lock().unwrap_or_else(PoisonError::into_inner);
    lines.lines().filter(|line| line.contains(part)).map(str::to_owned).collect()
}
