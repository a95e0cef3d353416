//! The system under test: containers, topics of its own, services, and the check that everything holds.

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
use crate::load::Told;
use crate::process::Process;
use crate::records::{Records, is_replicated, lag};

/// Everything settles within this, whatever was done to it.
const SETTLE: Duration = Duration::from_secs(120);

/// Brokers for all tests of a run, started by the first that needs them.
#[derive(Clone, Default)]
pub struct Machines {
    one_broker: Arc<OnceCell<Arc<Kafka>>>,
    three_brokers: Arc<OnceCell<Arc<Kafka>>>,
    systems: Arc<AtomicU32>,
}

impl Machines {
    /// A separate system on one broker: its own topics, and its own Redis.
    ///
    /// # Panics
    /// When there is none to be had.
    pub async fn system(&self) -> System {
        let kafka = self.one_broker.get_or_init(async || Arc::new(Kafka::start().await)).await;
        self.on(kafka.clone()).await
    }

    /// The same on three brokers that replicate, of which one at a time may be taken away.
    ///
    /// # Panics
    /// When there is none to be had.
    pub async fn replicated_system(&self) -> System {
        let kafka = self.three_brokers.get_or_init(async || Arc::new(Kafka::start_three().await)).await;
        self.on(kafka.clone()).await
    }

    async fn on(&self, kafka: Arc<Kafka>) -> System {
        let redis = Redis::start_with(kept_on_demand).await;
        let number = self.systems.fetch_add(1, Ordering::Relaxed);
        let topic_prefix = format!("test-{number}.");
        let directory = tempfile::tempdir().expect("a directory for logs");
        let system = System { kafka, redis, topic_prefix, directory, dwell: "20ms".to_owned() };
        system.bus().create_topics(None).await.expect("topics");
        system
    }
}

/// Data go to the disk when told to: a test chooses what an older state is.
fn kept_on_demand(_: u16) -> Vec<String> {
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

/// Lines of each service's log that a failed test shows.
const SHOWN: usize = 40;

impl Drop for System {
    /// A test that fails says how the services saw it, since their logs go with the system.
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
            lines[lines.len().saturating_sub(SHOWN)..].iter().for_each(|line| eprintln!("{line}"));
        }
    }
}

impl System {
    /// The brokers.
    #[must_use]
    pub fn kafka(&self) -> &Kafka {
        &self.kafka
    }

    /// Waits until every broker has every record: then one of them may be taken away.
    ///
    /// # Panics
    /// When that is never so.
    pub async fn replicated(&self) {
        until("every broker has every record", async || {
            let address = self.kafka.address();
            let asked = tokio::task::spawn_blocking(move || is_replicated(&address));
            asked.await.expect("the brokers tell")
        })
        .await;
    }

    /// The store's server.
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

    /// The log, as the services see it.
    ///
    /// # Panics
    /// Never: the settings are valid.
    #[must_use]
    pub fn bus(&self) -> KafkaBus {
        let mut config = logistics_kafka::Config::new(self.kafka().address(), PARTITIONS);
        config.topic_prefix.clone_from(&self.topic_prefix);
        KafkaBus::new(config).expect("valid settings")
    }

    /// The store, as the services see it.
    ///
    /// # Panics
    /// Never: the settings are valid.
    #[must_use]
    pub fn store(&self) -> RedisStore {
        let config = logistics_redis::Config::new(self.redis().url(), PARTITIONS);
        RedisStore::new(config).expect("valid settings")
    }

    /// A client of Kafka that writes orders' records.
    #[must_use]
    pub fn records(&self) -> Records {
        Records::to(&self.kafka().address(), self.topic(Topic::Orders))
    }

    /// The settings of its services.
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

    /// Starts an API at the address of one that was there before.
    #[must_use]
    pub fn api_at(&self, address: SocketAddr) -> Process {
        Process::start_at("order-api", address, &self.settings(), self.directory.path())
    }

    /// Replaces an API by another one at its address. However the old one ends, no process listens for a moment.
    ///
    /// # Panics
    /// When it does not end, or its successor is never ready.
    pub async fn api_at_successor(&self, address: SocketAddr, api: &mut Process) -> Process {
        api.end_in_order().await;
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

    /// Starts a service with further settings.
    #[must_use]
    pub fn start(&self, service: &str, further: &[(&str, &str)]) -> Process {
        let mut settings = self.settings();
        settings.extend(further.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        Process::start(service, &settings, self.directory.path())
    }

    /// Waits until every order has reached its end and every invariant holds at rest, with no group behind; and until then
    /// sees that none is broken for good. `told` is what clients were told.
    ///
    /// # Panics
    /// When it does not come to that, with what is still wrong.
    pub async fn settled(&self, told: &Told) -> Report {
        let (bus, store) = (self.bus(), self.store());
        let until = Instant::now() + SETTLE;
        let report = loop {
            let failure = match audit::run(&bus, &store, Expect::AtRest).await {
                Ok(report) if report.orders == report.terminal_orders => break report,
                Ok(report) => format!("{} of {} orders ended", report.terminal_orders, report.orders),
                Err(error) => error.to_string(),
            };
            assert!(Instant::now() < until, "it does not settle: {failure}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        };
        assert_eq!(report.facts, report.notifications, "every fact has one notification");
        self.no_group_is_behind().await;
        self.holds_what_was_told(told, &report).await;
        report
    }

    /// Both groups have committed everything up to the ends of their logs.
    async fn no_group_is_behind(&self) {
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

    async fn holds_what_was_told(&self, told: &Told, report: &Report) {
        use logistics_core::port::{DocumentLookup, OrderReader};
        assert!(report.orders >= told.orders.len() as u64, "orders were lost");
        let store = self.store();
        for order_id in told.orders.values() {
            let id = order_id.parse().expect("an order id");
            let DocumentLookup::Found(document) = store.document(&id).await.expect("the store answers")
            else {
                panic!("{order_id} was acknowledged and is not there");
            };
            if told.cancelled.contains(order_id) {
                let document = String::from_utf8_lossy(&document);
                assert!(document.contains(r#""status":"CANCELLED""#), "its client got CANCELLED: {document}");
            }
        }
    }
}
