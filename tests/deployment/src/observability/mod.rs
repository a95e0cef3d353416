//! `deploy/observability`: the alerts as they are read from the rules, and the dashboards as they are written.

mod api;
mod dashboard;
mod notifications;
mod overview;
mod panel;
mod processor;
pub mod rules;

use std::path::PathBuf;

use serde_json::Value;

use crate::project;

/// The folder of the rules and dashboards.
#[must_use]
pub fn folder() -> PathBuf {
    project().join("deploy/observability")
}

/// The dashboards, each with the name of its file. Their thresholds are those of the alerts.
///
/// # Panics
/// If the rules lack an alert that a dashboard shows.
#[must_use]
pub fn dashboards() -> Vec<(&'static str, Value)> {
    let alerts = rules::alerts();
    vec![
        ("overview.json", overview::dashboard(&alerts)),
        ("processor.json", processor::dashboard(&alerts)),
        ("api.json", api::dashboard(&alerts)),
        ("notifications.json", notifications::dashboard(&alerts)),
    ]
}
