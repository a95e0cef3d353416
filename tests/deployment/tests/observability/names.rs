//! The names of metrics in expressions and documents.

use std::collections::BTreeSet;

use serde_json::Value;

/// What every metric of this project begins with.
const PREFIXES: [&str; 3] = ["logistics_", "http_server_", "process_"];
/// What a histogram or a counter appends to the name of its family.
const ENDINGS: [&str; 4] = ["_bucket", "_count", "_sum", "_total"];

/// The metrics that an expression names, without what is recorded by a rule.
pub(crate) fn metrics(expr: &str) -> BTreeSet<String> {
    words(expr).filter(|word| PREFIXES.iter().any(|prefix| word.starts_with(prefix))).collect()
}

/// The recorded series that an expression names.
pub(crate) fn recorded(expr: &str) -> BTreeSet<String> {
    words(expr).filter(|word| word.starts_with("logistics:")).collect()
}

fn words(text: &str) -> impl Iterator<Item = String> {
    // What is in quotes is a value, such as the name of a program.
    let outside: String = text.split('"').step_by(2).collect::<Vec<_>>().join(" ");
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    outside.split(|c| !is_name(c)).map(str::to_owned).collect::<Vec<_>>().into_iter()
}

/// The family of a metric, with and without its ending.
pub(crate) fn families(metric: &str) -> Vec<&str> {
    ENDINGS.iter().filter_map(|ending| metric.strip_suffix(ending)).chain([metric]).collect()
}

/// The expressions of a dashboard: of panels, variables and annotations.
pub(crate) fn queries(dashboard: &Value) -> Vec<String> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let panels = list(&dashboard["panels"]);
    let of_panels = panels.iter().flat_map(|panel| list(&panel["targets"]));
    let variables = list(&dashboard["templating"]["list"]);
    let of_variables = variables.iter().map(|variable| variable["query"]["query"].clone());
    let annotations = list(&dashboard["annotations"]["list"]);
    let all = of_panels.chain(annotations).map(|query| query["expr"].clone()).chain(of_variables);
    all.filter_map(|query| query.as_str().map(str::to_owned)).collect()
}

/// The names in the first column of the tables of a document.
pub(crate) fn of_tables(document: &str) -> BTreeSet<String> {
    let cells = document.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").next());
    let names = cells.flat_map(|cell| words(cell).collect::<Vec<_>>());
    names.filter(|name| PREFIXES.iter().any(|prefix| name.starts_with(prefix))).collect()
}

#[test]
fn names_are_found_in_expressions() {
    let expr =
        "rate(logistics_facts_total{job=\"logistics_x\"}[5m]) / on (a) logistics:b:c5m > process_threads";
    assert_eq!(
        metrics(expr),
        BTreeSet::from(["logistics_facts_total", "process_threads"].map(str::to_owned))
    );
    assert_eq!(recorded(expr), BTreeSet::from(["logistics:b:c5m".to_owned()]));
    assert_eq!(families("a_b_total"), ["a_b", "a_b_total"]);
    let table = of_tables("| family | type |\n| `logistics_a` / `process_b` | gauge | logistics_c |\n");
    assert_eq!(table, BTreeSet::from(["logistics_a", "process_b"].map(str::to_owned)));
}
