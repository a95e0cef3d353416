//! Figures: rates, percentiles, memory and processor time.

use std::fs;
use std::time::Duration;

use serde::Serialize;

/// One result of a scenario.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Figure {
    /// The scenario.
    pub(crate) scenario: &'static str,
    /// What was measured.
    pub(crate) what: String,
    pub(crate) value: f64,
    pub(crate) unit: &'static str,
}

impl Figure {
    pub(crate) fn new(
        scenario: &'static str,
        what: impl Into<String>,
        value: f64,
        unit: &'static str,
    ) -> Self {
        Self { scenario, what: what.into(), value, unit }
    }
}

/// Events per second.
pub(crate) fn rate(count: u64, elapsed: Duration) -> f64 {
    count as f64 / elapsed.as_secs_f64()
}

/// Latencies in microseconds.
#[derive(Debug, Default)]
pub(crate) struct Latencies(Vec<u64>);

impl Latencies {
    pub(crate) fn add(&mut self, latency: Duration) {
        self.0.push(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX));
    }

    pub(crate) fn append(&mut self, mut other: Self) {
        self.0.append(&mut other.0);
    }

    pub(crate) fn count(&self) -> u64 {
        self.0.len() as u64
    }

    /// The median, the 99th percentile and the maximum, in milliseconds.
    pub(crate) fn figures(mut self, scenario: &'static str, what: &str) -> Vec<Figure> {
        self.0.sort_unstable();
        let at = |permille: usize| {
            let index = (self.0.len() * permille / 1000).min(self.0.len().saturating_sub(1));
            self.0.get(index).map_or(0.0, |micros| *micros as f64 / 1000.0)
        };
        [("p50", 500), ("p99", 990), ("max", 1000)]
            .map(|(name, permille)| Figure::new(scenario, format!("{what}, {name}"), at(permille), "ms"))
            .to_vec()
    }
}

/// Resident memory of a process in MB (10^6 bytes), from `/proc`.
pub(crate) fn resident_mb(process: &str) -> Option<f64> {
    memory_mb(process, "VmRSS:")
}

/// Peak resident memory of a process in MB.
#[cfg(feature = "cluster")]
pub(crate) fn peak_mb(process: &str) -> Option<f64> {
    memory_mb(process, "VmHWM:")
}

fn memory_mb(process: &str, field: &str) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with(field))?;
    let kib: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024.0 / 1e6)
}

/// Processor time of a process so far, from `/proc`.
pub(crate) fn processor_time(process: &str) -> Option<Duration> {
    /// `USER_HZ`, which does not depend on the kernel's own tick.
    const TICKS_PER_SECOND: f64 = 100.0;
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name in parentheses may contain anything. The fields after it are numbers.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let (user, system): (f64, f64) = (fields.get(11)?.parse().ok()?, fields.get(12)?.parse().ok()?);
    Some(Duration::from_secs_f64((user + system) / TICKS_PER_SECOND))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_come_from_the_sorted_values() {
        let mut latencies = Latencies::default();
        (1..=1000).rev().for_each(|ms| latencies.add(Duration::from_millis(ms)));
        let values: Vec<f64> = latencies.figures("x", "y").into_iter().map(|figure| figure.value).collect();
        assert_eq!(values, [501.0, 991.0, 1000.0]);
    }

    #[test]
    fn this_process_has_memory_and_time() {
        assert!(resident_mb("self").is_some_and(|mb| mb > 1.0));
        assert!(processor_time("self").is_some());
    }
}
