//! Reads the text of `/metrics`: OpenMetrics 1.0 and the Prometheus text format.
//!
//! No crate does this: `openmetrics-parser` has a licence that this project does not permit (LGPL), and `prometheus-parse` knows
//! neither exemplars nor the end marker.

use super::samples::{Labels, Sample, Samples};

/// Only these families are kept, so that other metrics of a process cost no memory.
const PREFIXES: [&str; 3] = ["logistics_", "http_server_", "process_"];
/// Maximum number of labels of a sample.
const LABELS_MAX: usize = 32;
/// What ends a complete OpenMetrics text.
const END: &str = "# EOF";

/// Reads a text. `ends`: the format has an end marker, and a text without it is cut off.
///
/// # Errors
/// What is wrong, and in which line. Nothing of a wrong text is used, as in Prometheus.
pub(super) fn parse(text: &str, ends: bool) -> Result<Samples, String> {
    let mut samples = Samples::default();
    for (at, line) in text.lines().enumerate() {
        if line == END {
            return Ok(samples);
        }
        // Metadata, and names in quotes, which no family of this project has.
        if line.trim().is_empty() || line.starts_with(['#', '{']) {
            continue;
        }
        let (name, sample) = sample(line)
            .ok_or_else(|| format!("the reply is no text of metrics: line {} is invalid", at + 1))?;
        if PREFIXES.iter().any(|prefix| name.starts_with(prefix)) {
            samples.push(name, sample);
        }
    }
    if ends { Err("the metrics are cut off: the end marker is missing".to_owned()) } else { Ok(samples) }
}

/// `name{label="value"} value [time] [# exemplar]`.
fn sample(line: &str) -> Option<(&str, Sample)> {
    let end = line.find(['{', ' ', '\t'])?;
    let (name, rest) = line.split_at(end);
    if !is_name(name) {
        return None;
    }
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(rest) => labels(rest)?,
        None => (Vec::new(), rest),
    };
    let mut rest = rest.split_ascii_whitespace();
    let value = rest.next()?.parse().ok()?;
    match rest.next() {
        None | Some("#") => {}
        Some(time) => {
            time.parse::<f64>().ok()?;
            if !matches!(rest.next(), None | Some("#")) {
                return None;
            }
        }
    }
    Some((name, Sample { labels: Labels::new(labels), value }))
}

type Pairs = Vec<(String, String)>;

/// The labels behind `{`, and the text behind `}`.
fn labels(mut rest: &str) -> Option<(Pairs, &str)> {
    let mut labels = Vec::new();
    loop {
        rest = rest.trim_start();
        if let Some(rest) = rest.strip_prefix('}') {
            return Some((labels, rest));
        }
        let (name, quoted) = rest.split_once('=')?;
        let name = name.trim_end();
        if !is_name(name) || labels.len() == LABELS_MAX {
            return None;
        }
        let (value, behind) = quoted_value(quoted.trim_start().strip_prefix('"')?)?;
        labels.push((name.to_owned(), value));
        rest = behind.trim_start();
        rest = match rest.strip_prefix(',') {
            Some(rest) => rest,
            None if rest.starts_with('}') => rest,
            None => return None,
        };
    }
}

/// The value behind its first quote, and the text behind its last one.
fn quoted_value(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.chars();
    loop {
        match chars.next()? {
            '"' => return Some((value, chars.as_str())),
            '\\' => match chars.next()? {
                'n' => value.push('\n'),
                escaped @ ('\\' | '"') => value.push(escaped),
                // As Prometheus does: an unknown escape stays as it is.
                other => value.extend(['\\', other]),
            },
            c => value.push(c),
        }
    }
}

fn is_name(name: &str) -> bool {
    let is_start = |c: char| c.is_ascii_alphabetic() || matches!(c, '_' | ':');
    name.starts_with(is_start) && name.chars().all(|c| is_start(c) || c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str, family: &str) -> Vec<(Option<String>, f64)> {
        let samples = parse(text, false).expect("valid");
        let of = |sample: &Sample| (sample.labels.value("l").map(str::to_owned), sample.value);
        samples.of(family).iter().map(of).collect()
    }

    #[test]
    fn labels_escapes_times_and_exemplars_are_read() {
        let text = concat!(
            "# HELP logistics_a A \"help\" {text}\n",
            "# TYPE logistics_a counter\n\n",
            "logistics_a{l=\"a\\\\b\\\"c\\nd\\x}, # \"} 1\n",
            "logistics_a{ l = \"2\" , m=\"\", } 2 1700000000.5\n",
            "logistics_a{l=\"3\"} 3e2 # {trace_id=\"0af\"} 0.5 1700000000\n",
            "logistics_a{l=\"4\"} 4 1700000000 # {trace_id=\"0af\"} 0.5\n",
            "logistics_a 5\r\n",
            "logistics_a{} 6\n",
            "other_family{l=\"x\"} 7\n",
            "{\"quoted.name\",l=\"x\"} 8\n",
        );
        let some = |l: &str| Some(l.to_owned());
        assert_eq!(
            values(text, "logistics_a"),
            [
                (some("a\\b\"c\nd\\x}, # "), 1.0),
                (some("2"), 2.0),
                (some("3"), 300.0),
                (some("4"), 4.0),
                (None, 5.0),
                (None, 6.0),
            ]
        );
        assert!(values(text, "other_family").is_empty());
    }

    #[test]
    fn special_values_are_numbers() {
        let text = "logistics_a NaN\nlogistics_a +Inf\nlogistics_a -Inf\nlogistics_a 1.5e-3\n";
        let values = values(text, "logistics_a");
        assert!(values[0].1.is_nan());
        assert_eq!(
            values[1..].iter().map(|(_, value)| *value).collect::<Vec<_>>(),
            [f64::INFINITY, f64::NEG_INFINITY, 0.0015]
        );
    }

    #[test]
    fn a_wrong_line_is_an_error_that_names_it_and_shows_nothing_of_it() {
        for wrong in [
            "<html>\u{1b}[2J</html>",
            "logistics_a",
            "logistics_a one",
            "logistics_a{l=\"x\" 1",
            "logistics_a{l=\"x} 1",
            "logistics_a{l=x} 1",
            "logistics_a{l=\"x\"m=\"y\"} 1",
            "logistics_a{1l=\"x\"} 1",
            "logistics_a{l=\"\\",
            "logistics_a 1 2 3",
            "logistics_a 1 then",
        ] {
            let error = parse(&format!("logistics_b 1\n{wrong}\n"), false).expect_err(wrong);
            assert_eq!(error, "the reply is no text of metrics: line 2 is invalid");
        }
        let many: String = (0..=LABELS_MAX).map(|at| format!("l{at}=\"\",")).collect();
        assert!(parse(&format!("logistics_a{{{many}}} 1\n"), false).is_err());
    }

    #[test]
    fn a_text_without_its_end_is_cut_off() {
        assert!(parse("logistics_a 1\n# EOF\n", true).is_ok());
        assert!(parse("logistics_a 1\n", true).is_err());
        assert!(parse("", true).is_err());
        assert!(parse("", false).is_ok());
        // Nothing behind the end counts.
        assert!(parse("logistics_a 1\n# EOF\nrubbish", true).is_ok());
    }

    #[test]
    fn any_cut_and_any_byte_is_an_answer() {
        let text = "logistics_a{l=\"ä\\n\"} 1 2 # {t=\"x\"} 1\n# EOF\n";
        for at in (0..text.len()).filter(|at| text.is_char_boundary(*at)) {
            let _ = parse(&text[..at], true);
            for odd in ['\0', '"', '\\', '{', '}', '\u{202e}'] {
                let _ = parse(&format!("{}{odd}{}", &text[..at], &text[at..]), false);
            }
        }
    }
}
