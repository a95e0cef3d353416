//! The log and the store of one scenario: temporary topics, and an empty Redis database.

use std::ffi::OsString;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant};

use logistics_cli_kit::Failure;
use logistics_core::port::{DocumentLookup, EventBus, OrderStore, PortError, Topic};
use logistics_core::{OrderId, Status};
use logistics_wiring::cluster::{KafkaArgs, Log, RedisArgs, Store};
use serde::Deserialize;

use crate::bench::fixture::{records, verify};
use crate::bench::{BenchArgs, fixture::place, progress::Progress};

const CLIENT_ID: &str = "logistics-bench";
const POLL: Duration = Duration::from_millis(5);
/// How long neither the log nor the store may progress.
const TIMEOUT: Duration = Duration::from_secs(120);

/// The log and the store of one scenario.
pub(super) struct Fixture {
    pub(super) bus: Arc<dyn EventBus>,
    pub(super) store: Arc<dyn OrderStore>,
    kafka: KafkaArgs,
    redis: RedisArgs,
    redis_store: Store,
    partitions: u32,
}

impl Fixture {
    /// Creates the topics, and checks that the database is empty, because the end wipes it.
    ///
    /// # Errors
    /// One sentence, if Kafka or Redis cannot be used, or the database is not empty.
    pub(super) async fn create(args: &BenchArgs) -> Result<Self, Failure> {
        let kafka = args.kafka.apart(&format!("bench-{:016x}-", RandomState::new().build_hasher().finish()));
        let log = Log::connect(&kafka, args.partitions, CLIENT_ID)?;
        let store = Store::connect(&args.redis, args.partitions)?;
        store.redis().check().await.map_err(of_store)?;
        if !store.redis().is_empty().await.map_err(of_store)? {
            return Err(Failure::usage(format!(
                "the Redis database at {} is not empty, and bench wipes it at the end; choose an empty one, such as \
                 --redis-url redis://{}/5",
                store.address(),
                store.address()
            )));
        }
        log.kafka().create_topics(None).await.map_err(of_log)?;
        Ok(Self {
            bus: log.bus(),
            store: store.store(),
            kafka,
            redis: args.redis.clone(),
            redis_store: store,
            partitions: args.partitions,
        })
    }

    /// Deletes the topics and wipes the database. No service may run.
    ///
    /// # Errors
    /// One sentence, if a topic or the database remains.
    pub(super) async fn end(self) -> Result<(), Failure> {
        // With a new client: one that knows the topics would request their metadata again.
        let Self { bus, kafka, partitions, redis_store, .. } = self;
        drop(bus);
        let log = Log::connect(&kafka, partitions, CLIENT_ID)?;
        let deleted = log.kafka().delete_topics().await.map_err(of_log);
        let wiped = redis_store.redis().wipe().await.map_err(of_store);
        deleted.and(wiped)
    }

    /// Wipes the store, as if Redis had lost its data.
    ///
    /// # Errors
    /// One sentence, if it cannot be wiped.
    pub(super) async fn wipe_store(&self) -> Result<(), Failure> {
        self.redis_store.redis().wipe().await.map_err(of_store)
    }

    /// Partitions of every topic.
    pub(super) fn partitions(&self) -> u32 {
        self.partitions
    }

    /// The settings of a service, as environment variables.
    pub(super) fn settings(&self) -> impl Iterator<Item = (&'static str, OsString)> {
        let partitions = ("LOGISTICS_PARTITIONS", self.partitions.to_string().into());
        self.kafka.settings().into_iter().chain(self.redis.settings()).chain([partitions])
    }

    /// Places orders through the bus.
    ///
    /// # Errors
    /// One sentence, if an order cannot be appended.
    pub(super) async fn place(&self, orders: u64, what: &str) -> Result<Vec<OrderId>, Failure> {
        place(&self.bus, 0, orders, &Progress::new(what, orders)).await
    }

    /// Waits until the documents of these orders have this status, and returns the time.
    ///
    /// # Errors
    /// One sentence, if neither the documents nor the log progress.
    pub(super) async fn until_stored(
        &self,
        mut orders: Vec<OrderId>,
        status: Status,
    ) -> Result<Instant, Failure> {
        #[derive(Deserialize)]
        struct Document {
            status: String,
        }
        let (mut last, mut moved) = ((0, 0), Instant::now());
        while let Some(order_id) = orders.last() {
            let found = self.store.document(order_id).await.map_err(of_store)?;
            if let DocumentLookup::Found(json) = found
                && serde_json::from_slice::<Document>(&json).is_ok_and(|found| found.status == status.name())
            {
                orders.pop();
                continue;
            }
            let now = (records(&self.bus, Topic::Orders).await?, orders.len());
            if now != last {
                (last, moved) = (now, Instant::now());
            }
            if moved.elapsed() > TIMEOUT {
                return Err(Failure::refused(format!("{order_id} is not {} in Redis", status.name())));
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(Instant::now())
    }

    /// Checks every invariant, and that `orders` orders are delivered. No processor may run.
    ///
    /// # Errors
    /// One sentence with the violation or the counts.
    pub(super) async fn verify(&self, orders: u64) -> Result<(), Failure> {
        verify(&self.bus, &self.store, orders).await
    }
}

fn of_log(error: PortError) -> Failure {
    Failure::of_port("cannot use the log", &error)
}

fn of_store(error: PortError) -> Failure {
    Failure::of_port("cannot use the store", &error)
}
