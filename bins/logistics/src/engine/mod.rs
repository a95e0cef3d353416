//! What a process works on: log and store, in a data directory or in Kafka and Redis. Everything else knows their ports only.

mod args;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use logistics_cli_kit::Failure;
use logistics_core::health::HealthProbe;
use logistics_core::port::{EventBus, OrderStore};
use logistics_embedded::{Config, EmbeddedError};
use logistics_wiring::StartupCheck;
#[cfg(feature = "cluster")]
use logistics_wiring::cluster::{self, Log, ProcessRole, Store};

pub(crate) use args::{DataArgs, EngineArgs, EngineKind, KAFKA_AND_REDIS, Needs};

/// Log and store. Clones are the same.
#[derive(Clone)]
pub(crate) enum Engine {
    /// In one file of a directory.
    Embedded { engine: logistics_embedded::Engine, data_dir: PathBuf },
    /// In Kafka and Redis.
    #[cfg(feature = "cluster")]
    Cluster { log: Log, store: Store },
}

impl Engine {
    /// Opens a data directory, or makes one.
    ///
    /// # Errors
    /// The engine's sentence, where the data cannot be used.
    pub(crate) async fn embedded(config: Config) -> Result<Self, Failure> {
        let data_dir = config.data_dir.clone();
        let engine = away(move || logistics_embedded::Engine::open(config)).await?;
        Ok(Self::Embedded { engine, data_dir })
    }

    /// Opens a data directory whose process is stopped, with the partitions that it has.
    ///
    /// # Errors
    /// The engine's sentence, where there is nothing or it cannot be used.
    pub(crate) async fn stopped(data_dir: &Path) -> Result<Self, Failure> {
        Self::existing(Config::new(data_dir)).await
    }

    async fn existing(config: Config) -> Result<Self, Failure> {
        let data_dir = config.data_dir.clone();
        let engine = away(move || logistics_embedded::Engine::open_existing(config)).await?;
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

    /// Partitions of every topic.
    pub(crate) fn partitions(&self) -> u32 {
        self.bus().partitions()
    }

    /// Where the data are, for people.
    pub(crate) fn place(&self) -> String {
        match self {
            Self::Embedded { data_dir, .. } => data_dir.display().to_string(),
            #[cfg(feature = "cluster")]
            Self::Cluster { log, store } => {
                format!("Kafka at {} and Redis at {}", log.address(), store.address())
            }
        }
    }

    /// Checks once that what a command needs can be used. A data directory can, once it is open.
    ///
    /// # Errors
    /// Exit code 3 where a part is not there, 2 where it refuses.
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

    /// What must pass before anything is served.
    pub(crate) fn startup_checks(&self) -> Vec<StartupCheck> {
        match self {
            Self::Embedded { .. } => Vec::new(),
            #[cfg(feature = "cluster")]
            Self::Cluster { log, store } => {
                vec![log.startup_check(ProcessRole::ALL), store.startup_check(log, ProcessRole::ALL)]
            }
        }
    }

    /// How it is doing, from when everything is there.
    pub(crate) fn watch(&self) -> Arc<dyn HealthProbe> {
        match self {
            Self::Embedded { engine, .. } => Arc::new(engine.clone()),
            #[cfg(feature = "cluster")]
            Self::Cluster { log, store } => cluster::watch(log, Some(store), ProcessRole::ALL),
        }
    }

    /// Waits for a failure after which nothing may be decided on it any more.
    pub(crate) fn failed(&self) -> BoxFuture<'static, Failure> {
        match self {
            Self::Embedded { .. } => std::future::pending().boxed(),
            #[cfg(feature = "cluster")]
            Self::Cluster { store, .. } => store.claim_lost().boxed(),
        }
    }

    /// Ends the use of it.
    ///
    /// # Errors
    /// One sentence, where the data could not be closed. Nothing is lost by that.
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

/// Opens data away from the threads that serve: a repair reads the file.
async fn away(
    open: impl FnOnce() -> Result<logistics_embedded::Engine, EmbeddedError> + Send + 'static,
) -> Result<logistics_embedded::Engine, Failure> {
    let opening = tokio::task::spawn_blocking(open).await;
    opening
        .map_err(|error| Failure::usage(format!("cannot open the data: {error}")))?
        .map_err(|error| Failure::usage(error.to_string()))
}
