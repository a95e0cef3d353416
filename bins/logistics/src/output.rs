//! What goes to the terminal: the only place that prints.
#![allow(clippy::print_stderr, reason = "printing is what this module is for")]

use std::io::{self, IsTerminal, Write};

/// One sentence on standard error.
pub(crate) fn complain(message: &str) {
    eprintln!("logistics: {message}");
}

/// A line on standard output. Nobody reading it any more is no reason to fail.
pub(crate) fn line(text: impl AsRef<str>) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{}", text.as_ref());
    let _ = out.flush();
}

/// People look at standard output, and not a file or another program.
pub(crate) fn is_terminal() -> bool {
    io::stdout().is_terminal()
}
