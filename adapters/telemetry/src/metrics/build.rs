//! The build and the process.

use super::catalogue::{Family, Kind, Label, Subject};
use super::page::Page;
use super::readings::Readings;

const BUILD: Family = Family {
    name: "logistics_build_info",
    kind: Kind::Info,
    unit: "1",
    help: "The program, its version and the name of this process.",
    labels: &[
        Label::new("program", "`logistics`, `order-api`, `order-processor` or `notification-service`"),
        Label::new("version", "the version of the program"),
        Label::new("name", "the name of the process, from `--instance` or the host"),
    ],
};

const READY: Family =
    Family::gauge("logistics_ready", "1", &[], "1 if /health/ready would answer 200, otherwise 0.");

pub(super) const SUBJECT: Subject =
    Subject { title: "Build and readiness", text: "Of every process.", families: &[BUILD, READY] };

/// Names the build and the process in `logistics_build_info`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct BuildInfo {
    /// The program, such as `order-api`.
    pub program: &'static str,
    /// Its version.
    pub version: &'static str,
    /// The name of this process.
    pub instance: String,
}

impl BuildInfo {
    pub(super) fn expose(&self, page: &mut Page) {
        page.family(&BUILD).count(&[self.program, self.version, &self.instance], 1);
    }
}

pub(super) fn expose_ready(readings: &Readings, page: &mut Page) {
    if let Some(ready) = readings.ready {
        page.family(&READY).count(&[], u64::from(ready));
    }
}
