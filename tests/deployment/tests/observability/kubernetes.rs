//! The rules for the Prometheus operator are the rules of `deploy/observability`.

use logistics_deployment_tests::observability::rules;
use logistics_deployment_tests::project;

use crate::dashboards::{UPDATE, updates};

const HEAD: &str =
    "# Made from deploy/observability/*.rules.yml, and held to them by a test. Edit those, then run:
#   UPDATE_OBSERVABILITY=1 cargo test -p logistics-deployment-tests --test observability
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: logistics
spec:
  groups:
";

#[test]
fn the_prometheus_rule_has_the_rules_of_the_files() {
    let groups = ["recording.rules.yml", "alerts.rules.yml"].map(|file| {
        let text = rules::file(file);
        let (_, groups) = text.split_once("groups:\n").expect("groups");
        let indented =
            groups.lines().map(|line| if line.is_empty() { "\n".into() } else { format!("  {line}\n") });
        indented.collect::<String>()
    });
    let made = format!("{HEAD}{}", groups.concat());
    let path = project().join("deploy/k8s/components/observability/rules.yaml");
    if updates() {
        std::fs::write(&path, &made).expect("it can be written");
    }
    let there = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert!(there == made, "{} is not made from the rules: {UPDATE}", path.display());
}
