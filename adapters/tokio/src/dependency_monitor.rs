//! Monitors whether log and store answer.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use logistics_core::health::{Health, HealthProbe, PartHealth};
use logistics_core::observe::{DependencyReading, Gauges, Reading};
use logistics_core::port::{Clock, EventBus, OwnerStore, PortError, Topic};
use logistics_core::{Partition, Timestamp};
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tokio_util::task::AbortOnDropHandle;
use tracing::{info, warn};

use crate::answer::answer_within;
use crate::lock::lock;
use crate::options::DependencyMonitorOptions;

/// Sends the log and the store a small query at an interval, and shows as health whether they answer.
///
/// A process without its broker is not ready, but it stays live, because a restart would not bring the broker back. It becomes
/// ready again once the part answers. The query is the cheapest of the port. It is about one partition, and each answer moves
/// it to the next one, so that every broker is queried in turn.
///
/// Create it once the parts have answered: a part counts as ready until its first query, one interval later. Dropping the
/// monitor ends the queries.
pub struct DependencyMonitor {
    parts: Vec<Arc<Part>>,
    clock: Arc<dyn Clock>,
    options: DependencyMonitorOptions,
    tasks: Vec<AbortOnDropHandle<()>>,
}

impl DependencyMonitor {
    /// A monitor without parts.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, options: DependencyMonitorOptions) -> Self {
        Self { parts: Vec::new(), clock, options, tasks: Vec::new() }
    }

    /// Monitors the log, as the part `log`. `address` is shown in health and log lines.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    #[must_use]
    pub fn log(self, bus: Arc<dyn EventBus>, address: impl Into<String>) -> Self {
        let partitions = bus.partitions();
        let query = move |partition| {
            let bus = bus.clone();
            async move { bus.bounds(Topic::Orders, partition).await.map(drop) }.boxed()
        };
        self.monitor("log", address.into(), partitions, query)
    }

    /// Monitors the store, as the part `store`. `address` is shown in health and log lines.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    #[must_use]
    pub fn store(self, store: Arc<dyn OwnerStore>, partitions: u32, address: impl Into<String>) -> Self {
        let query = move |partition| {
            let store = store.clone();
            async move { store.load(partition, &[]).await.map(drop) }.boxed()
        };
        self.monitor("store", address.into(), partitions, query)
    }

    /// Whether each part answers, for a scrape of the metrics. Call it once all parts are added.
    #[must_use]
    pub fn gauges(&self) -> Arc<dyn Gauges> {
        Arc::new(PartsGauges(self.parts.clone()))
    }

    /// Monitors a part by any query.
    pub(crate) fn monitor(
        mut self,
        name: &'static str,
        address: String,
        partitions: u32,
        query: impl Fn(Partition) -> BoxFuture<'static, Result<(), PortError>> + Send + Sync + 'static,
    ) -> Self {
        let part = Arc::new(Part { name, address, down: Mutex::default() });
        self.parts.push(part.clone());
        let queries = Queries { part, clock: self.clock.clone(), options: self.options, partitions, query };
        self.tasks.push(AbortOnDropHandle::new(tokio::spawn(queries.run())));
        self
    }
}

impl HealthProbe for DependencyMonitor {
    fn health(&self) -> Health {
        Health { parts: self.parts.iter().map(|part| part.health()).collect() }
    }
}

struct PartsGauges(Vec<Arc<Part>>);

impl Gauges for PartsGauges {
    fn read(&self, into: &mut dyn FnMut(Reading)) {
        for part in &self.0 {
            into(Reading::Dependency(part.reading()));
        }
    }
}

impl fmt::Debug for DependencyMonitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DependencyMonitor").field("health", &self.health()).finish_non_exhaustive()
    }
}

struct Part {
    name: &'static str,
    address: String,
    /// The start of the outage, and the latest error.
    down: Mutex<Option<(Timestamp, String)>>,
}

impl Part {
    fn health(&self) -> PartHealth {
        let (name, address) = (self.name.to_owned(), &self.address);
        match &*lock(&self.down) {
            None => PartHealth { name, ready: true, detail: address.clone() },
            Some((since, why)) => {
                PartHealth { name, ready: false, detail: format!("{address}: since {since}: {why}") }
            }
        }
    }

    fn reading(&self) -> DependencyReading {
        let mut reading = DependencyReading::default();
        reading.name = self.name;
        reading.down_since = lock(&self.down).as_ref().map(|(since, _)| *since);
        reading
    }

    /// Logs one line at the start of an outage and one at its end.
    fn record(&self, answer: Result<(), String>, now: Timestamp) {
        let Self { name, address, down } = self;
        let mut down = lock(down);
        match (answer, down.as_ref().map(|(since, _)| *since)) {
            (Ok(()), None) => {}
            (Ok(()), Some(since)) => {
                info!(address, %since, "the {name} answers again");
                *down = None;
            }
            (Err(why), Some(since)) => *down = Some((since, why)),
            (Err(why), None) => {
                warn!(address, cause = why, "the {name} does not answer; not ready until it does");
                *down = Some((now, why));
            }
        }
    }
}

/// The queries of one part.
struct Queries<Q> {
    part: Arc<Part>,
    clock: Arc<dyn Clock>,
    options: DependencyMonitorOptions,
    partitions: u32,
    query: Q,
}

impl<Q: Fn(Partition) -> BoxFuture<'static, Result<(), PortError>>> Queries<Q> {
    async fn run(self) {
        let interval = Duration::from_millis(self.options.interval_ms.max(1));
        let mut ticks = interval_at(Instant::now() + interval, interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut partition = 0;
        loop {
            ticks.tick().await;
            // The call begins inside, so that its panic is caught as well.
            let call = async { (self.query)(Partition(partition)).await };
            let answer = answer_within(self.options.timeout_ms, call).await;
            // A partition that does not answer is queried again, so that its outage stays visible.
            if answer.is_ok() {
                partition = (partition + 1) % self.partitions.max(1);
            }
            self.part.record(answer, self.clock.now());
        }
    }
}
