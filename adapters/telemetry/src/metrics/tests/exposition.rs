//! The text of a scrape, by the rules of OpenMetrics and by the catalogue.

use std::collections::{BTreeMap, BTreeSet};

use logistics_core::observe::{ApiCall, ApiRoute, Exposition, Observer};

use super::busy::{busy, channel};
use super::{Source, metrics, now, scrape};
use crate::metrics::{BuildInfo, CATALOGUE, Family, Metrics};

fn families() -> impl Iterator<Item = &'static Family> {
    CATALOGUE.iter().flat_map(|subject| subject.families)
}

#[test]
fn every_family_of_the_catalogue_has_series_and_no_other() {
    let scrape = scrape(&busy());
    let written: BTreeMap<&str, &str> = scrape.types.iter().map(|(name, kind)| (&**name, &**kind)).collect();
    let of_linux = |family: &Family| cfg!(target_os = "linux") || !family.name.starts_with("process_");
    let catalogue: BTreeMap<&str, &str> = families()
        .filter(|family| of_linux(family))
        .map(|family| (family.base_name(), family.kind.name()))
        .collect();
    assert_eq!(written, catalogue);
}

#[test]
fn each_series_has_the_labels_of_its_family() {
    let scrape = scrape(&busy());
    for family in families() {
        let expected: BTreeSet<&str> = family.labels.iter().map(|label| label.name).collect();
        for name in family.series_names() {
            for sample in scrape.named(&name) {
                let labels = sample.labels.keys().map(String::as_str);
                let labels: BTreeSet<&str> = labels.filter(|label| *label != "le").collect();
                assert_eq!(labels, expected, "{sample:?}");
            }
        }
    }
}

#[test]
fn names_are_unique_and_say_their_unit() {
    let mut names = BTreeSet::new();
    for family in families() {
        assert!(names.insert(family.base_name()), "{} is there twice", family.name);
        let ends = |ending: &str| family.base_name().ends_with(ending);
        assert_eq!(ends("_seconds"), family.unit == "seconds", "{}", family.name);
        assert_eq!(ends("_bytes"), family.unit == "bytes", "{}", family.name);
        assert!(family.help.ends_with('.') && !family.help.contains(['\\', '\n']), "{}", family.help);
    }
}

#[test]
fn an_idle_process_shows_itself_and_no_work_that_it_does_not_do() {
    let metrics = metrics();
    assert!(metrics.content_type().starts_with("application/openmetrics-text"));
    let scrape = scrape(&metrics);
    let build = [("program", "logistics"), ("version", "1.2.3"), ("name", "one")];
    assert_eq!(scrape.value("logistics_build_info", &build), Some(1.0));
    let others = scrape.samples.iter().filter(|sample| !sample.name.starts_with("process_"));
    assert_eq!(others.count(), 1, "{scrape:?}");
}

#[test]
fn no_text_of_a_label_ends_it() {
    let hostile = "a\"} 1\n# EOF\n\\n{";
    let instance = hostile.to_owned();
    let metrics = Metrics::new(BuildInfo { program: "logistics", version: "1", instance });
    Source::watched(&metrics, vec![channel(hostile)]);
    let route = ApiRoute { method: hostile, route: hostile };
    let call = ApiCall::new(route, 500, Some(hostile), now(), std::time::Duration::ZERO);
    metrics.api_call(&call);
    let scrape = scrape(&metrics);
    let has = |name: &str, labels: &[(&str, &str)]| scrape.value(name, labels).is_some();
    assert!(has("logistics_build_info", &[("program", "logistics"), ("version", "1"), ("name", hostile)]));
    assert!(has("http_server_errors_total", &[("http_route", hostile), ("code", hostile)]));
    assert!(has("logistics_notification_oldest_seconds", &[("channel", hostile)]));
}
