mod busy;
mod cardinality;
mod exemplars;
mod exposition;
mod meaning;
mod prometheus;
mod reader;
mod readings;

use std::sync::{Arc, Mutex, PoisonError};

use logistics_core::Timestamp;
use logistics_core::observe::{Gauges, Reading};

use super::{BuildInfo, Metrics};
use reader::Scrape;

/// The time of the scrapes.
fn now() -> Timestamp {
    Timestamp::from_millis(1_800_000_000_000)
}

/// This many seconds before the scrape.
fn ago(seconds: i64) -> Timestamp {
    Timestamp::from_millis(now().as_millis() - seconds * 1000)
}

fn metrics() -> Metrics {
    Metrics::new(BuildInfo { program: "logistics", version: "1.2.3", instance: "one".to_owned() })
}

fn scrape(metrics: &Metrics) -> Scrape {
    reader::read(&metrics.text_at(now()))
}

/// Answers the readings that a test sets.
#[derive(Default)]
struct Source(Mutex<Vec<Reading>>);

impl Source {
    fn set(&self, readings: Vec<Reading>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = readings;
    }

    /// A source of these readings that the metrics watch.
    fn watched(metrics: &Metrics, readings: Vec<Reading>) -> Arc<Self> {
        let source = Arc::new(Self::default());
        source.set(readings);
        metrics.watch(source.clone());
        source
    }
}

impl Gauges for Source {
    fn read(&self, into: &mut dyn FnMut(Reading)) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().for_each(into);
    }
}
