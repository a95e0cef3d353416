//! What a scenario runs on: topics of its own, and a Redis database that nobody else uses.

use std::ffi::OsString;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant};

use logistics_cli_kit::Failure;
use logistics_core::port::{DocumentLookup, EventBus, OrderStore, PortError, Topic};
use logistics_core::{OrderId, Status};
use logistics_wiring::cluster::{KafkaArgs, Log, RedisArgs, Store};
use serde::Deserialize;

use crate::bench::world::{records, verify};
use crate::bench::{BenchArgs, progress::Progress, world::place};

const CLIENT_ID: &str = "logistics-bench";
const POLL: Duration = Duration::from_millis(5);
/// Without any order moving.
const PATIENCE: Duration = Duration::from_secs(120);

/// Log and store of one scenario.
pub(super) struct World {
    pub(super) bus: Arc<dyn EventBus>,
    pub(super) store: Arc<dyn OrderStore>,
    kafka: KafkaArgs,
    redis: RedisArgs,
    redis_store: Store,
    partitions: u32,
}

impl World {
    /// Makes the topics, and makes sure of the database.
    ///
    /// # Errors
    /// One sentence, where they cannot be used, or where anything is in the database: it is wiped in the end.
    pub(super) async fn make(args: &BenchArgs) -> Result<Self, Failure> {
        let kafka = args.kafka.apart(&format!("bench-{:016x}-", RandomState::new().build_hasher().finish()));
        let log = Log::connect(&kafka, args.partitions, CLIENT_ID)?;
        let store = Store::connect(&args.redis, args.partitions)?;
        store.redis().check().await.map_err(of_store)?;
        if !store.redis().is_empty().await.map_err(of_store)? {
            return Err(Failure::usage(format!(
                "the database of Redis at {} is not empty, and it is wiped in the end; give an empty one, such as \
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

    /// Deletes the topics and wipes the database. Nobody may work on them any more.
    ///
    /// # Errors
    /// One sentence, where something is left behind.
    pub(super) async fn end(self) -> Result<(), Failure> {
        // By a client that has not heard of them: one that has asks for them again.
        let Self { bus, kafka, partitions, redis_store, .. } = self;
        drop(bus);
        let log = Log::connect(&kafka, partitions, CLIENT_ID)?;
        let deleted = log.kafka().delete_topics().await.map_err(of_log);
        let wiped = redis_store.redis().wipe().await.map_err(of_store);
        deleted.and(wiped)
    }

    /// Throws away what is in the store, as if Redis had lost it.
    ///
    /// # Errors
    /// One sentence, where it cannot be.
    pub(super) async fn lose_the_store(&self) -> Result<(), Failure> {
        self.redis_store.redis().wipe().await.map_err(of_store)
    }

    /// Partitions of every topic.
    pub(super) fn partitions(&self) -> u32 {
        self.partitions
    }

    /// What a service needs to know, as its environment.
    pub(super) fn settings(&self) -> impl Iterator<Item = (&'static str, OsString)> {
        let partitions = ("LOGISTICS_PARTITIONS", self.partitions.to_string().into());
        self.kafka.settings().into_iter().chain(self.redis.settings()).chain([partitions])
    }

    /// Places orders through the bus.
    ///
    /// # Errors
    /// One sentence, where one cannot be appended.
    pub(super) async fn place(&self, orders: u64, what: &str) -> Result<Vec<OrderId>, Failure> {
        place(&self.bus, 0, orders, &Progress::new(what, orders)).await
    }

    /// Waits until the documents of these orders are there, in this status, and answers when that was.
    ///
    /// # Errors
    /// One sentence, where neither they nor the log move any more.
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
            if moved.elapsed() > PATIENCE {
                return Err(Failure::refused(format!("{order_id} is not {} in Redis", status.name())));
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(Instant::now())
    }

    /// Asserts every invariant: `orders` orders, all delivered. No processor may run.
    ///
    /// # Errors
    /// What does not hold, or how many orders there are.
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
