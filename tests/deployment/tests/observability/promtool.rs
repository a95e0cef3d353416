//! Prometheus's own tools check the files. Where they are not installed (Debian: `prometheus`, `prometheus-alertmanager`), the tests
//! say so and pass; with `REQUIRE_PROMTOOL=1` they fail.

#![allow(clippy::print_stderr, reason = "says that a test is skipped")]

use std::process::Command;
use std::time::Duration;

use logistics_deployment_tests::command::run;
use logistics_deployment_tests::observability::folder;
use logistics_deployment_tests::required;

const LIMIT: Duration = Duration::from_secs(600);

fn is_there(tool: &str) -> bool {
    let there = Command::new(tool).arg("--version").output().is_ok_and(|output| output.status.success());
    assert!(there || !required("REQUIRE_PROMTOOL"), "{tool} is not installed");
    if !there {
        eprintln!("skipped: {tool} is not installed");
    }
    there
}

fn check(tool: &str, arguments: &[&str]) {
    if is_there(tool) {
        run(Command::new(tool).args(arguments).current_dir(folder()), LIMIT).expect();
    }
}

/// The names in a folder with this ending.
fn files(folder: &str, ending: &str) -> Vec<String> {
    let files = std::fs::read_dir(self::folder().join(folder)).expect("a folder").flatten();
    let names = files.map(|file| format!("{folder}/{}", file.file_name().to_string_lossy()));
    names.filter(|name| name.ends_with(ending)).collect()
}

#[test]
fn promtool_accepts_the_configuration_and_the_rules() {
    check("promtool", &["check", "config", "prometheus.yml"]);
    check("promtool", &["check", "rules", "recording.rules.yml", "alerts.rules.yml"]);
}

#[test]
fn the_unit_tests_of_the_alerts_pass() {
    let tests = files("tests", ".test.yml");
    assert!(tests.len() >= 5, "{tests:?}");
    let arguments: Vec<_> = ["test", "rules"].into_iter().chain(tests.iter().map(String::as_str)).collect();
    check("promtool", &arguments);
}

#[test]
fn alertmanager_accepts_its_configuration() {
    check("amtool", &["check-config", "alertmanager.yml"]);
}
