//! The wiring: engine, processors, notifications and API in one process.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use logistics_core::Policy;
use logistics_core::health::{Health, HealthProbe};
use logistics_core::port::Notifier;
use logistics_core::processor::Settings;
use logistics_embedded::Engine;
use logistics_tokio::{Notifications, NotificationsOptions, Processors, ProcessorsOptions, SystemClock};
use logistics_warp::Api;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::data;
use crate::exit::Failure;

/// Everything that a process drains in takes this long at most.
const DRAIN: Duration = Duration::from_secs(8);

type NewNotifier = Box<dyn FnOnce() -> Arc<dyn Notifier> + Send>;

/// What to start.
pub(crate) struct AppConfig {
    pub(crate) engine: logistics_embedded::Config,
    pub(crate) listen: SocketAddr,
    pub(crate) policy: Policy,
    /// Made once everything else is there.
    pub(crate) notifier: Option<NewNotifier>,
    /// Without, orders are taken and nothing is decided.
    pub(crate) processors: bool,
}

/// All in one, running.
pub(crate) struct App {
    pub(crate) engine: Engine,
    addr: SocketAddr,
    health: Arc<Probes>,
    processors: Option<Processors>,
    notifications: Option<Notifications>,
    server: JoinHandle<()>,
    stop: watch::Sender<bool>,
}

impl App {
    /// Opens the data and starts everything. The API listens when this answers.
    ///
    /// # Errors
    /// One sentence, where the data or the address cannot be used.
    pub(crate) async fn start(config: AppConfig) -> Result<Self, Failure> {
        let engine = data::open(move || Engine::open(config.engine)).await?;
        let (bus, store, clock) = (engine.bus(), engine.store(), Arc::new(SystemClock));
        let health = Arc::new(Probes::default());
        let api =
            Api { bus: bus.clone(), store: store.clone(), clock: clock.clone(), health: health.clone() };
        let http = logistics_warp::Config { listen: config.listen, ..logistics_warp::Config::default() };
        // Before anything begins to work: where this fails, nothing has happened.
        let server =
            logistics_warp::bind(http, api).await.map_err(|error| Failure::usage(error.to_string()))?;
        let settings = Settings::new(engine.partitions(), config.policy);
        let options = ProcessorsOptions::default();
        let processors =
            config.processors.then(|| Processors::start(bus.clone(), store, clock, settings, options));
        let notifications =
            config.notifier.map(|new| Notifications::start(bus, new(), NotificationsOptions::default()));
        health.add(Some(Arc::new(engine.clone())));
        health.add(processors.as_ref().map(Processors::probe));
        health.add(notifications.as_ref().map(Notifications::probe));
        let addr = server.local_addr();
        let (stop, mut stopped) = watch::channel(false);
        let server = tokio::spawn(server.run(async move {
            let _ = stopped.wait_for(|stop| *stop).await;
        }));
        Ok(Self { engine, addr, health, processors, notifications, server, stop })
    }

    /// Where the API listens.
    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Every part can do its work.
    pub(crate) fn is_ready(&self) -> bool {
        self.health.health().is_ready()
    }

    /// Stops taking requests, finishes what is open, and closes the data.
    ///
    /// # Errors
    /// One sentence, where something did not end in time or the data could not be closed. Nothing is lost by that.
    pub(crate) async fn stop(self) -> Result<(), Failure> {
        self.stop.send_replace(true);
        let _ = self.server.await;
        let mut unfinished = Vec::new();
        if let Some(processors) = self.processors
            && !processors.drain(DRAIN / 2).await.is_clean()
        {
            unfinished.push("a partition");
        }
        if let Some(notifications) = self.notifications
            && !notifications.drain(DRAIN / 4).await.clean
        {
            unfinished.push("the notifications");
        }
        self.engine.close().map_err(|error| Failure::refused(error.to_string()))?;
        if !unfinished.is_empty() {
            tracing::warn!(
                unfinished = unfinished.join(" and "),
                "not drained in time; the next start goes on there"
            );
        }
        Ok(())
    }
}

/// The health of all parts.
#[derive(Default)]
struct Probes(Mutex<Vec<Arc<dyn HealthProbe>>>);

impl Probes {
    fn add(&self, probe: Option<Arc<dyn HealthProbe>>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(probe);
    }
}

impl HealthProbe for Probes {
    fn health(&self) -> Health {
        let probes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Health { parts: probes.iter().flat_map(|probe| probe.health().parts).collect() }
    }
}
