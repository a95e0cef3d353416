//! Log lines for machines: the schema of `docs/logs.md`.
//!
//! Every field is at the top level, those of the enclosing spans too. Of two fields with one name, that of the event wins over
//! that of a span, and an inner span's over an outer one's.

use std::fmt;

use logistics_core::Timestamp;
use logistics_core::text::escaped_json;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

/// Formats lines of JSON, with escapes for the control characters that JSON permits. The fields of spans must be formatted by
/// `JsonFields`.
pub(super) struct JsonLines<C>(pub(super) C);

/// The names that a field cannot have.
const HEAD: [&str; 4] = ["timestamp", "level", "target", "message"];

impl<S, N, C> FormatEvent<S, N> for JsonLines<C>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    C: Fn() -> Timestamp,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut fields = Fields::default();
        for span in context.event_scope().into_iter().flat_map(|scope| scope.from_root()) {
            if let Some(of_span) = span.extensions().get::<FormattedFields<N>>()
                && let Ok(of_span) = serde_json::from_str::<Map<String, Value>>(of_span)
            {
                of_span.into_iter().for_each(|(name, value)| fields.set(name, value));
            }
        }
        event.record(&mut fields);
        let metadata = event.metadata();
        let head = [self.0().to_string(), metadata.level().to_string(), metadata.target().to_owned()];
        let mut line = String::with_capacity(256);
        let values = head.into_iter().chain([fields.message]).map(Value::from);
        for (name, value) in HEAD.into_iter().map(str::to_owned).zip(values).chain(fields.others) {
            line.push(if line.is_empty() { '{' } else { ',' });
            line.push_str(&Value::from(name).to_string());
            line.push(':');
            line.push_str(&value.to_string());
        }
        writer.write_str(&escaped_json(&line))?;
        writer.write_str("}\n")
    }
}

/// The fields of a line, in their order.
#[derive(Default)]
struct Fields {
    message: String,
    others: Vec<(String, Value)>,
}

impl Fields {
    fn set(&mut self, name: String, value: Value) {
        if name == "message" {
            // Only an event has one.
            return;
        }
        // Fields of the crate `log` repeat the level and target of the line.
        if name.starts_with("log.") {
            return;
        }
        let name = if HEAD.contains(&&*name) { format!("{name}_") } else { name };
        match self.others.iter_mut().find(|(other, _)| *other == name) {
            Some((_, earlier)) => *earlier = value,
            None => self.others.push((name, value)),
        }
    }

    fn record(&mut self, field: &Field, value: Value) {
        self.set(field.name().trim_start_matches("r#").to_owned(), value);
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.record(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.record(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.record(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.record(field, value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            value.clone_into(&mut self.message);
        } else {
            self.record(field, value.into());
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::fmt::format::JsonFields;

    use super::super::escape::tests::{OUTSIDE, Written, log};
    use super::*;

    fn lines(log: impl FnOnce()) -> Vec<Value> {
        let written = Written::default();
        let writer = written.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_writer(move || writer.clone())
            .fmt_fields(JsonFields::new())
            .event_format(JsonLines(Timestamp::default));
        tracing::subscriber::with_default(subscriber.finish(), log);
        let text = written.text();
        assert!(!text.replace('\n', "").contains(logistics_core::text::is_active), "{text:?}");
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    #[test]
    fn a_line_is_equal_json_without_control_characters() {
        let lines = lines(log);
        let expected = (&Value::from(OUTSIDE), &format!("of {OUTSIDE}").into());
        assert_eq!((&lines[0]["cause"], &lines[0]["message"]), expected);
        assert_eq!(
            (&lines[0]["level"], &lines[0]["timestamp"]),
            (&"WARN".into(), &"1970-01-01T00:00:00.000Z".into())
        );
    }

    #[test]
    fn the_fields_of_enclosing_spans_are_fields_of_the_line() {
        let lines = lines(|| {
            let _outer = tracing::info_span!("outer", trace_id = "a", request_id = "r").entered();
            let inner = tracing::info_span!("inner", trace_id = "b", order_id = tracing::field::Empty);
            inner.record("order_id", "o");
            let _inner = inner.entered();
            tracing::info!(partition = 3, late = true, level = "high", "hello");
            tracing::info!(order_id = "p");
        });
        let fields =
            ["trace_id", "request_id", "order_id", "partition", "late", "level", "level_", "message"];
        let shown = |line: &Value| fields.map(|field| line[field].clone());
        let first = serde_json::json!(["b", "r", "o", 3, true, "INFO", "high", "hello"]);
        let second = serde_json::json!(["b", "r", "p", null, null, "INFO", null, ""]);
        assert_eq!(
            lines.iter().map(|line| Value::from(shown(line).to_vec())).collect::<Vec<_>>(),
            [first, second]
        );
    }
}
