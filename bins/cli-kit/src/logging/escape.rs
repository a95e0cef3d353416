//! Escapes log lines, so that untrusted text in them neither controls a terminal nor breaks a line.

use std::fmt::{self, Debug, Write};

use logistics_core::text::{EscapingWriter, escaped_json};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// Formats the message and fields of a line for people, escaped.
pub(super) struct HumanFields;

impl<'w> FormatFields<'w> for HumanFields {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'w>, fields: R) -> fmt::Result {
        let mut visitor = Visitor { writer, first: true, result: Ok(()) };
        fields.record(&mut visitor);
        visitor.result
    }
}

struct Visitor<'w> {
    writer: Writer<'w>,
    first: bool,
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
        if self.result.is_ok() && !field.name().starts_with("log.") {
            self.result = self.write(field.name(), value);
        }
    }
}

/// Formats lines of JSON, with escapes for the control characters that JSON permits.
pub(super) struct JsonEvent<F>(pub(super) F);

impl<S, N, F> FormatEvent<S, N> for JsonEvent<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut line = String::new();
        self.0.format_event(context, Writer::new(&mut line), event)?;
        writer.write_str(&escaped_json(line.trim_end_matches('\n')))?;
        writer.write_char('\n')
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use super::*;

    const OUTSIDE: &str = "a\x1b[2J\r\nb\u{202e}c\u{9b}1m\x7f";
    const SHOWN: &str = "a\\u{1b}[2J\\u{d}\\u{a}b\\u{202e}c\\u{9b}1m\\u{7f}";

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Written {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    fn log() {
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
    fn a_line_for_machines_is_equal_json_without_control_characters() {
        let written = Written::default();
        let writer = written.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_writer(move || writer.clone())
            .json()
            .flatten_event(true)
            .map_event_format(JsonEvent);
        tracing::subscriber::with_default(subscriber.finish(), log);
        let text = written.text();
        let line = text.strip_suffix('\n').expect("a line");
        assert!(!line.contains(logistics_core::text::is_active), "{line:?}");
        let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
        assert_eq!((&line["cause"], &line["message"]), (&OUTSIDE.into(), &format!("of {OUTSIDE}").into()));
    }
}
