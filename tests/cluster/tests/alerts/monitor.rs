//! A Prometheus and an Alertmanager with the committed rules.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use logistics_cluster_tests::api;
use logistics_containers::{free_port, until};
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::sleep;

/// From the fault until its alert fires.
const FIRES: Duration = Duration::from_secs(60);
/// From the repair until no alert is left. Alerts of counters look at five minutes.
const CLEARS: Duration = Duration::from_secs(420);
/// `group_wait` of alertmanager.yml: a shorter alert notifies no operator.
const NOTIFIED: Duration = Duration::from_secs(15);
/// How long a fault is watched after its alert, for alerts of its consequences.
const WATCHED: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(500);

/// The jobs of `prometheus.yml`.
pub(crate) const JOBS: [&str; 3] = ["order-api", "order-processor", "notification-service"];

pub(crate) struct Monitor {
    directory: TempDir,
    prometheus: Child,
    alertmanager: Child,
    queries: SocketAddr,
    alerts: SocketAddr,
}

impl Monitor {
    /// Starts both. `deadline`: seconds that an order may stay in each status, in place of the committed ones.
    pub(crate) fn start(deadline: Option<u32>) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let [queries, alerts] =
            [free_port(), free_port()].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        let at = |name: &str| directory.path().join(name);
        let rules = committed("recording.rules.yml");
        fs::write(at("recording.rules.yml"), with_deadline(&rules, deadline)).expect("rules");
        fs::write(at("alerts.rules.yml"), committed("alerts.rules.yml")).expect("rules");
        fs::write(at("alertmanager.yml"), committed("alertmanager.yml")).expect("a configuration");
        fs::write(at("prometheus.yml"), configuration(alerts)).expect("a configuration");
        let alertmanager = start(
            &["prometheus-alertmanager", "alertmanager"],
            &[
                format!("--config.file={}", at("alertmanager.yml").display()),
                format!("--storage.path={}", at("alertmanager").display()),
                format!("--web.listen-address={alerts}"),
                "--cluster.listen-address=".to_owned(),
            ],
        );
        let prometheus = start(
            &["prometheus"],
            &[
                format!("--config.file={}", at("prometheus.yml").display()),
                format!("--storage.tsdb.path={}", at("data").display()),
                format!("--web.listen-address={queries}"),
            ],
        );
        let monitor = Self { directory, prometheus, alertmanager, queries, alerts };
        for job in JOBS {
            monitor.scrape(job, &[]);
        }
        monitor
    }

    /// Scrapes these processes of a job, and no others.
    pub(crate) fn scrape(&self, job: &str, processes: &[SocketAddr]) {
        let targets: Vec<_> = processes.iter().map(|address| format!("\"{address}\"")).collect();
        let text = format!("[{{\"targets\": [{}]}}]", targets.join(","));
        let (new, path) =
            (self.directory.path().join("new"), self.directory.path().join(format!("{job}.json")));
        fs::write(&new, text).and_then(|()| fs::rename(&new, path)).expect("the list of targets");
    }

    /// Waits until all targets answer and no alert fires.
    pub(crate) async fn until_quiet(&mut self, targets: usize) {
        until("Prometheus scrapes every process", async || {
            let path = "/api/v1/query?query=count(up==1)";
            let reply = api::get(self.queries, path).await;
            reply.is_ok_and(|reply| reply.body.contains(&format!("\"{targets}\"]")))
        })
        .await;
        self.clears().await;
    }

    /// The alert fires within 60 s, and no other alert notifies an operator meanwhile or soon after.
    pub(crate) async fn fires(&mut self, name: &str) {
        let began = Instant::now();
        let mut others = Others::default();
        loop {
            let active = self.active().await;
            others.check(&active, name);
            if active.contains(name) {
                break;
            }
            assert!(began.elapsed() < FIRES, "{name} does not fire; active: {active:?}");
            sleep(PAUSE).await;
        }
        print(&format!("{name} fires after {} s", began.elapsed().as_secs()));
        let fired = Instant::now();
        while fired.elapsed() < WATCHED {
            others.check(&self.active().await, name);
            sleep(PAUSE).await;
        }
    }

    /// No alert fires for this time.
    pub(crate) async fn stays_quiet(&mut self, time: Duration) {
        let (began, mut others) = (Instant::now(), Others::default());
        while began.elapsed() < time {
            others.check(&self.active().await, "");
            sleep(PAUSE).await;
        }
    }

    /// Waits until no alert is left.
    pub(crate) async fn clears(&mut self) {
        let began = Instant::now();
        let first = self.active().await;
        let mut others = Others::default();
        loop {
            let active = self.active().await;
            if active.is_empty() {
                break;
            }
            // The alert itself may last. One that is new is a consequence of the repair.
            others.check(&active.difference(&first).cloned().collect(), "");
            assert!(began.elapsed() < CLEARS, "still active: {active:?}");
            sleep(PAUSE).await;
        }
        print(&format!("{first:?} cleared after {} s", began.elapsed().as_secs()));
    }

    /// The names of the alerts that fire and are not inhibited.
    async fn active(&mut self) -> BTreeSet<String> {
        for child in [&mut self.prometheus, &mut self.alertmanager] {
            assert!(child.try_wait().is_ok_and(|ended| ended.is_none()), "Prometheus or Alertmanager ended");
        }
        let path = "/api/v2/alerts?active=true&inhibited=false&silenced=false&unprocessed=false";
        let Ok(reply) = api::get(self.alerts, path).await else { return BTreeSet::new() };
        let alerts = reply.json();
        let names = alerts.as_array().into_iter().flatten();
        names.filter_map(|alert| alert["labels"]["alertname"].as_str().map(str::to_owned)).collect()
    }
}

/// Since when alerts other than the expected one are active.
#[derive(Default)]
struct Others(BTreeMap<String, Instant>);

impl Others {
    fn check(&mut self, active: &BTreeSet<String>, expected: &str) {
        self.0.retain(|name, _| active.contains(name));
        for name in active.iter().filter(|name| *name != expected) {
            let since = self.0.entry(name.clone()).or_insert_with(Instant::now);
            assert!(since.elapsed() < NOTIFIED, "{name} fires beside {expected:?}: {active:?}");
        }
    }
}

/// The committed rules with one deadline for every status.
fn with_deadline(rules: &str, deadline: Option<u32>) -> String {
    let Some(seconds) = deadline else { return rules.to_owned() };
    let line = |line: &str| {
        if line.contains("expr: vector(") {
            format!("        expr: vector({seconds})")
        } else {
            line.to_owned()
        }
    };
    rules.lines().map(|text| line(text) + "\n").collect()
}

/// The committed intervals, and the targets of this test.
fn configuration(alertmanager: SocketAddr) -> String {
    let committed = committed("prometheus.yml");
    let start = committed.find("global:").expect("the intervals");
    let (global, _) = committed[start..].split_once("\n\n").expect("the section ends");
    let mut text = format!(
        "{global}\n\
         rule_files: [recording.rules.yml, alerts.rules.yml]\n\
         alerting: {{alertmanagers: [{{static_configs: [{{targets: [\"{alertmanager}\"]}}]}}]}}\n\
         scrape_configs:\n"
    );
    for job in JOBS {
        text.push_str(&format!(
            "  - {{job_name: {job}, file_sd_configs: [{{files: [{job}.json], refresh_interval: 1s}}]}}\n"
        ));
    }
    text
}

fn committed(name: &str) -> String {
    let folder: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/observability");
    fs::read_to_string(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Starts the first of these programs that is installed.
fn start(programs: &[&str], arguments: &[String]) -> Child {
    let started = programs.iter().find_map(|program| {
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.kill_on_drop(true).spawn().ok()
    });
    started.unwrap_or_else(|| panic!("none of {programs:?} is installed"))
}

#[allow(clippy::print_stderr, reason = "prints how long each alert took")]
pub(crate) fn print(line: &str) {
    eprintln!("alerts: {line}");
}
