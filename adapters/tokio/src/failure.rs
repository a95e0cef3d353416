//! Failures in words.

use std::any::Any;
use std::error::Error;

/// An error with its causes, in one line.
pub(crate) fn sentence(error: &impl Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// Characters of a text from outside that are shown.
const PRINTABLE_CHARS_MAX: usize = 300;

/// A text that comes from outside, on one line and without anything that steers a terminal.
pub(crate) fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len().min(PRINTABLE_CHARS_MAX));
    for character in text.chars().take(PRINTABLE_CHARS_MAX) {
        match character {
            '"' | '\'' => shown.push(character),
            _ => shown.extend(character.escape_debug()),
        }
    }
    shown
}

/// What a panic said.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_from_outside_stays_one_line_and_steers_nothing() {
        assert_eq!(printable("it's \"é\""), "it's \"é\"");
        assert_eq!(printable("a\n\u{1b}[2J\u{202e}\u{9b}b"), r"a\n\u{1b}[2J\u{202e}\u{9b}b");
        assert_eq!(printable(&"x".repeat(1000)).len(), PRINTABLE_CHARS_MAX);
    }
}
