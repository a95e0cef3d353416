//! What a process shows to the outside: its HTTP server and its health. It is the first that is there and the first that goes.

use std::net::SocketAddr;
use std::sync::Arc;

use logistics_core::health::HealthProbe;
use logistics_core::port::{EventBus, OrderStore};
use logistics_tokio::SystemClock;
use logistics_warp::{Api, Config, ServeError, Server};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::exit::Failure;
use crate::probes::Probes;

/// Milliseconds that running requests have at the end. Together with what [`crate::Work`] has, less than the 10 s that a
/// process may take.
const DRAIN_MS_MAX: u64 = 3000;

/// The name of the store's part, as the checks of the start and the watch after it name it.
const STORE: &str = "store";

/// The HTTP server of a process, which serves.
pub struct Front {
    addr: SocketAddr,
    probes: Arc<Probes>,
    server: JoinHandle<()>,
    stop: watch::Sender<bool>,
}

impl Front {
    /// Serves the API and the health. What the API cannot do while a part is missing, it answers 503.
    ///
    /// # Errors
    /// One sentence, where the address cannot be used.
    pub async fn api(
        listen: SocketAddr,
        bus: Arc<dyn EventBus>,
        store: Arc<dyn OrderStore>,
    ) -> Result<Self, Failure> {
        let probes = Arc::new(Probes::default());
        let api = Api { bus, store, clock: Arc::new(SystemClock), health: probes.clone() };
        // A placement is appended and needs no store; what does need it answers 503 by itself.
        let config = Config { degradable_parts: vec![STORE.to_owned()], ..config(listen) };
        Self::serve(logistics_warp::bind(config, api).await, probes)
    }

    /// Serves the health alone.
    ///
    /// # Errors
    /// One sentence, where the address cannot be used.
    pub async fn health(listen: SocketAddr) -> Result<Self, Failure> {
        let probes = Arc::new(Probes::default());
        Self::serve(logistics_warp::bind_health(config(listen), probes.clone()).await, probes)
    }

    fn serve(server: Result<Server, ServeError>, probes: Arc<Probes>) -> Result<Self, Failure> {
        let server = server.map_err(|error| Failure::usage(error.to_string()))?;
        let addr = server.local_addr();
        let (stop, mut stopped) = watch::channel(false);
        let server = tokio::spawn(server.run(async move {
            let _ = stopped.wait_for(|stop| *stop).await;
        }));
        Ok(Self { addr, probes, server, stop })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The parts whose health it shows.
    pub fn probes(&self) -> &Probes {
        &self.probes
    }

    /// Every part can do its work.
    pub fn is_ready(&self) -> bool {
        self.probes.health().is_ready()
    }

    /// Takes no more requests and finishes those that run, within a bound.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        let _ = self.server.await;
    }
}

fn config(listen: SocketAddr) -> Config {
    Config { listen, drain_ms_max: DRAIN_MS_MAX, ..Config::default() }
}
