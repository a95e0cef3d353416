//! Errors and panics as text.

use std::any::Any;
use std::error::Error;

/// An error with its causes, on one line.
pub(crate) fn error_text(error: &impl Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// Characters of an untrusted text that are shown.
const PRINTABLE_CHARS_MAX: usize = 300;

/// An untrusted text on one line, with escapes for characters that control a terminal.
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

/// The message of a panic.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_untrusted_text_stays_on_one_line_and_controls_no_terminal() {
        assert_eq!(printable("it's \"é\""), "it's \"é\"");
        assert_eq!(printable("a\n\u{1b}[2J\u{202e}\u{9b}b"), r"a\n\u{1b}[2J\u{202e}\u{9b}b");
        assert_eq!(printable(&"x".repeat(1000)).len(), PRINTABLE_CHARS_MAX);
    }
}
