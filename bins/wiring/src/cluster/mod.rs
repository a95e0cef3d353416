//! Kafka and Redis: the only place where their flags and their start exist.

mod checks;
mod descriptors;
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
use logistics_core::port::{EventBus, OrderStore, PortError};
use logistics_kafka::KafkaBus;
use logistics_redis::{RedisStore, RedisStoreError};
use logistics_tokio::{DependencyMonitor, DependencyMonitorOptions, SystemClock};
use tokio::sync::{OnceCell, watch};

use crate::health_registry::{HealthRegistry, STORE_PART};
use crate::startup::StartupCheck;
use checks::CheckWatch;
pub use kafka::KafkaArgs;
use logistics_cli_kit::Failure;
pub use redis::RedisArgs;
pub use secret::Secret;
pub use settings::Settings;

/// Partitions of every topic, unless told otherwise.
pub const PARTITIONS_DEFAULT: u32 = 12;

/// How many partitions there are.
#[derive(Args, Debug, Clone, Copy)]
pub struct PartitionsArgs {
    /// Partitions of every topic; a topic that has another number stops the start
    #[arg(
        long, env = "LOGISTICS_PARTITIONS", default_value_t = PARTITIONS_DEFAULT,
        value_parser = clap::value_parser!(u32).range(1..=1024)
    )]
    pub partitions: u32,
}

/// Where Kafka and Redis are.
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
    /// Log and store, neither of which is contacted yet.
    ///
    /// # Errors
    /// One sentence, where the settings do not fit. It names no secret.
    pub fn connect(&self, client_id: &str) -> Result<(Log, Store), Failure> {
        let PartitionsArgs { partitions } = self.partitions;
        Ok((Log::connect(&self.kafka, partitions, client_id)?, Store::connect(&self.redis, partitions)?))
    }
}

/// The log in Kafka.
#[derive(Clone)]
pub struct Log(KafkaBus);

impl Log {
    /// Contacts nobody yet. `client_id`: what the brokers call this process.
    ///
    /// # Errors
    /// One sentence, where the settings do not fit. It names no secret.
    pub fn connect(args: &KafkaArgs, partitions: u32, client_id: &str) -> Result<Self, Failure> {
        let bus = KafkaBus::new(args.config(partitions, client_id)?);
        bus.map(Self).map_err(|error| Failure::usage(error.to_string()))
    }

    /// The port.
    #[must_use]
    pub fn bus(&self) -> Arc<dyn EventBus> {
        Arc::new(self.0.clone())
    }

    /// Where it is, for people.
    #[must_use]
    pub fn address(&self) -> String {
        self.0.address()
    }

    /// What Kafka can do beside what the port needs.
    #[must_use]
    pub fn kafka(&self) -> &KafkaBus {
        &self.0
    }

    /// Its topics must exist and fit. A process that decides also needs enough file descriptors to own all partitions, and one
    /// that appends an open producer.
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

/// What a process does with log and store, besides reading them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProcessRole {
    /// It owns partitions and decides about their orders: it claims the store.
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
    /// Which system it belongs to, once the log has said so: a claim goes on while the brokers are gone.
    system: Arc<OnceCell<String>>,
    /// This process has claimed the store: it decides, and claims it again with every check.
    has_claimed: Arc<AtomicBool>,
    /// Why this process may not decide any more: another system has claimed the store.
    lost: Arc<watch::Sender<Option<String>>>,
}

impl Store {
    /// Contacts nobody yet.
    ///
    /// # Errors
    /// One sentence, where the settings do not fit. It names no secret.
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

    /// Where it is, for people.
    #[must_use]
    pub fn address(&self) -> String {
        self.redis.address()
    }

    /// What Redis can do beside what the port needs.
    #[must_use]
    pub fn redis(&self) -> &RedisStore {
        &self.redis
    }

    /// It must be there, not throw anything away, and not be in use by another system than the one of this log. A process that
    /// decides claims it.
    #[must_use]
    pub fn startup_check(&self, log: &Log, role: ProcessRole) -> StartupCheck {
        StartupCheck::new(STORE_PART, self.redis.address(), self.checks(log, role))
    }

    /// A check with each call, at the start and again while the process runs.
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
        // A store that no longer fits does not end the claim of a process that decides already, and must not hide its loss.
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

    /// Waits until a check finds that another system has claimed the store: from then on, two would decide with one store.
    pub fn claim_lost(&self) -> impl Future<Output = Failure> + Send + use<> {
        let mut lost = self.lost.subscribe();
        async move {
            let why = lost.wait_for(Option::is_some).await.ok().and_then(|why| why.clone());
            match why {
                Some(why) => Failure::usage(format!("the store cannot be used any more: {why}")),
                // The store is gone, and with it whatever could lose it.
                None => std::future::pending().await,
            }
        }
    }
}

/// Watches, from now on, whether the log and the store, where there is one, answer, and whether the topics and the store still
/// pass the checks of the start. A process that decides claims the store again and again. Begin once they have passed.
#[must_use]
pub fn watch(log: &Log, store: Option<&Store>, role: ProcessRole) -> Arc<dyn HealthProbe> {
    let bus = log.bus();
    let partitions = bus.partitions();
    let watch = DependencyMonitor::new(Arc::new(SystemClock), DependencyMonitorOptions::default());
    let watch = watch.log(bus, log.0.address());
    let watch = match store {
        Some(store) => watch.store(store.store(), partitions, store.address()),
        None => watch,
    };
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
