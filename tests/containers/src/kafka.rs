//! A broker.

use std::ops::Deref;
use std::time::Duration;

use testcontainers_modules::testcontainers::core::{ContainerPort, WaitFor};
use testcontainers_modules::testcontainers::runners::AsyncRunner;
use testcontainers_modules::testcontainers::{GenericImage, ImageExt};

use crate::image::{Machine, free_port, named};

/// One broker, which is its own controller. It goes with this value.
pub struct Kafka {
    machine: Machine,
    port: u16,
}

impl Kafka {
    /// Starts one.
    ///
    /// # Panics
    /// When there is none to be had.
    pub async fn start() -> Self {
        Self::start_with("PLAINTEXT", &[]).await
    }

    /// Starts one that wants the password of a user (SASL/PLAIN).
    ///
    /// # Panics
    /// When there is none to be had.
    pub async fn start_with_password(user: &str, password: &str) -> Self {
        let jaas = format!(
            "org.apache.kafka.common.security.plain.PlainLoginModule required user_{user}=\"{password}\";"
        );
        let settings = [
            ("KAFKA_SASL_ENABLED_MECHANISMS", "PLAIN"),
            ("KAFKA_LISTENER_NAME_CLIENT_SASL_ENABLED_MECHANISMS", "PLAIN"),
            ("KAFKA_LISTENER_NAME_CLIENT_PLAIN_SASL_JAAS_CONFIG", jaas.as_str()),
        ];
        Self::start_with("SASL_PLAINTEXT", &settings).await
    }

    async fn start_with(protocol: &str, settings: &[(&str, &str)]) -> Self {
        let (name, tag) = named("KAFKA_IMAGE", "apache/kafka:4.3.1");
        let port = free_port();
        let mut image = GenericImage::new(name, tag)
            .with_wait_for(WaitFor::message_on_stdout("Kafka Server started"))
            .with_mapped_port(port, ContainerPort::Tcp(9092))
            .with_startup_timeout(Duration::from_secs(120));
        let map = format!("CLIENT:{protocol},BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT");
        let advertised = format!("CLIENT://127.0.0.1:{port},BROKER://localhost:9093");
        let fixed = [
            ("KAFKA_NODE_ID", "1"),
            ("KAFKA_PROCESS_ROLES", "broker,controller"),
            ("KAFKA_LISTENERS", "CLIENT://0.0.0.0:9092,BROKER://0.0.0.0:9093,CONTROLLER://0.0.0.0:9094"),
            ("KAFKA_ADVERTISED_LISTENERS", advertised.as_str()),
            ("KAFKA_LISTENER_SECURITY_PROTOCOL_MAP", map.as_str()),
            ("KAFKA_INTER_BROKER_LISTENER_NAME", "BROKER"),
            ("KAFKA_CONTROLLER_LISTENER_NAMES", "CONTROLLER"),
            ("KAFKA_CONTROLLER_QUORUM_VOTERS", "1@localhost:9094"),
            ("KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR", "1"),
            ("KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR", "1"),
            ("KAFKA_TRANSACTION_STATE_LOG_MIN_ISR", "1"),
            ("KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS", "0"),
            // A single broker that loses its own session has no leader for a moment: see `keep_its_place`.
            ("KAFKA_BROKER_SESSION_TIMEOUT_MS", "120000"),
        ];
        for (name, value) in fixed.iter().chain(settings) {
            image = image.with_env_var(*name, *value);
        }
        let container = image.start().await.expect("a broker starts");
        let kafka = Self { machine: Machine(container), port };
        kafka.keep_its_place().await;
        kafka
    }

    /// A single broker that is killed loses the lead of its partitions for a moment when it comes back, where eligible leader
    /// replicas (KIP-966) are on. In that moment Kafka 4.3 takes the partitions of a transaction that was being committed for
    /// deleted ones and never ends it there; whoever reads committed records waits for ever. Several brokers do not have
    /// such a moment.
    async fn keep_its_place(&self) {
        let feature = "eligible.leader.replicas.version=0";
        let printed = self.java("FeatureCommand", &["downgrade", "--feature", feature]).await;
        assert!(printed.contains("was downgraded"), "{printed}");
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    async fn java(&self, tool: &str, arguments: &[&str]) -> String {
        let class = format!("org.apache.kafka.tools.{tool}");
        let server = ["java", "-cp", "/opt/kafka/libs/*", &class, "--bootstrap-server", "localhost:9093"];
        self.machine.exec(server.into_iter().chain(arguments.iter().copied())).await
    }

    /// Runs one of the tools that come with it, and answers what it printed.
    ///
    /// # Panics
    /// When it cannot be run.
    pub async fn tool(&self, command: &[&str]) -> String {
        let (name, arguments) = command.split_first().expect("a command");
        let tool = format!("/opt/kafka/bin/{name}");
        let server = ["--bootstrap-server", "localhost:9093"];
        let line = [tool.as_str()].into_iter().chain(server).chain(arguments.iter().copied());
        self.machine.exec(line).await
    }
}

impl Deref for Kafka {
    type Target = Machine;

    fn deref(&self) -> &Machine {
        &self.machine
    }
}
