//! The dashboards are what the code makes of them, and lead to each other.

use std::collections::BTreeSet;

use logistics_deployment_tests::observability::{dashboards, folder};
use serde_json::Value;

use crate::names;

/// Whether this run writes the files that are made from others.
pub(crate) fn updates() -> bool {
    std::env::var_os("UPDATE_OBSERVABILITY").is_some()
}

pub(crate) const UPDATE: &str =
    "UPDATE_OBSERVABILITY=1 cargo test -p logistics-deployment-tests --test observability";

#[test]
fn the_dashboards_are_what_the_code_makes() {
    let folder = folder().join("dashboards");
    for (name, made) in dashboards() {
        let path = folder.join(name);
        if updates() {
            let text = serde_json::to_string_pretty(&made).expect("JSON") + "\n";
            std::fs::create_dir_all(&folder)
                .and_then(|()| std::fs::write(&path, text))
                .expect("it can be written");
        }
        let there =
            std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}: {UPDATE}"));
        let there: Value = serde_json::from_str(&there).expect("JSON");
        assert!(there == made, "{name} differs from what the code makes: {UPDATE}");
    }
    let files = std::fs::read_dir(folder).expect("a folder").count();
    assert_eq!(files, dashboards().len(), "files in deploy/observability/dashboards");
}

#[test]
fn every_panel_has_a_query_a_place_and_a_meaning() {
    for (name, dashboard) in dashboards() {
        for panel in dashboard["panels"].as_array().expect("panels") {
            let what = format!("{name}: {}", panel["title"]);
            if panel["type"] == "row" {
                continue;
            }
            let queries = panel["targets"].as_array().unwrap_or_else(|| panic!("{what} has no query"));
            let letters: BTreeSet<_> = queries.iter().filter_map(|query| query["refId"].as_str()).collect();
            assert_eq!(letters.len(), queries.len(), "{what}");
            let position = &panel["gridPos"];
            let end = position["x"].as_u64().zip(position["w"].as_u64()).map(|(x, width)| x + width);
            assert!(end.is_some_and(|end| end <= 24), "{what}: {position}");
            if panel["type"] == "timeseries" {
                assert!(panel["fieldConfig"]["defaults"]["unit"].is_string(), "{what} has no unit");
            }
        }
    }
}

/// A link to a dashboard or an alert of another name would be an empty page.
#[test]
fn every_link_leads_to_a_dashboard() {
    let dashboards = dashboards();
    let ids: BTreeSet<_> = dashboards.iter().filter_map(|(_, dashboard)| dashboard["uid"].as_str()).collect();
    assert_eq!(ids.len(), dashboards.len());
    for (name, dashboard) in &dashboards {
        assert_eq!(dashboard["links"][0]["tags"], dashboard["tags"], "{name}");
        for part in dashboard.to_string().split("\"/d/").skip(1) {
            let id = part.split('?').next().unwrap_or_default();
            assert!(ids.contains(id), "{name} links to {id}");
        }
    }
}

/// Variables in queries are those that the dashboard has.
#[test]
fn every_variable_exists() {
    for (name, dashboard) in dashboards() {
        let list = dashboard["templating"]["list"].as_array().expect("variables");
        let there: BTreeSet<_> = list.iter().filter_map(|variable| variable["name"].as_str()).collect();
        for query in names::queries(&dashboard) {
            for part in query.split('$').skip(1).filter(|part| !part.starts_with("__")) {
                let used = part.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
                assert!(there.contains(used), "{name}: ${used} in {query}");
            }
        }
    }
}
