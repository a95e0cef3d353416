//! Whether log and store answer, asked again and again.

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use logistics_core::health::{Health, HealthProbe, PartHealth};
use logistics_core::port::{Clock, EventBus, OwnerStore, PortError, Topic};
use logistics_core::{Partition, Timestamp};
use tokio::time::{MissedTickBehavior, interval_at, timeout};
use tokio_util::task::AbortOnDropHandle;
use tracing::{info, warn};

use crate::failure::{panic_text, sentence};
use crate::health::lock;
use crate::options::ReachabilityOptions;

/// Asks the log and the store a small question again and again, and shows as health whether they answer.
///
/// A process whose broker is gone cannot work, so it is not ready; it is still live, because starting it again would not
/// bring the broker back. Once the part answers, it is ready again by itself. The question is the cheapest that the port
/// has, about one partition at a time in turns, so that with several brokers each is asked before long; a partition that
/// does not answer is asked until it does.
///
/// Begin once a part has answered: until the first question, an interval later, it counts as there. Dropping this ends
/// the questions.
pub struct Reachability {
    parts: Vec<Arc<Part>>,
    clock: Arc<dyn Clock>,
    options: ReachabilityOptions,
    tasks: Vec<AbortOnDropHandle<()>>,
}

impl Reachability {
    /// Watches nothing yet.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, options: ReachabilityOptions) -> Self {
        Self { parts: Vec::new(), clock, options, tasks: Vec::new() }
    }

    /// Watches the log, as the part `log`. `address`: where it is, for people.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    #[must_use]
    pub fn log(self, bus: Arc<dyn EventBus>, address: impl Into<String>) -> Self {
        let partitions = bus.partitions();
        let ask = move |partition| {
            let bus = bus.clone();
            async move { bus.bounds(Topic::Orders, partition).await.map(drop) }.boxed()
        };
        self.watch("log", address.into(), partitions, ask)
    }

    /// Watches the store, as the part `store`. `address`: where it is, for people.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    #[must_use]
    pub fn store(self, store: Arc<dyn OwnerStore>, partitions: u32, address: impl Into<String>) -> Self {
        let ask = move |partition| {
            let store = store.clone();
            async move { store.load(partition, &[]).await.map(drop) }.boxed()
        };
        self.watch("store", address.into(), partitions, ask)
    }

    /// Watches whatever can be asked.
    pub(crate) fn watch(
        mut self,
        name: &'static str,
        address: String,
        partitions: u32,
        ask: impl Fn(Partition) -> BoxFuture<'static, Result<(), PortError>> + Send + Sync + 'static,
    ) -> Self {
        let part = Arc::new(Part { name, address, down: Mutex::default() });
        self.parts.push(part.clone());
        let asking = Asking { part, clock: self.clock.clone(), options: self.options, partitions, ask };
        self.tasks.push(AbortOnDropHandle::new(tokio::spawn(asking.run())));
        self
    }
}

impl HealthProbe for Reachability {
    fn health(&self) -> Health {
        Health { parts: self.parts.iter().map(|part| part.health()).collect() }
    }
}

impl fmt::Debug for Reachability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reachability").field("health", &self.health()).finish_non_exhaustive()
    }
}

struct Part {
    name: &'static str,
    address: String,
    /// Since when it does not answer, and what it said last.
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

    /// One line when it goes and one when it comes back, however often it is asked meanwhile.
    fn answered(&self, answer: Result<(), String>, now: Timestamp) {
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

struct Asking<A> {
    part: Arc<Part>,
    clock: Arc<dyn Clock>,
    options: ReachabilityOptions,
    partitions: u32,
    ask: A,
}

impl<A: Fn(Partition) -> BoxFuture<'static, Result<(), PortError>>> Asking<A> {
    async fn run(self) {
        let every = Duration::from_millis(self.options.interval_ms.max(1));
        let mut ticks = interval_at(tokio::time::Instant::now() + every, every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut partition = 0;
        loop {
            ticks.tick().await;
            let answer = self.answer(Partition(partition)).await;
            if answer.is_ok() {
                partition = (partition + 1) % self.partitions.max(1);
            }
            self.part.answered(answer, self.clock.now());
        }
    }

    async fn answer(&self, partition: Partition) -> Result<(), String> {
        let limit = Duration::from_millis(self.options.timeout_ms);
        // A port that panics must not leave the part as it was shown last for ever.
        let answer = AssertUnwindSafe(async { timeout(limit, (self.ask)(partition)).await }).catch_unwind();
        match answer.await {
            Ok(Ok(answer)) => answer.map_err(|error| sentence(&error)),
            Ok(Err(_)) => Err(format!("no answer within {} ms", limit.as_millis())),
            Err(panic) => Err(format!("a panic: {}", panic_text(panic.as_ref()))),
        }
    }
}
