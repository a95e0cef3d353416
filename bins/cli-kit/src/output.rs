//! Output to the terminal. Only this module prints.
#![allow(clippy::print_stderr, reason = "printing is what this module is for")]

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::Path;

use logistics_core::text::{Escaped, escaped_json};

use crate::exit::Failure;
use crate::logging;

/// Prints a program's error on standard error, escaped.
pub fn complain(program: &str, message: &str) {
    logging::print(&format!("{program}: {}", Escaped(message)));
}

/// Writes a line to standard error, directly: for commands without a log, and before logging has started.
pub fn note(line: &str) {
    eprintln!("{line}");
}

/// Writes a line to standard output. A closed pipe is not a failure.
pub fn line(text: impl AsRef<str>) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{}", text.as_ref());
    let _ = out.flush();
}

/// Prints a reply of the API on one line of standard output.
pub fn json(reply: &[u8]) {
    line(escaped_json(&String::from_utf8_lossy(reply)));
}

/// Whether standard output is a terminal.
pub fn is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Buffered lines, written when the buffer is full or flushed. A closed pipe (`| head`) ends the output without a failure; any
/// other write error is a failure.
pub struct Lines {
    out: BufWriter<Box<dyn Write>>,
    name: String,
}

impl Lines {
    /// To standard output.
    pub fn stdout() -> Self {
        Self { out: BufWriter::new(Box::new(io::stdout())), name: "standard output".to_owned() }
    }

    /// To a file, from its start.
    ///
    /// # Errors
    /// If the file cannot be created.
    pub fn file(path: &Path) -> Result<Self, Failure> {
        let name = path.display().to_string();
        match File::create(path) {
            Ok(file) => Ok(Self { out: BufWriter::new(Box::new(file)), name }),
            Err(error) => Err(Failure::usage(format!("cannot write {name}: {error}"))),
        }
    }

    /// Writes a line. Returns false once the reader has closed the pipe.
    ///
    /// # Errors
    /// If the write fails.
    pub fn write(&mut self, text: &str) -> Result<bool, Failure> {
        let written = self.out.write_all(text.as_bytes()).and_then(|()| self.out.write_all(b"\n"));
        self.reads(written)
    }

    /// Flushes the buffer. Returns false once the reader has closed the pipe.
    ///
    /// # Errors
    /// If the write fails.
    pub fn flush(&mut self) -> Result<bool, Failure> {
        let flushed = self.out.flush();
        self.reads(flushed)
    }

    fn reads(&self, result: io::Result<()>) -> Result<bool, Failure> {
        match result {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
            Err(error) => Err(Failure::usage(format!("cannot write {}: {error}", self.name))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Failing(io::ErrorKind);

    impl Write for Failing {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_closed_pipe_ends_the_output_and_a_full_disk_is_a_failure() {
        let lines = |kind| Lines { out: BufWriter::new(Box::new(Failing(kind))), name: "there".to_owned() };
        let mut gone = lines(io::ErrorKind::BrokenPipe);
        assert!(gone.write("a line").is_ok_and(|reads| reads));
        assert!(gone.flush().is_ok_and(|reads| !reads));
        let mut full = lines(io::ErrorKind::StorageFull);
        assert!(full.write("a line").is_ok());
        assert!(full.flush().is_err_and(|failure| failure.message.starts_with("cannot write there: ")));
    }
}
