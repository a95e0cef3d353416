//! `deploy/observability` is consistent: metrics, rules, unit tests, runbook and dashboards name the same things.
//!
//! `UPDATE_OBSERVABILITY=1` writes the files that are made from others: the dashboards, and the rules for Kubernetes.

mod compose;
mod dashboards;
mod kubernetes;
mod lists;
mod names;
mod promtool;
