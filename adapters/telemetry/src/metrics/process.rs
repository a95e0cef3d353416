//! The process as the operating system sees it, from `/proc`. Systems without it have no series.

use std::fs;

use super::catalogue::{Family, Subject};
use super::page::Page;

/// Ticks of `/proc` in a second. Linux reports them in this unit on every architecture that Rust supports.
#[allow(clippy::doc_markdown)]
const TICKS_PER_SECOND: f64 = 100.0;

const CPU: Family = Family::counter(
    "process_cpu_seconds_total",
    "seconds",
    &[],
    "Processor time of the process, of users and of the system.",
);

const RESIDENT: Family =
    Family::gauge("process_resident_memory_bytes", "bytes", &[], "Memory of the process that is resident.");

const VIRTUAL: Family =
    Family::gauge("process_virtual_memory_bytes", "bytes", &[], "Virtual memory of the process.");

const OPEN_FDS: Family = Family::gauge("process_open_fds", "descriptors", &[], "Open file descriptors.");

const MAX_FDS: Family = Family::gauge(
    "process_max_fds",
    "descriptors",
    &[],
    "The limit of open file descriptors. Absent if there is none.",
);

const START: Family = Family::gauge(
    "process_start_time_seconds",
    "seconds",
    &[],
    "The start of the process, as seconds since the Unix epoch.",
);

const THREADS: Family = Family::gauge("process_threads", "threads", &[], "Threads of the process.");

pub(super) const SUBJECT: Subject = Subject {
    title: "Process",
    text: "Of every process on Linux. The names are those that Prometheus' client libraries agree on.",
    families: &[CPU, RESIDENT, VIRTUAL, OPEN_FDS, MAX_FDS, START, THREADS],
};

/// What does not change while the process runs.
#[derive(Debug)]
pub(super) struct Process {
    /// When the machine started, as seconds since the Unix epoch. Reading it takes longer than all other readings together.
    booted_at: Option<f64>,
}

/// `/proc/self/stat`, as far as it is used.
#[derive(Debug, PartialEq)]
struct Stat {
    cpu_seconds: f64,
    threads: u64,
    /// Seconds from the start of the machine.
    started_after: f64,
}

impl Process {
    pub(super) fn new() -> Self {
        let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
        Self { booted_at: field(&stat, "btime ").map(as_f64) }
    }

    pub(super) fn expose(&self, page: &mut Page) {
        if let Some(stat) = fs::read_to_string("/proc/self/stat").ok().and_then(|text| Stat::parse(&text)) {
            page.family(&CPU).value(&[], stat.cpu_seconds);
            page.family(&THREADS).count(&[], stat.threads);
            if let Some(booted_at) = self.booted_at {
                page.family(&START).value(&[], booted_at + stat.started_after);
            }
        }
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        for (family, name) in [(&RESIDENT, "VmRSS:"), (&VIRTUAL, "VmSize:")] {
            if let Some(kibibytes) = field(&status, name) {
                page.family(family).count(&[], kibibytes * 1024);
            }
        }
        if let Some(open) = open_fds() {
            page.family(&OPEN_FDS).count(&[], open);
        }
        let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
        if let Some(limit) = field(&limits, "Max open files") {
            page.family(&MAX_FDS).count(&[], limit);
        }
    }
}

impl Stat {
    fn parse(text: &str) -> Option<Self> {
        // The name of the program is in parentheses and may contain anything, so the last one counts.
        let (_, fields) = text.rsplit_once(')')?;
        let fields: Vec<&str> = fields.split_ascii_whitespace().collect();
        // proc(5) numbers the fields from 1, and two precede these.
        let number = |at: usize| fields.get(at - 3)?.parse::<u64>().ok();
        let seconds = |ticks: u64| as_f64(ticks) / TICKS_PER_SECOND;
        Some(Self {
            cpu_seconds: seconds(number(14)? + number(15)?),
            threads: number(20)?,
            started_after: seconds(number(22)?),
        })
    }
}

/// The number behind the name at the beginning of a line.
fn field(text: &str, name: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    rest.split_ascii_whitespace().next()?.parse().ok()
}

/// Open descriptors. Since Linux 6.2 the folder has their number as its size; before, its entries have to be counted.
fn open_fds() -> Option<u64> {
    let size = fs::metadata("/proc/self/fd").ok()?.len();
    if size > 0 {
        return Some(size);
    }
    let entries = fs::read_dir("/proc/self/fd").ok()?.count();
    // The listing itself has a descriptor.
    u64::try_from(entries.saturating_sub(1)).ok()
}

#[allow(clippy::cast_precision_loss)] // exact up to 2^53
fn as_f64(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_program_does_not_shift_the_fields() {
        let rest = "S 1 2 3 4 5 6 7 8 9 10 150 50 13 14 15 16 7 18 12345 20";
        let stat = Stat::parse(&format!("42 (a) S 1 (b c) {rest}")).expect("a line of /proc/self/stat");
        assert_eq!(stat, Stat { cpu_seconds: 2.0, threads: 7, started_after: 123.45 });
        assert_eq!(Stat::parse("42 (a) S 1"), None);
    }

    #[test]
    fn a_limit_may_be_absent() {
        assert_eq!(field("Max open files            1024   4096   files", "Max open files"), Some(1024));
        assert_eq!(field("Max open files            unlimited   unlimited   files", "Max open files"), None);
    }
}
