//! Text from outside, on its way to a terminal, a log line or a page.
//!
//! An escape sequence moves a cursor or sets a title. A bidirectional control changes the displayed order of a text. A
//! line break splits a line. Text from records and clients is shown with all of these escaped.

use std::borrow::Cow;
use std::fmt::{self, Write};

/// Whether a character controls its display or breaks a line: the controls C0, DEL and C1, the line and paragraph
/// separators, and the controls of bidirectional text.
#[must_use]
pub fn is_active(c: char) -> bool {
    matches!(c,
        '\u{0}'..='\u{1f}'
        | '\u{7f}'..='\u{9f}'
        | '\u{61c}'
        | '\u{200e}' | '\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2066}'..='\u{2069}'
    )
}

/// Displays a text on one line, its active characters ([`is_active`]) as `\u{1b}`.
///
/// ```
/// use logistics_core::text::Escaped;
///
/// assert_eq!(Escaped("late\u{1b}[2J\n").to_string(), "late\\u{1b}[2J\\u{a}");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Escaped<'a>(pub &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        EscapingWriter(f).write_str(self.0)
    }
}

/// Escapes what is written to it, as [`Escaped`] does.
#[derive(Debug)]
pub struct EscapingWriter<W>(pub W);

impl<W: Write> Write for EscapingWriter<W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        each_part(text, |part| match part {
            Part::Plain(text) => self.0.write_str(text),
            Part::Active(c) => write!(self.0, "\\u{{{:x}}}", u32::from(c)),
        })
    }
}

/// The same JSON value on one line, its active characters ([`is_active`]) as `\u001b`. Outside of strings, an active
/// character is white space and becomes a space.
#[must_use]
pub fn escaped_json(json: &str) -> Cow<'_, str> {
    if !json.contains(is_active) {
        return Cow::Borrowed(json);
    }
    let mut escaped = String::with_capacity(json.len() + json.len() / 8);
    let written = each_part(json, |part| match part {
        Part::Plain(text) => escaped.write_str(text),
        // JSON has these outside of strings only; within a string they are escaped already.
        Part::Active('\t' | '\n' | '\r') => escaped.write_char(' '),
        Part::Active(c) => write!(escaped, "\\u{:04x}", u32::from(c)),
    });
    // Writing to a string does not fail.
    debug_assert!(written.is_ok());
    Cow::Owned(escaped)
}

enum Part<'a> {
    Plain(&'a str),
    Active(char),
}

fn each_part(text: &str, mut each: impl FnMut(Part<'_>) -> fmt::Result) -> fmt::Result {
    let mut rest = text;
    while let Some(at) = rest.find(is_active) {
        let (plain, tail) = rest.split_at(at);
        if !plain.is_empty() {
            each(Part::Plain(plain))?;
        }
        let mut chars = tail.chars();
        if let Some(c) = chars.next() {
            each(Part::Active(c))?;
        }
        rest = chars.as_str();
    }
    if rest.is_empty() { Ok(()) } else { each(Part::Plain(rest)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The characters to escape, as ranges.
    const ACTIVE: [(u32, u32); 7] = [
        (0x00, 0x1f),
        (0x7f, 0x9f),
        (0x61c, 0x61c),
        (0x200e, 0x200f),
        (0x2028, 0x2029),
        (0x202a, 0x202e),
        (0x2066, 0x2069),
    ];

    #[test]
    fn every_active_character_is_escaped_and_no_other() {
        for c in '\0'..=char::MAX {
            let active = ACTIVE.iter().any(|(first, last)| (*first..=*last).contains(&u32::from(c)));
            let shown = Escaped(c.encode_utf8(&mut [0; 4])).to_string();
            let expected = if active { format!("\\u{{{:x}}}", u32::from(c)) } else { c.to_string() };
            assert_eq!(shown, expected);
        }
    }

    #[test]
    fn an_escaped_text_is_one_line_without_active_characters() {
        let shown = Escaped("ok\r\x1b]0;owned\x07 \u{202e}txt.exe\u{2069}\u{9b}1m\nnext ä🔔").to_string();
        let expected = "ok\\u{d}\\u{1b}]0;owned\\u{7} \\u{202e}txt.exe\\u{2069}\\u{9b}1m\\u{a}next ä🔔";
        assert_eq!(shown, expected);
    }

    #[test]
    fn json_stays_the_same_value_on_one_line() {
        let json = "{\"a\":\r\n\t\"x\u{7f}\u{9b}\u{202e}\u{2028}y\"}";
        let shown = escaped_json(json);
        assert_eq!(shown, "{\"a\":   \"x\\u007f\\u009b\\u202e\\u2028y\"}");
        let value = |json: &str| serde_json::from_str::<serde_json::Value>(json).unwrap();
        assert_eq!(value(&shown), value(json));
        assert!(matches!(escaped_json("{\"a\":\"ä\"}"), Cow::Borrowed(_)));
    }
}
