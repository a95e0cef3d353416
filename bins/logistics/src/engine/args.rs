//! The flags that select an engine and its location.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use logistics_cli_kit::Failure;
use logistics_embedded::Config;
use logistics_wiring::LogSystem;
#[cfg(feature = "cluster")]
use logistics_wiring::cluster::{KafkaArgs, Log, PARTITIONS_DEFAULT, RedisArgs, Store};

use super::Engine;

/// The error of a build without the cluster engine.
pub(crate) const KAFKA_AND_REDIS: &str = "this build has only the embedded engine; for Kafka and Redis, build it with `cargo build --release --features cluster`";

/// The engine that holds the log and the store.
#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EngineKind {
    /// A data directory on this machine
    Embedded,
    /// Kafka and Redis; only in builds with the feature `cluster`
    Cluster,
}

/// Flags of a data directory.
#[derive(Args, Debug, Clone)]
pub(crate) struct DataArgs {
    /// The data directory
    #[arg(long, env = "LOGISTICS_DATA_DIR", default_value = "data")]
    pub(crate) data_dir: PathBuf,
    /// Partitions of the log, fixed at its creation [default: those of the data directory, 4 in a new one; 12 in Kafka]
    #[arg(long, env = "LOGISTICS_PARTITIONS", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(crate) partitions: Option<u32>,
}

/// Flags of every command that accesses the log and the store directly.
#[derive(Args, Debug, Clone)]
pub(crate) struct EngineArgs {
    /// The engine that holds the log and the store
    #[arg(long, env = "LOGISTICS_ENGINE", value_enum, default_value_t = EngineKind::Embedded)]
    pub(crate) engine: EngineKind,
    #[command(flatten)]
    pub(crate) data: DataArgs,
    #[cfg(feature = "cluster")]
    #[command(flatten)]
    pub(crate) kafka: KafkaArgs,
    #[cfg(feature = "cluster")]
    #[command(flatten)]
    pub(crate) redis: RedisArgs,
}

/// The parts that a command needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Needs {
    /// The log.
    Log,
    /// The log and the store.
    LogAndStore,
}

impl EngineArgs {
    /// What the log runs on.
    pub(crate) fn log_system(&self) -> LogSystem {
        match self.engine {
            EngineKind::Embedded => LogSystem::Embedded,
            EngineKind::Cluster => LogSystem::Kafka,
        }
    }

    /// Opens the engine for serving. Creates a missing data directory; does not contact Kafka and Redis yet.
    ///
    /// # Errors
    /// One sentence, if the engine cannot be used.
    pub(crate) async fn open(&self) -> Result<Engine, Failure> {
        match self.engine {
            EngineKind::Embedded => Engine::embedded(self.embedded()).await,
            EngineKind::Cluster => self.cluster(),
        }
    }

    /// Opens an existing engine. The process of a data directory must be stopped; Kafka and Redis are not contacted yet.
    ///
    /// # Errors
    /// One sentence, if the data directory does not exist or cannot be used.
    pub(crate) async fn existing(&self) -> Result<Engine, Failure> {
        match self.engine {
            EngineKind::Embedded => Engine::existing(self.embedded()).await,
            EngineKind::Cluster => self.cluster(),
        }
    }

    /// Opens an existing engine and checks that the needed parts answer.
    ///
    /// # Errors
    /// One sentence, if a part does not answer or cannot be used.
    pub(crate) async fn existing_checked(&self, needs: Needs) -> Result<Engine, Failure> {
        let engine = self.existing().await?;
        engine.check(needs).await?;
        Ok(engine)
    }

    fn embedded(&self) -> Config {
        let mut config = Config::new(&self.data.data_dir);
        config.partitions = self.data.partitions;
        config
    }

    #[cfg(feature = "cluster")]
    fn cluster(&self) -> Result<Engine, Failure> {
        let partitions = self.data.partitions.unwrap_or(PARTITIONS_DEFAULT);
        let client_id = format!("logistics-{}", std::process::id());
        Ok(Engine::Cluster {
            log: Log::connect(&self.kafka, partitions, &client_id)?,
            store: Store::connect(&self.redis, partitions)?,
        })
    }

    #[cfg(not(feature = "cluster"))]
    #[allow(clippy::unused_self, reason = "the signature of the build with the feature `cluster`")]
    fn cluster(&self) -> Result<Engine, Failure> {
        Err(Failure::usage(KAFKA_AND_REDIS))
    }
}
