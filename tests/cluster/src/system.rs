//! The system under test: containers, separate topics, services, and the check of every invariant.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use logistics_containers::{Kafka, Redis, until};
use logistics_core::audit::{self, Expect, Report};
use logistics_core::port::Topic;
use logistics_kafka::KafkaBus;
use logistics_redis::RedisStore;
use tempfile::TempDir;
use tokio::sync::OnceCell;

use crate::PARTITIONS;
use crate::load::ClientReport;
use crate::process::Process;
use crate::records::{Records, is_replicated, lag};

/// The time limit of the wait for rest, after any fault.
const SETTLE: Duration = Duration::from_secs(120);

/// The brokers for all tests of a run. The first test that needs them starts them.
#[derive(Clone, Default)]
pub struct Clusters {
    one_broker: Arc<OnceCell<Arc<Kafka>>>,
    three_brokers: Arc<OnceCell<Arc<Kafka>>>,
    systems: Arc<AtomicU32>,
}

impl Clusters {
    /// A separate system on one broker, with separate topics and a separate Redis.
    ///
    /// # Panics
    /// If a container or a topic cannot be created.
    pub async fn system(&self) -> System {
        let kafka = self.one_broker.get_or_init(async || Arc::new(Kafka::start().await)).await;
        self.on(kafka.clone()).await
    }

    /// A separate system on three replicating brokers, which tolerate the loss of one.
    ///
    /// # Panics
    /// If a container or a topic cannot be created.
    pub async fn replicated_system(&self) -> System {
        let kafka = self.three_brokers.get_or_init(async || Arc::new(Kafka::start_three().await)).await;
        self.on(kafka.clone()).await
    }

    async fn on(&self, kafka: Arc<Kafka>) -> System {
        let redis = Redis::start_with(saves_on_demand).await;
        let number = self.systems.fetch_add(1, Ordering::Relaxed);
        let topic_prefix = format!("test-{number}.");
        let directory = tempfile::tempdir().expect("a directory for logs");
        let system = System { kafka, redis, topic_prefix, directory, dwell: "20ms".to_owned() };
        system.bus().create_topics(None).await.expect("topics");
        system
    }
}

/// Redis saves on `SAVE` only, so that a test chooses the older state.
fn saves_on_demand(_: u16) -> Vec<String> {
    ["--save", "", "--appendonly", "no"].map(str::to_owned).to_vec()
}

/// One system.
pub struct System {
    kafka: Arc<Kafka>,
    redis: Redis,
    topic_prefix: String,
    directory: TempDir,
    /// The time in each status.
    pub dwell: String,
}

/// The number of lines of each service's log that a failed test prints.
const LOG_LINES: usize = 40;

impl Drop for System {
    /// After a failed test, prints the services' logs, because dropping the system deletes them.
    #[allow(clippy::print_stderr, reason = "shows why a test failed")]
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        for entry in std::fs::read_dir(self.directory.path()).into_iter().flatten().flatten() {
            let log = std::fs::read(entry.path()).unwrap_or_default();
            let log = String::from_utf8_lossy(&log);
            let lines: Vec<_> = log.lines().collect();
            eprintln!("--- {}", entry.file_name().display());
            lines[lines.len().saturating_sub(LOG_LINES)..].iter().for_each(|line| eprintln!("{line}"));
        }
    }
}

impl System {
    /// The brokers.
    #[must_use]
    pub fn kafka(&self) -> &Kafka {
        &self.kafka
    }

    /// Waits until every replica is in sync, so that the loss of one broker loses no record.
    ///
    /// # Panics
    /// If that takes too long.
    pub async fn replicated(&self) {
        until("every replica is in sync", async || {
            let address = self.kafka.address();
            let checked = tokio::task::spawn_blocking(move || is_replicated(&address));
            checked.await.expect("the check does not panic")
        })
        .await;
    }

    /// The Redis server.
    #[must_use]
    pub fn redis(&self) -> &Redis {
        &self.redis
    }

    /// The name of a topic at the broker.
    #[must_use]
    pub fn topic(&self, topic: Topic) -> String {
        format!("{}{}", self.topic_prefix, topic.name())
    }

    /// The name of a group at the broker.
    #[must_use]
    pub fn group(&self, group: &str) -> String {
        format!("{}{group}", self.topic_prefix)
    }

    /// The log, with the settings of the services.
    ///
    /// # Panics
    /// Never: the settings are valid.
    #[must_use]
    pub fn bus(&self) -> KafkaBus {
        let mut config = logistics_kafka::Config::new(self.kafka().address(), PARTITIONS);
        config.topic_prefix.clone_from(&self.topic_prefix);
        KafkaBus::new(config).expect("valid settings")
    }

    /// The store, with the settings of the services.
    ///
    /// # Panics
    /// Never: the settings are valid.
    #[must_use]
    pub fn store(&self) -> RedisStore {
        let config = logistics_redis::Config::new(self.redis().url(), PARTITIONS);
        RedisStore::new(config).expect("valid settings")
    }

    /// A Kafka client that writes records to the topic `orders`.
    #[must_use]
    pub fn records(&self) -> Records {
        Records::to(&self.kafka().address(), self.topic(Topic::Orders))
    }

    /// The settings of the services.
    #[must_use]
    pub fn settings(&self) -> Vec<(String, String)> {
        let settings = [
            ("LOGISTICS_KAFKA_BROKERS", self.kafka().address()),
            ("LOGISTICS_KAFKA_TOPIC_PREFIX", self.topic_prefix.clone()),
            ("LOGISTICS_REDIS_URL", self.redis().url()),
            ("LOGISTICS_PARTITIONS", PARTITIONS.to_string()),
        ];
        settings.map(|(name, value)| (name.to_owned(), value)).to_vec()
    }

    /// Starts an API.
    #[must_use]
    pub fn api(&self) -> Process {
        self.start("order-api", &[])
    }

    /// Starts an API at the address of a previous one.
    #[must_use]
    pub fn api_at(&self, address: SocketAddr) -> Process {
        Process::start_at("order-api", address, &self.settings(), self.directory.path())
    }

    /// Replaces an API by another one at its address. Between the two, no process listens there.
    ///
    /// # Panics
    /// If the old process does not end, or the new one is not ready in time.
    pub async fn api_at_successor(&self, address: SocketAddr, api: &mut Process) -> Process {
        api.terminate().await;
        let successor = self.api_at(address);
        successor.until_ready().await;
        successor
    }

    /// Starts a processor.
    #[must_use]
    pub fn processor(&self) -> Process {
        self.start("order-processor", &[("LOGISTICS_MODE", "simulate"), ("LOGISTICS_DWELL", &self.dwell)])
    }

    /// Starts a notification service.
    #[must_use]
    pub fn notifications(&self) -> Process {
        self.start("notification-service", &[])
    }

    /// Starts a service with additional settings.
    #[must_use]
    pub fn start(&self, service: &str, further: &[(&str, &str)]) -> Process {
        let mut settings = self.settings();
        settings.extend(further.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        Process::start(service, &settings, self.directory.path())
    }

    /// Waits until every order is terminal, every invariant holds at rest, and no group has a lag. Then checks the replies that
    /// the clients recorded.
    ///
    /// # Panics
    /// If that takes too long, with the last failure.
    pub async fn settled(&self, clients: &ClientReport) -> Report {
        let (bus, store) = (self.bus(), self.store());
        let until = Instant::now() + SETTLE;
        let report = loop {
            let failure = match audit::run(&bus, &store, Expect::AtRest).await {
                Ok(report) if report.orders == report.terminal_orders => break report,
                Ok(report) => format!("{} of {} orders are terminal", report.terminal_orders, report.orders),
                Err(error) => error.to_string(),
            };
            assert!(Instant::now() < until, "the system is not at rest: {failure}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        };
        assert_eq!(report.facts, report.notifications, "every fact has one notification");
        self.until_no_lag().await;
        self.check_replies(clients, &report).await;
        report
    }

    /// Waits until both groups have committed the ends of their topics.
    async fn until_no_lag(&self) {
        let groups = [("order-processor", Topic::Orders), ("notification-service", Topic::Notifications)];
        for (group, topic) in groups {
            let (address, name, topic) = (self.kafka().address(), self.group(group), self.topic(topic));
            until(&format!("{group} has read everything"), async || {
                let (address, name, topic) = (address.clone(), name.clone(), topic.clone());
                let lag = tokio::task::spawn_blocking(move || lag(&address, &name, &topic, PARTITIONS)).await;
                lag.expect("the lag") == 0
            })
            .await;
        }
    }

    /// Checks that every acknowledged order is stored, and every acknowledged cancellation too.
    async fn check_replies(&self, clients: &ClientReport, report: &Report) {
        use logistics_core::port::{DocumentLookup, OrderReader};
        assert!(report.orders >= clients.orders.len() as u64, "orders were lost");
        let store = self.store();
        for order_id in clients.orders.values() {
            let id = order_id.parse().expect("an order id");
            let DocumentLookup::Found(document) = store.document(&id).await.expect("the store answers")
            else {
                panic!("{order_id} was acknowledged and is not stored");
            };
            if clients.cancelled.contains(order_id) {
                let document = String::from_utf8_lossy(&document);
                assert!(
                    document.contains(r#""status":"CANCELLED""#),
                    "the cancellation was acknowledged: {document}"
                );
            }
        }
    }
}
