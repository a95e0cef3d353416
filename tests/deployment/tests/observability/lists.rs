//! Four lists are one: documented metrics, rules, unit tests of rules, and the runbook.

use std::collections::BTreeSet;

use logistics_deployment_tests::observability::{dashboards, folder, rules};
use logistics_deployment_tests::project;

use crate::names;

fn document(path: &str) -> String {
    std::fs::read_to_string(project().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn alerts() -> BTreeSet<String> {
    rules::alerts().into_iter().map(|alert| alert.name).collect()
}

/// The families of docs/metrics.md.
fn documented() -> BTreeSet<String> {
    names::of_tables(&document(METRICS))
}

const METRICS: &str = "docs/metrics.md";

#[test]
fn every_metric_that_a_rule_or_a_dashboard_names_is_documented() {
    let (documented, recorded) = (documented(), rules::recorded());
    assert!(documented.len() > 40, "{documented:?}");
    let of_dashboards = dashboards().iter().flat_map(|(_, dashboard)| names::queries(dashboard)).collect();
    for expr in [rules::expressions(), of_dashboards].concat() {
        for metric in names::metrics(&expr) {
            let known = names::families(&metric).iter().any(|family| documented.contains(*family));
            assert!(known, "{METRICS} has no {metric}, which is in: {expr}");
        }
        for series in names::recorded(&expr) {
            assert!(recorded.contains(&series), "no rule records {series}, which is in: {expr}");
        }
    }
}

#[test]
fn every_recorded_series_is_used() {
    let of_dashboards = dashboards().iter().flat_map(|(_, dashboard)| names::queries(dashboard)).collect();
    let used: BTreeSet<_> = [rules::expressions(), of_dashboards]
        .concat()
        .iter()
        .flat_map(|expr| names::recorded(expr))
        .collect();
    assert_eq!(rules::recorded(), used);
}

/// The runbook has a heading `### Name` for each alert, and each alert leads there.
#[test]
fn every_alert_has_a_paragraph_in_the_runbook_and_every_paragraph_an_alert() {
    let runbook = document("docs/alerts.md");
    let headings = runbook.lines().filter_map(|line| line.strip_prefix("### ")).map(str::to_owned);
    assert_eq!(headings.collect::<BTreeSet<_>>(), alerts());
    for alert in rules::alerts() {
        let url = alert.value("runbook_url").unwrap_or_default();
        assert!(
            url.ends_with(&format!("/docs/alerts.md#{}", alert.name.to_lowercase())),
            "{}: {url}",
            alert.name
        );
    }
}

#[test]
fn every_alert_names_its_severity_its_part_and_its_meaning() {
    let of = |alert: &rules::Alert, key: &str| {
        alert.value(key).unwrap_or_else(|| panic!("{} has no {key}", alert.name)).to_owned()
    };
    for alert in rules::alerts() {
        assert!(["critical", "warning"].contains(&&*of(&alert, "severity")), "{}", alert.name);
        assert!(!of(&alert, "fault").is_empty() && !of(&alert, "layer").is_empty(), "{}", alert.name);
        assert!(
            !of(&alert, "summary").is_empty() && of(&alert, "description").ends_with('.'),
            "{}",
            alert.name
        );
        // With two intervals, the slowest fires within a minute. Only a forecast may take longer.
        let wait = alert.value("for").unwrap_or("0s").strip_suffix('s').and_then(|text| text.parse().ok());
        let wait: Option<f64> =
            wait.map(|wait: f64| wait + if alert.expr.contains("_seconds") { waits(&alert) } else { 0.0 });
        let is_forecast = alert.value("window") == Some("hour");
        assert!(is_forecast || wait.is_some_and(|wait| wait <= 50.0), "{} waits for {wait:?}", alert.name);
    }
}

/// A threshold in seconds is a wait too, unless it is a deadline of the business.
fn waits(alert: &rules::Alert) -> f64 {
    let is_limit = alert.expr.contains("> on ") || alert.expr.contains("> 0") || alert.expr.contains("ratio");
    if is_limit { 0.0 } else { alert.threshold() }
}

/// Each test of a rule expects that the alert fires once, and that it does not.
#[test]
fn every_alert_has_a_unit_test() {
    let files = std::fs::read_dir(folder().join("tests")).expect("a folder").flatten();
    let tests: String = files.map(|file| std::fs::read_to_string(file.path()).expect("a test")).collect();
    for alert in alerts() {
        let expectations: Vec<_> = tests.split(&format!("alertname: {alert}\n")).skip(1).collect();
        let quiet = |test: &&&str| test.trim_start().starts_with("exp_alerts: []");
        assert!(expectations.iter().any(|test| quiet(&test)), "no test expects {alert} to be quiet");
        assert!(expectations.iter().any(|test| !quiet(&test)), "no test expects {alert} to fire");
    }
}

/// An inhibition of an alert that has another name inhibits nothing.
#[test]
fn the_inhibitions_name_alerts() {
    let alerts = alerts();
    let config = rules::file("alertmanager.yml");
    let named: BTreeSet<_> = config
        .split("alertname")
        .skip(1)
        .filter_map(|part| part.trim_start_matches(['=', '~', '"']).split('"').next())
        .flat_map(|names| names.split('|'))
        .filter(|name| !name.is_empty() && !name.starts_with(']'))
        .collect();
    assert!(named.len() > 15, "{named:?}");
    for name in named {
        assert!(alerts.contains(name), "alertmanager.yml names {name}, which is no alert");
    }
}
