//! `docs/metrics.md` is made from the catalogue. `UPDATE_METRICS=1` writes it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::PathBuf;

use logistics_telemetry::{CATALOGUE, Family, Subject};

const HEAD: &str = include_str!("docs_head.md");

#[test]
fn the_page_has_every_metric() {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/metrics.md"));
    let page = page();
    if std::env::var_os("UPDATE_METRICS").is_some_and(|value| value == "1") {
        std::fs::write(&path, &page).expect("the page can be written");
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == page, "docs/metrics.md is not that of the catalogue: run with UPDATE_METRICS=1");
}

fn page() -> String {
    let mut page = HEAD.to_owned();
    for subject in CATALOGUE {
        let Subject { title, text, families, .. } = subject;
        let _ = write!(page, "\n## {title}\n\n{text}\n\n");
        page.push_str("| metric | type, unit | labels | meaning |\n| --- | --- | --- | --- |\n");
        families.iter().for_each(|family| page.push_str(&row(family)));
        let notes = label_notes(subject).into_iter().chain(bucket_notes(subject));
        let notes: Vec<String> = notes.map(|note| format!("- {note}\n")).collect();
        if !notes.is_empty() {
            let _ = write!(page, "\n{}", notes.concat());
        }
    }
    page
}

fn row(family: &Family) -> String {
    let labels: Vec<String> = family.labels.iter().map(|label| format!("`{}`", label.name)).collect();
    let unit = if family.unit == "1" { String::new() } else { format!(", {}", family.unit) };
    let (name, kind, labels) = (family.name, family.kind.name(), labels.join(", "));
    format!("| `{name}` | {kind}{unit} | {labels} | {} |\n", family.help)
}

/// The values of each label. A label with different values in two families has one note for each.
fn label_notes(subject: &Subject) -> Vec<String> {
    let labels =
        || subject.families.iter().flat_map(|family| family.labels.iter().map(move |at| (family, at)));
    let mut meanings: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (_, label) in labels() {
        meanings.entry(label.name).or_default().insert(label.values);
    }
    let mut seen = BTreeSet::new();
    let fresh = labels().filter(|(_, label)| seen.insert((label.name, label.values)));
    fresh
        .map(|(family, label)| match meanings[label.name].len() {
            1 => format!("`{}`: {}", label.name, label.values),
            _ => format!("`{}` of `{}`: {}", label.name, family.name, label.values),
        })
        .collect()
}

/// The bounds of the buckets. Families with the same ones share a note.
fn bucket_notes(subject: &Subject) -> Vec<String> {
    let mut notes: Vec<(String, Vec<String>)> = Vec::new();
    for family in subject.families.iter().filter(|family| !family.buckets().is_empty()) {
        let bounds: Vec<String> = family.buckets().iter().map(f64::to_string).collect();
        let (bounds, name) = (bounds.join(" "), format!("`{}`", family.name));
        match notes.iter_mut().find(|(known, _)| *known == bounds) {
            Some((_, names)) => names.push(name),
            None => notes.push((bounds, vec![name])),
        }
    }
    notes.into_iter().map(|(bounds, names)| format!("Buckets of {}: {bounds}", names.join(", "))).collect()
}
