//! A process, by what its scrapes show.

use std::time::Instant;

use logistics_core::Timestamp;
use serde::Serialize;

use super::samples::{Labels, Samples};

/// The programs that own partitions.
const DECIDING: [&str; 2] = ["logistics", "order-processor"];

/// What one scrape brought.
#[derive(Debug)]
pub(super) struct Scrape {
    /// When the reply was complete.
    pub(super) at: Instant,
    /// The metrics, or why there are none.
    pub(super) result: Result<Samples, String>,
}

/// The scrapes of a process that the view is made of.
#[derive(Debug)]
pub(super) struct Process {
    /// Where it serves its metrics.
    pub(super) url: String,
    /// `None`: the first scrape is under way.
    latest: Option<Scrape>,
    /// The last successful one before the latest.
    earlier: Option<(Instant, Samples)>,
}

impl Process {
    pub(super) fn new(url: String) -> Self {
        Self { url, latest: None, earlier: None }
    }

    /// Adds a scrape.
    pub(super) fn scraped(&mut self, scrape: Scrape) {
        if let Some(Scrape { at, result: Ok(samples) }) = self.latest.replace(scrape) {
            self.earlier = Some((at, samples));
        }
    }

    /// The metrics, if the process answered.
    pub(super) fn samples(&self) -> Option<&Samples> {
        self.latest.as_ref()?.result.as_ref().ok()
    }

    /// The metrics before the latest ones.
    pub(super) fn earlier(&self) -> Option<&Samples> {
        self.earlier.as_ref().map(|(_, samples)| samples)
    }

    /// The seconds between the two scrapes, if there are two.
    pub(super) fn seconds(&self) -> Option<f64> {
        let (latest, (earlier, _)) = (self.latest.as_ref()?, self.earlier.as_ref()?);
        latest.result.as_ref().ok()?;
        let seconds = latest.at.duration_since(*earlier).as_secs_f64();
        (seconds > 0.0).then_some(seconds)
    }

    /// How much the counters with this name grew, series by series. `None` without two scrapes.
    pub(super) fn growth(&self, name: &str) -> Option<Vec<(&Labels, f64)>> {
        Some(self.samples()?.growth(self.earlier()?, name))
    }

    /// Why the process counts as down. `None`: it answers, or the first scrape is under way.
    pub(super) fn down(&self) -> Option<&str> {
        self.latest.as_ref()?.result.as_ref().err().map(String::as_str)
    }

    fn build(&self, label: &str) -> Option<&str> {
        let samples = self.samples().or_else(|| self.earlier())?;
        samples.of("logistics_build_info").first()?.labels.value(label)
    }

    /// Whether the process can own partitions.
    pub(super) fn decides(&self) -> bool {
        let has_phases = |samples: &Samples| !samples.of("logistics_processor_phase").is_empty();
        self.build("program").is_some_and(|program| DECIDING.contains(&program))
            || self.samples().is_some_and(has_phases)
    }
}

/// The names of the processes: the instance names, and where two are equal, with the URL. A process without one has its URL.
pub(super) fn names(processes: &[Process]) -> Vec<String> {
    let name = |process: &Process| process.build("name").filter(|name| !name.is_empty()).map(str::to_owned);
    let names: Vec<Option<String>> = processes.iter().map(name).collect();
    let is_unique = |name: &String| names.iter().flatten().filter(|other| *other == name).count() == 1;
    let named = |(process, name): (&Process, &Option<String>)| match name {
        Some(name) if is_unique(name) => name.clone(),
        Some(name) => format!("{name} ({})", process.url),
        None => process.url.clone(),
    };
    processes.iter().zip(&names).map(named).collect()
}

/// A row of the processes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct ProcessRow {
    pub(super) name: String,
    pub(super) url: String,
    pub(super) up: bool,
    /// Why it is down.
    pub(super) error: Option<String>,
    pub(super) program: Option<String>,
    pub(super) version: Option<String>,
    pub(super) ready: Option<bool>,
    pub(super) started_at: Option<Timestamp>,
    pub(super) memory_bytes: Option<f64>,
    /// 1: one processor is busy.
    pub(super) cpu: Option<f64>,
}

/// The rows of the processes, in the order of the command line.
pub(super) fn rows(processes: &[Process], names: &[String]) -> Vec<ProcessRow> {
    let row = |(process, name): (&Process, &String)| {
        let value = |family: &str| process.samples().and_then(|samples| samples.value(family));
        let cpu = || {
            let grown = process.growth("process_cpu_seconds_total")?;
            Some(grown.first()?.1 / process.seconds()?)
        };
        let started = value("process_start_time_seconds");
        ProcessRow {
            name: name.clone(),
            url: process.url.clone(),
            up: process.samples().is_some(),
            error: process.down().map(str::to_owned),
            program: process.build("program").map(str::to_owned),
            version: process.build("version").map(str::to_owned),
            ready: value("logistics_ready").map(|ready| ready > 0.0),
            started_at: started.map(|seconds| Timestamp::from_millis((seconds * 1000.0) as i64)),
            memory_bytes: value("process_resident_memory_bytes"),
            cpu: cpu(),
        }
    };
    processes.iter().zip(names).map(row).collect()
}
