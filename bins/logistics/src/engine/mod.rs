//! The log and the store of a process, in a data directory or in Kafka and Redis. All other code uses only their ports.

mod args;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use logistics_cli_kit::Failure;
use logistics_core::health::HealthProbe;
use logistics_core::port::{EventBus, OrderStore};
use logistics_embedded::{Config, EmbeddedError};
use logistics_tokio::{LogMonitor, LogMonitorOptions, PollOptions, StoreMonitor, SystemClock};
#[cfg(feature = "cluster")]
use logistics_wiring::cluster::{self, Log, ProcessRole, Store};
use logistics_wiring::{ApiPorts, HttpArgs, StartupCheck, Telemetry};

pub(crate) use args::{DataArgs, EngineArgs, EngineKind, KAFKA_AND_REDIS, Needs};

/// The log and the store. Clones share them.
#[derive(Clone)]
pub(crate) enum Engine {
    /// In one file of a directory.
    Embedded { engine: logistics_embedded::Engine, data_dir: PathBuf },
    /// In Kafka and Redis.
    #[cfg(feature = "cluster")]
    Cluster { log: Log, store: Store },
}

impl Engine {
    /// Opens a data directory, and creates it if it is missing.
    ///
    /// # Errors
    /// The engine's sentence, if the data cannot be used.
    pub(crate) async fn embedded(config: Config) -> Result<Self, Failure> {
        let data_dir = config.data_dir.clone();
        let engine = open_blocking(move || logistics_embedded::Engine::open(config)).await?;
        Ok(Self::Embedded { engine, data_dir })
    }

    /// Opens an existing data directory. Its process must be stopped.
    ///
    /// # Errors
    /// The engine's sentence, if the directory does not exist or cannot be used.
    pub(crate) async fn stopped(data_dir: &Path) -> Result<Self, Failure> {
        Self::existing(Config::new(data_dir)).await
    }

    async fn existing(config: Config) -> Result<Self, Failure> {
        let data_dir = config.data_dir.clone();
        let engine = open_blocking(move || logistics_embedded::Engine::open_existing(config)).await?;
        Ok(Self::Embedded { engine, data_dir })
    }

    /// The log.
    pub(crate) fn bus(&self) -> Arc<dyn EventBus> {
        match self {
            Self::Embedded { engine, .. } => engine.bus(),
            #[cfg(feature = "cluster")]
            Self::Cluster { log, .. } => log.bus(),
        }
    }

    /// The store.
    pub(crate) fn store(&self) -> Arc<dyn OrderStore> {
        match self {
            Self::Embedded { engine, .. } => engine.store(),
            #[cfg(feature = "cluster")]
            Self::Cluster { store, .. } => store.store(),
        }
    }

    /// The log and the store of the API. Those of a cluster are behind circuit breakers.
    #[cfg_attr(
        not(feature = "cluster"),
        allow(unused_variables, reason = "only circuit breakers are observed here")
    )]
    pub(crate) fn api_ports(&self, telemetry: &Telemetry) -> ApiPorts {
        match self {
            Self::Embedded { engine, .. } => ApiPorts::local(engine.bus(), engine.store()),
            #[cfg(feature = "cluster")]
            Self::Cluster { log, store } => ApiPorts::remote(log.bus(), store.store(), telemetry),
        }
    }

    /// The flags of the API, with the store in which processes share rate limits. An embedded engine has one process.
    pub(crate) fn shared_limits(&self, http: HttpArgs) -> HttpArgs {
        match self {
            Self::Embedded { .. } => http,
            #[cfg(feature = "cluster")]
            Self::Cluster { store, .. } => http.sharing(store.quotas()),
        }
    }

    /// Partitions of every topic.
    pub(crate) fn partitions(&self) -> u32 {
        self.bus().partitions()
    }

    /// The location of the data, for messages.
    pub(crate) fn location(&self) -> String {
        match self {
            Self::Embedded { data_dir, .. } => data_dir.display().to_string(),
            #[cfg(feature = "cluster")]
            Self::Cluster { log, store } => {
                format!("Kafka at {} and Redis at {}", log.address(), store.address())
            }
        }
    }

    /// Checks once that the needed parts can be used. An open data directory always can.
    ///
    /// # Errors
    /// Exit code 3 if a part does not answer, 2 if it is unsuitable.
    #[cfg_attr(
        not(feature = "cluster"),
        allow(unused_variables, reason = "the embedded engine needs no check")
    )]
    pub(crate) async fn check(&self, needs: Needs) -> Result<(), Failure> {
        match self {
            Self::Embedded { .. } => Ok(()),
            #[cfg(feature = "cluster")]
            Self::Cluster { log, store } => {
                log.startup_check(ProcessRole::READER).check().await?;
                match needs {
                    Needs::Log => Ok(()),
                    Needs::LogAndStore => store.startup_check(log, ProcessRole::READER).check().await,
                }
            }
        }
    }

    /// The checks that must pass before the process serves.
    pub(crate) fn startup_checks(&self) -> Vec<StartupCheck> {
        match self {
            Self::Embedded { .. } => Vec::new(),
            #[cfg(feature = "cluster")]
            Self::Cluster { log, store } => {
                vec![log.startup_check(ProcessRole::ALL), store.startup_check(log, ProcessRole::ALL)]
            }
        }
    }

    /// The health of the engine, after the startup checks have passed. `telemetry` shows which part answers.
    #[cfg_attr(
        not(feature = "cluster"),
        allow(unused_variables, reason = "the embedded engine is one part with the process")
    )]
    pub(crate) fn health(&self, telemetry: &Telemetry) -> Arc<dyn HealthProbe> {
        match self {
            Self::Embedded { engine, .. } => Arc::new(engine.clone()),
            #[cfg(feature = "cluster")]
            Self::Cluster { log, store } => cluster::watch(log, Some(store), ProcessRole::ALL, telemetry),
        }
    }

    /// Polls the store and the log for the metrics, after the startup checks have passed.
    pub(crate) fn gauge(&self, telemetry: &Telemetry) {
        match self {
            Self::Embedded { engine, .. } => {
                let (store, engine) = (engine.store(), engine.clone());
                let monitor = StoreMonitor::new(PollOptions::default()).orders(store).usage(move || {
                    let engine = engine.clone();
                    async move { engine.usage().await }
                });
                telemetry.watch(Arc::new(monitor));
                let (bus, store) = (self.bus(), self.store());
                let lag = LogMonitor::start(bus, store, Arc::new(SystemClock), LogMonitorOptions::default());
                telemetry.watch(Arc::new(lag));
            }
            #[cfg(feature = "cluster")]
            Self::Cluster { log, store } => cluster::gauge(telemetry, log, store, ProcessRole::ALL),
        }
    }

    /// Waits for a failure after which no processor may decide on this engine.
    pub(crate) fn failed(&self) -> BoxFuture<'static, Failure> {
        match self {
            Self::Embedded { .. } => std::future::pending().boxed(),
            #[cfg(feature = "cluster")]
            Self::Cluster { store, .. } => store.claim_lost().boxed(),
        }
    }

    /// Closes the data.
    ///
    /// # Errors
    /// One sentence, if closing fails. No data is lost.
    pub(crate) fn close(&self) -> Result<(), Failure> {
        match self {
            Self::Embedded { engine, .. } => {
                engine.close().map_err(|error| Failure::refused(error.to_string()))
            }
            #[cfg(feature = "cluster")]
            Self::Cluster { .. } => Ok(()),
        }
    }
}

/// Opens data on a blocking thread, because a repair reads the whole file.
async fn open_blocking(
    open: impl FnOnce() -> Result<logistics_embedded::Engine, EmbeddedError> + Send + 'static,
) -> Result<logistics_embedded::Engine, Failure> {
    let opening = tokio::task::spawn_blocking(open).await;
    opening
        .map_err(|error| Failure::usage(format!("cannot open the data: {error}")))?
        .map_err(|error| Failure::usage(error.to_string()))
}
