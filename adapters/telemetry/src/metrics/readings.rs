//! What the sources of a process read at one scrape, each once.

use std::collections::BTreeMap;
use std::sync::Arc;

use logistics_core::observe::{
    BreakerReading, ChannelReading, DependencyReading, Gauges, LogReading, ProcessorReading, Reading,
    StoreReading,
};
use logistics_core::port::StatusSummary;
use logistics_core::{Partition, Status, Timestamp};

/// The readings of one scrape, by what they are of. Two readings of the same would give a series twice, and Prometheus rejects such
/// a scrape as a whole. The last one counts.
#[derive(Debug, Default)]
pub(super) struct Readings {
    pub(super) processors: BTreeMap<Partition, ProcessorReading>,
    pub(super) log: BTreeMap<Partition, LogReading>,
    /// Since when a transaction hides the end of a partition.
    pub(super) open_transactions: BTreeMap<Partition, Option<Timestamp>>,
    pub(super) orders: BTreeMap<Status, StatusSummary>,
    pub(super) stores: BTreeMap<&'static str, StoreReading>,
    pub(super) channels: BTreeMap<String, ChannelReading>,
    pub(super) dependencies: BTreeMap<&'static str, DependencyReading>,
    pub(super) breakers: BTreeMap<&'static str, BreakerReading>,
    pub(super) ready: Option<bool>,
    /// The time of the scrape.
    pub(super) now: Timestamp,
}

impl Readings {
    pub(super) fn of(sources: &[Arc<dyn Gauges>], now: Timestamp) -> Self {
        let mut readings = Self { now, ..Self::default() };
        for source in sources {
            source.read(&mut |reading| readings.keep(reading));
        }
        readings
    }

    fn keep(&mut self, reading: Reading) {
        match reading {
            Reading::Processor(of) => drop(self.processors.insert(of.partition, of)),
            Reading::Log(of) => drop(self.log.insert(of.partition, of)),
            Reading::OpenTransaction(of) => {
                self.open_transactions.insert(of.partition, of.since);
            }
            Reading::Orders(of) => drop(self.orders.insert(of.status, of)),
            Reading::Store(of) => drop(self.stores.insert(of.name, of)),
            Reading::Channel(of) => drop(self.channels.insert(of.channel.clone(), of)),
            Reading::Dependency(of) => drop(self.dependencies.insert(of.name, of)),
            Reading::Breaker(of) => drop(self.breakers.insert(of.dependency, of)),
            Reading::Ready(ready) => self.ready = Some(ready),
            // A later core may read what this release has no series for.
            _ => {}
        }
    }

    /// Seconds since a time; 0 if it is absent or lies ahead.
    pub(super) fn age(&self, since: Option<Timestamp>) -> f64 {
        since.map_or(0.0, |since| seconds(self.now.millis_since(since)))
    }
}

/// Milliseconds as seconds.
#[allow(clippy::cast_precision_loss)] // exact up to 285,000 years
pub(super) fn seconds(millis: u64) -> f64 {
    millis as f64 / 1000.0
}

/// A time as seconds since the Unix epoch.
pub(super) fn unix_seconds(time: Timestamp) -> f64 {
    seconds(u64::try_from(time.as_millis()).unwrap_or(0))
}
