//! Reads an exposition by the rules of OpenMetrics 1.0, without any code that wrote it, and panics where a rule is broken.

use std::collections::{BTreeMap, BTreeSet};

/// A series of a scrape.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sample {
    pub(super) name: String,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) value: f64,
    /// The trace and the value.
    pub(super) exemplar: Option<(String, f64)>,
}

/// The series of a scrape, and the type of each family.
#[derive(Debug, Default)]
pub(super) struct Scrape {
    pub(super) samples: Vec<Sample>,
    pub(super) types: BTreeMap<String, String>,
}

impl Scrape {
    /// The value of the series with these labels and no others.
    pub(super) fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let labels: BTreeMap<_, _> =
            labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let mut found = self.samples.iter().filter(|sample| sample.name == name && sample.labels == labels);
        found.next().map(|sample| sample.value)
    }

    pub(super) fn named(&self, name: &str) -> impl Iterator<Item = &Sample> {
        self.samples.iter().filter(move |sample| sample.name == name)
    }
}

pub(super) fn read(text: &str) -> Scrape {
    let body = text.strip_suffix("# EOF\n").expect("the text ends with # EOF");
    let mut scrape = Scrape::default();
    let mut family = String::new();
    let mut has_help = BTreeSet::new();
    let mut seen = BTreeSet::new();
    for line in body.lines() {
        if let Some(meta) = line.strip_prefix("# ") {
            let (keyword, rest) = meta.split_once(' ').expect("a keyword");
            let (name, value) = rest.split_once(' ').expect("a name and a value");
            assert!(is_name(name), "{line}");
            match keyword {
                "HELP" => {
                    assert!(
                        has_help.insert(name.to_owned()),
                        "{name} is described twice, or its series are apart"
                    );
                    assert!(!value.is_empty(), "{line}");
                    family = name.to_owned();
                }
                "TYPE" => assert!(scrape.types.insert(name.to_owned(), value.to_owned()).is_none(), "{line}"),
                "UNIT" => assert!(name.ends_with(&format!("_{value}")), "{line}"),
                _ => panic!("an unknown keyword: {line}"),
            }
            assert_eq!(name, family, "{line}");
            continue;
        }
        let sample = sample(line);
        let ending = sample.name.strip_prefix(&family).unwrap_or_else(|| panic!("{line} is not of {family}"));
        let endings: &[&str] = match scrape.types[&family].as_str() {
            "counter" => &["_total"],
            "gauge" => &[""],
            "info" => &["_info"],
            "histogram" => &["_bucket", "_sum", "_count"],
            other => panic!("an unknown type: {other}"),
        };
        assert!(endings.contains(&ending), "{line}");
        assert!(sample.exemplar.is_none() || ending == "_bucket", "{line}");
        assert!(ending.is_empty() || sample.value >= 0.0, "{line}");
        assert!(seen.insert((sample.name.clone(), sample.labels.clone())), "twice: {line}");
        scrape.samples.push(sample);
    }
    check_histograms(&scrape);
    scrape
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

fn sample(line: &str) -> Sample {
    let end = line.find(['{', ' ']).expect("a name");
    let (name, rest) = line.split_at(end);
    assert!(is_name(name), "{line}");
    let (labels, rest) = labels(rest);
    let rest = rest.strip_prefix(' ').unwrap_or_else(|| panic!("no value: {line}"));
    let (value, exemplar) = match rest.split_once(" # ") {
        Some((value, exemplar)) => (value, Some(exemplar)),
        None => (rest, None),
    };
    let value: f64 = value.parse().unwrap_or_else(|_| panic!("no number: {line}"));
    Sample { name: name.to_owned(), labels, value, exemplar: exemplar.map(self::exemplar) }
}

fn exemplar(text: &str) -> (String, f64) {
    let (mut labels, rest) = labels(text);
    let numbers: Vec<f64> = rest.split_whitespace().map(|number| number.parse().expect("a number")).collect();
    let [value, at] = numbers[..] else { panic!("a value and a time: {text}") };
    assert!(at > 0.0, "{text}");
    let trace_id = labels.remove("trace_id").expect("a trace");
    assert!(trace_id.len() == 32 && labels.is_empty(), "{text}");
    (trace_id, value)
}

/// The labels at the beginning of a text, and the rest.
fn labels(text: &str) -> (BTreeMap<String, String>, &str) {
    let mut labels = BTreeMap::new();
    let Some(mut rest) = text.strip_prefix('{') else { return (labels, text) };
    loop {
        let (name, quoted) = rest.split_once("=\"").expect("a label");
        assert!(is_name(name), "{text}");
        let mut value = String::new();
        let mut chars = quoted.char_indices();
        let end = loop {
            match chars.next().expect("the value of a label ends") {
                (at, '"') => break at + 1,
                (_, '\\') => match chars.next() {
                    Some((_, 'n')) => value.push('\n'),
                    Some((_, c @ ('"' | '\\'))) => value.push(c),
                    other => panic!("an unknown escape: {other:?} in {text}"),
                },
                (_, c) => value.push(c),
            }
        };
        assert!(labels.insert(name.to_owned(), value).is_none(), "a label twice: {text}");
        rest = match quoted[end..].strip_prefix(',') {
            Some(rest) => rest,
            None => return (labels, quoted[end..].strip_prefix('}').expect("the labels end")),
        };
    }
}

/// Buckets grow with their bounds, the last has no bound and equals the count, and an exemplar is in its bucket.
fn check_histograms(scrape: &Scrape) {
    let mut buckets: BTreeMap<_, Vec<&Sample>> = BTreeMap::new();
    for sample in scrape.samples.iter().filter(|sample| sample.name.ends_with("_bucket")) {
        let mut labels = sample.labels.clone();
        labels.remove("le").expect("a bound");
        buckets.entry((sample.name.trim_end_matches("_bucket"), labels)).or_default().push(sample);
    }
    for ((name, labels), buckets) in buckets {
        let bound = |sample: &Sample| sample.labels["le"].parse::<f64>().expect("a bound");
        for pair in buckets.windows(2) {
            assert!(bound(pair[0]) < bound(pair[1]) && pair[0].value <= pair[1].value, "{pair:?}");
            let exemplar = pair[1].exemplar.as_ref().map(|(_, value)| *value);
            assert!(
                exemplar.is_none_or(|value| value > bound(pair[0]) && value <= bound(pair[1])),
                "{pair:?}"
            );
        }
        let last = buckets.last().expect("a bucket");
        assert_eq!(last.labels["le"], "+Inf");
        let labels: Vec<_> = labels.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(scrape.value(&format!("{name}_count"), &labels), Some(last.value), "{name} {labels:?}");
        assert!(scrape.value(&format!("{name}_sum"), &labels).is_some(), "{name} {labels:?}");
    }
}

#[test]
#[should_panic(expected = "twice")]
fn the_reader_rejects_a_series_that_is_there_twice() {
    read("# HELP a A.\n# TYPE a gauge\na{b=\"1\"} 1\na{b=\"1\"} 2\n# EOF\n");
}

#[test]
#[should_panic(expected = "a_count 1")]
fn the_reader_rejects_a_sample_of_another_type() {
    read("# HELP a A.\n# TYPE a counter\na_count 1\n# EOF\n");
}
