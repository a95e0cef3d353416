//! Log lines for people, escaped, so that untrusted text in them neither controls a terminal nor breaks a line.

use std::fmt::{self, Debug, Write};

use logistics_core::text::EscapingWriter;
use tracing::field::{Field, Visit};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::format::Writer;

/// Formats the message and fields of a line for people, escaped.
pub(super) struct HumanFields;

impl<'w> FormatFields<'w> for HumanFields {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'w>, fields: R) -> fmt::Result {
        let mut visitor = Visitor { writer, first: true, message: String::new(), result: Ok(()) };
        fields.record(&mut visitor);
        visitor.result
    }
}

struct Visitor<'w> {
    writer: Writer<'w>,
    first: bool,
    /// The message so far: it comes before the fields.
    message: String,
    result: fmt::Result,
}

impl Visitor<'_> {
    fn write(&mut self, name: &str, value: &dyn Debug) -> fmt::Result {
        if !std::mem::take(&mut self.first) {
            self.writer.write_char(' ')?;
        }
        if name != "message" {
            let name = name.trim_start_matches("r#");
            if self.writer.has_ansi_escapes() {
                write!(self.writer, "\x1b[3m{name}\x1b[0m\x1b[2m=\x1b[0m")?;
            } else {
                write!(self.writer, "{name}=")?;
            }
        }
        write!(EscapingWriter(&mut self.writer), "{value:?}")
    }
}

impl Visit for Visitor<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            self.record_debug(field, &format_args!("{value}"));
        } else {
            self.record_debug(field, &value);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        // Fields of the crate `log` repeat the level and target of the line.
        if self.result.is_err() || field.name().starts_with("log.") {
            return;
        }
        match field.name() {
            "message" => self.message = format!("{value:?}"),
            // Lines about an order name it in the sentence. Its field is for machines.
            "order_id" if self.message.contains(&format!("{value:?}")) => return,
            _ => {}
        }
        self.result = self.write(field.name(), value);
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use super::*;

    pub(in crate::logging) const OUTSIDE: &str = "a\x1b[2J\r\nb\u{202e}c\u{9b}1m\x7f";
    const SHOWN: &str = "a\\u{1b}[2J\\u{d}\\u{a}b\\u{202e}c\\u{9b}1m\\u{7f}";

    #[derive(Clone, Default)]
    pub(in crate::logging) struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Written {
        pub(in crate::logging) fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    pub(in crate::logging) fn log() {
        let error = io::Error::other(OUTSIDE);
        tracing::warn!(cause = %OUTSIDE, debugged = OUTSIDE, failed = &error as &dyn std::error::Error, "of {OUTSIDE}");
    }

    #[test]
    fn a_line_for_people_is_one_line_without_control_characters() {
        let written = Written::default();
        let writer = written.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_writer(move || writer.clone())
            .with_ansi(false)
            .with_target(false)
            .without_time()
            .fmt_fields(HumanFields);
        tracing::subscriber::with_default(subscriber.finish(), log);
        let fields = format!("of {SHOWN} cause={SHOWN} debugged=");
        let text = written.text();
        assert!(text.starts_with(&format!(" WARN {fields}")), "{text}");
        assert!(text.ends_with(&format!("failed={SHOWN}\n")), "{text}");
        assert!(!text.trim_end_matches('\n').contains(logistics_core::text::is_active), "{text:?}");
    }

    #[test]
    fn an_order_that_the_message_names_is_not_repeated() {
        let written = Written::default();
        let writer = written.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_writer(move || writer.clone())
            .with_ansi(false)
            .with_target(false)
            .without_time()
            .fmt_fields(HumanFields);
        tracing::subscriber::with_default(subscriber.finish(), || {
            tracing::info!(partition = 1, order_id = %"o-1", "Moved order o-1");
            let _span = tracing::info_span!("call", request_id = "r").entered();
            tracing::info!(order_id = %"o-1", "rejected");
        });
        let expected =
            " INFO Moved order o-1 partition=1\n INFO call{request_id=\"r\"}: rejected order_id=o-1\n";
        assert_eq!(written.text(), expected);
    }
}
