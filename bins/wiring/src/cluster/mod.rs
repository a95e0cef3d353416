//! Flags and startup checks of Kafka and Redis.

mod checks;
mod descriptors;
mod gauges;
mod kafka;
mod redis;
mod secret;
mod settings;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Args;
use futures::FutureExt;
use futures::future::BoxFuture;
use logistics_core::health::HealthProbe;
use logistics_core::port::{EventBus, OrderStore, PortError, SharedQuota};
use logistics_kafka::KafkaBus;
use logistics_redis::{RedisStore, RedisStoreError};
use logistics_tokio::{DependencyMonitor, DependencyMonitorOptions, SystemClock};
use tokio::sync::{OnceCell, watch};

use crate::health_registry::{HealthRegistry, STORE_PART};
use crate::startup::StartupCheck;
use crate::telemetry::Telemetry;
use checks::CheckWatch;
pub use gauges::gauge;
pub use kafka::KafkaArgs;
use logistics_cli_kit::Failure;
pub use redis::RedisArgs;
pub use secret::Secret;
pub use settings::Settings;

/// Default partition count of every topic.
pub const PARTITIONS_DEFAULT: u32 = 12;

/// The flag of the partition count.
#[derive(Args, Debug, Clone, Copy)]
pub struct PartitionsArgs {
    /// Partitions of every topic. A topic with another count stops the start
    #[arg(
        long, env = "LOGISTICS_PARTITIONS", default_value_t = PARTITIONS_DEFAULT,
        value_parser = clap::value_parser!(u32).range(1..=1024)
    )]
    pub partitions: u32,
}

/// Flags of Kafka and Redis.
#[derive(Args, Debug, Clone)]
pub struct ClusterArgs {
    #[command(flatten)]
    partitions: PartitionsArgs,
    #[command(flatten)]
    kafka: KafkaArgs,
    #[command(flatten)]
    redis: RedisArgs,
}

impl ClusterArgs {
    /// The log and the store. They connect with their first calls.
    ///
    /// # Errors
    /// If settings are invalid. The text contains no secret.
    pub fn connect(&self, client_id: &str) -> Result<(Log, Store), Failure> {
        let PartitionsArgs { partitions } = self.partitions;
        Ok((Log::connect(&self.kafka, partitions, client_id)?, Store::connect(&self.redis, partitions)?))
    }
}

/// The log in Kafka.
#[derive(Clone)]
pub struct Log(KafkaBus);

impl Log {
    /// Does not connect yet. `client_id`: the name of this process at the brokers.
    ///
    /// # Errors
    /// If settings are invalid. The text contains no secret.
    pub fn connect(args: &KafkaArgs, partitions: u32, client_id: &str) -> Result<Self, Failure> {
        let bus = KafkaBus::new(args.config(partitions, client_id)?);
        bus.map(Self).map_err(|error| Failure::usage(error.to_string()))
    }

    /// The port.
    #[must_use]
    pub fn bus(&self) -> Arc<dyn EventBus> {
        Arc::new(self.0.clone())
    }

    /// Its address, for messages.
    #[must_use]
    pub fn address(&self) -> String {
        self.0.address()
    }

    /// The adapter, for operations that the port lacks.
    #[must_use]
    pub fn kafka(&self) -> &KafkaBus {
        &self.0
    }

    /// Checks that the topics exist and are suitable. A process that decides also needs enough file descriptors to own all
    /// partitions, and a process that appends needs an open producer.
    #[must_use]
    pub fn startup_check(&self, role: ProcessRole) -> StartupCheck {
        let bus = self.0.clone();
        StartupCheck::new("log", self.0.address(), move || {
            let bus = bus.clone();
            async move {
                bus.check_topics().await?;
                if role.decides {
                    descriptors::provide(bus.descriptors_needed(), bus.partitions())?;
                }
                if role.appends { bus.prepare_appends().await } else { Ok(()) }
            }
        })
    }
}

/// How a process uses the log and the store, besides reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProcessRole {
    /// It owns partitions and decides their orders, so it claims the store.
    pub decides: bool,
    /// It appends requests to the log.
    pub appends: bool,
}

impl ProcessRole {
    /// Reads only: tools, and the notification service.
    pub const READER: Self = Self { decides: false, appends: false };
    /// The HTTP API alone.
    pub const API: Self = Self { decides: false, appends: true };
    /// A processor alone.
    pub const PROCESSOR: Self = Self { decides: true, appends: false };
    /// Everything in one process.
    pub const ALL: Self = Self { decides: true, appends: true };
}

/// The store in Redis.
#[derive(Clone)]
pub struct Store {
    redis: RedisStore,
    /// The system of the log, read once, so that the process can renew its claim without the brokers.
    system: Arc<OnceCell<String>>,
    /// This process decides and has claimed the store. It renews the claim with every check.
    has_claimed: Arc<AtomicBool>,
    /// The error after another system has claimed the store. This process must not decide any more.
    lost: Arc<watch::Sender<Option<String>>>,
}

impl Store {
    /// Does not connect yet.
    ///
    /// # Errors
    /// If settings are invalid. The text contains no secret.
    pub fn connect(args: &RedisArgs, partitions: u32) -> Result<Self, Failure> {
        let store = RedisStore::new(args.config(partitions)?);
        let redis = store.map_err(|error| Failure::usage(error.to_string()))?;
        let has_claimed = Arc::default();
        Ok(Self { redis, system: Arc::default(), has_claimed, lost: Arc::new(watch::Sender::new(None)) })
    }

    /// The port.
    #[must_use]
    pub fn store(&self) -> Arc<dyn OrderStore> {
        Arc::new(self.redis.clone())
    }

    /// The quotas that processes share.
    #[must_use]
    pub fn quotas(&self) -> Arc<dyn SharedQuota> {
        Arc::new(self.redis.clone())
    }

    /// Its address, for messages.
    #[must_use]
    pub fn address(&self) -> String {
        self.redis.address()
    }

    /// The adapter, for operations that the port lacks.
    #[must_use]
    pub fn redis(&self) -> &RedisStore {
        &self.redis
    }

    /// Checks that the store is reachable, evicts nothing, and belongs to the log's system. A process that decides claims it.
    #[must_use]
    pub fn startup_check(&self, log: &Log, role: ProcessRole) -> StartupCheck {
        StartupCheck::new(STORE_PART, self.redis.address(), self.checks(log, role))
    }

    /// Creates checks for the start and for the running process.
    fn checks(
        &self,
        log: &Log,
        role: ProcessRole,
    ) -> impl Fn() -> BoxFuture<'static, Result<(), PortError>> + Send + Sync + use<> {
        let (store, log) = (self.clone(), log.clone());
        move || {
            let (store, log) = (store.clone(), log.clone());
            async move { store.check(&log, role).await }.boxed()
        }
    }

    async fn check(&self, log: &Log, role: ProcessRole) -> Result<(), PortError> {
        let fits = self.redis.check().await;
        // An unsuitable store does not end the claim of a process that decides, and must not hide the claim's loss.
        if let Err(error) = &fits
            && (error.kind().is_retryable() || !self.has_claimed.load(Ordering::Relaxed))
        {
            return fits;
        }
        let system = self.system.get_or_try_init(|| log.0.system()).await?;
        let claimed = self.redis.check_system(system, role.decides).await;
        if role.decides {
            match &claimed {
                Ok(()) => self.has_claimed.store(true, Ordering::Relaxed),
                Err(error @ RedisStoreError::OtherSystem { .. }) => {
                    self.lost.send_replace(Some(error.to_string()));
                }
                // Only another system's claim is a loss.
                Err(_) => {}
            }
        }
        fits.and(claimed.map_err(PortError::from))
    }

    /// Waits until a check finds that another system has claimed the store. This process must then stop deciding.
    pub fn claim_lost(&self) -> impl Future<Output = Failure> + Send + use<> {
        let mut lost = self.lost.subscribe();
        async move {
            let why = lost.wait_for(Option::is_some).await.ok().and_then(|why| why.clone());
            match why {
                Some(why) => Failure::usage(format!("the store cannot be used any more: {why}")),
                // All stores are dropped, so no check can find a loss.
                None => std::future::pending().await,
            }
        }
    }
}

/// Monitors whether the log and the store answer, and repeats the checks of the start. A process that decides renews its claim of
/// the store. `telemetry` shows which part answers. Call it after the checks of the start have passed.
#[must_use]
pub fn watch(
    log: &Log,
    store: Option<&Store>,
    role: ProcessRole,
    telemetry: &Telemetry,
) -> Arc<dyn HealthProbe> {
    let bus = log.bus();
    let partitions = bus.partitions();
    let watch = DependencyMonitor::new(Arc::new(SystemClock), DependencyMonitorOptions::default());
    let watch = watch.log(bus, log.0.address());
    let watch = match store {
        Some(store) => watch.store(store.store(), partitions, store.address()),
        None => watch,
    };
    telemetry.watch(watch.gauges());
    let checked = log.0.clone();
    let topics = CheckWatch::start("topics", log.0.address(), None, move || {
        let checked = checked.clone();
        async move { checked.check_topics().await }
    });
    let mut parts: Vec<Arc<dyn HealthProbe>> = vec![Arc::new(watch), Arc::new(topics)];
    if let Some(store) = store {
        let opened = Some(store.redis.connections_opened());
        let settings = CheckWatch::start("store settings", store.address(), opened, store.checks(log, role));
        parts.push(Arc::new(settings));
    }
    let all = HealthRegistry::default();
    all.replace(parts);
    Arc::new(all)
}
