//! Which engine, and where.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use logistics_cli_kit::Failure;
use logistics_embedded::Config;
#[cfg(feature = "cluster")]
use logistics_wiring::cluster::{KafkaArgs, Log, PARTITIONS_DEFAULT, RedisArgs, Store};

use super::Engine;

/// What a build without the cluster engine says to whoever wants it.
pub(crate) const KAFKA_AND_REDIS: &str = "this build has the embedded engine alone; for Kafka and Redis build it with `cargo build --release --features cluster`";

/// Which engine holds log and store.
#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EngineKind {
    /// A data directory of this machine
    Embedded,
    /// Kafka and Redis; in builds with the feature `cluster`
    Cluster,
}

/// Flags of a data directory.
#[derive(Args, Debug, Clone)]
pub(crate) struct DataArgs {
    /// The directory of the data
    #[arg(long, env = "LOGISTICS_DATA_DIR", default_value = "data")]
    pub(crate) data_dir: PathBuf,
    /// Partitions of the log, fixed when it is made [default: those of the data directory, 4 in a new one; 12 in Kafka]
    #[arg(long, env = "LOGISTICS_PARTITIONS", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(crate) partitions: Option<u32>,
}

/// Flags of every command that works on log and store themselves.
#[derive(Args, Debug, Clone)]
pub(crate) struct EngineArgs {
    /// What holds log and store
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

/// What a command needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Needs {
    /// The log.
    Log,
    /// The log and the store.
    LogAndStore,
}

impl EngineArgs {
    /// To serve: a data directory is made where there is none; Kafka and Redis are not contacted yet.
    ///
    /// # Errors
    /// One sentence, where it cannot be used.
    pub(crate) async fn open(&self) -> Result<Engine, Failure> {
        match self.engine {
            EngineKind::Embedded => Engine::embedded(self.embedded()).await,
            EngineKind::Cluster => self.cluster(),
        }
    }

    /// To look at what is there: the process of a data directory must be stopped; Kafka and Redis are not contacted yet.
    ///
    /// # Errors
    /// One sentence, where there is nothing or it cannot be used.
    pub(crate) async fn existing(&self) -> Result<Engine, Failure> {
        match self.engine {
            EngineKind::Embedded => Engine::existing(self.embedded()).await,
            EngineKind::Cluster => self.cluster(),
        }
    }

    /// The same, where what is needed must be there now.
    ///
    /// # Errors
    /// One sentence, where it is not there or cannot be used.
    pub(crate) async fn there(&self, needs: Needs) -> Result<Engine, Failure> {
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
    #[allow(clippy::unused_self, reason = "the shape of the other build's")]
    fn cluster(&self) -> Result<Engine, Failure> {
        Err(Failure::usage(KAFKA_AND_REDIS))
    }
}
