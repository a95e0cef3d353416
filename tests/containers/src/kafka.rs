//! Kafka in containers.

use std::time::Duration;

use logistics_test_support::free_port;
use testcontainers_modules::testcontainers::core::{ContainerPort, WaitFor};
use testcontainers_modules::testcontainers::runners::AsyncRunner;
use testcontainers_modules::testcontainers::{GenericImage, ImageExt};

use crate::image::{Machine, named};

/// One broker, or three that replicate. Each is a controller as well. They are removed on drop.
pub struct Kafka {
    brokers: Vec<Machine>,
    ports: Vec<u16>,
}

/// The security protocol and the settings of the brokers.
struct Start<'a> {
    /// The security protocol of the clients' listener.
    protocol: &'a str,
    settings: &'a [(&'a str, &'a str)],
    ports: &'a [u16],
    /// The network between several brokers.
    network: Option<&'a str>,
}

impl Kafka {
    /// Starts one broker.
    ///
    /// # Panics
    /// If a broker cannot be started.
    pub async fn start() -> Self {
        Self::start_one("PLAINTEXT", &[]).await
    }

    /// Starts three brokers, each with every record. Two suffice to continue.
    ///
    /// # Panics
    /// If a broker cannot be started.
    pub async fn start_three() -> Self {
        let ports = [free_port(), free_port(), free_port()];
        let network = format!("logistics-{}", ports[0]);
        let settings = [
            ("KAFKA_DEFAULT_REPLICATION_FACTOR", "3"),
            ("KAFKA_MIN_INSYNC_REPLICAS", "2"),
            ("KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR", "3"),
            ("KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR", "3"),
            ("KAFKA_TRANSACTION_STATE_LOG_MIN_ISR", "2"),
        ];
        let start =
            Start { protocol: "PLAINTEXT", settings: &settings, ports: &ports, network: Some(&network) };
        let (first, second, third) = tokio::join!(start.broker(0), start.broker(1), start.broker(2));
        Self { brokers: vec![first, second, third], ports: ports.to_vec() }
    }

    /// Starts one broker that requires a user's password (SASL/PLAIN).
    ///
    /// # Panics
    /// If a broker cannot be started.
    pub async fn start_with_password(user: &str, password: &str) -> Self {
        let jaas = format!(
            "org.apache.kafka.common.security.plain.PlainLoginModule required user_{user}=\"{password}\";"
        );
        let settings = [
            ("KAFKA_SASL_ENABLED_MECHANISMS", "PLAIN"),
            ("KAFKA_LISTENER_NAME_CLIENT_SASL_ENABLED_MECHANISMS", "PLAIN"),
            ("KAFKA_LISTENER_NAME_CLIENT_PLAIN_SASL_JAAS_CONFIG", jaas.as_str()),
        ];
        Self::start_one("SASL_PLAINTEXT", &settings).await
    }

    async fn start_one(protocol: &str, settings: &[(&str, &str)]) -> Self {
        let alone = [
            ("KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR", "1"),
            ("KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR", "1"),
            ("KAFKA_TRANSACTION_STATE_LOG_MIN_ISR", "1"),
            // A single broker that loses its session briefly has no leader: see `disable_eligible_leaders`.
            ("KAFKA_BROKER_SESSION_TIMEOUT_MS", "120000"),
        ];
        let settings: Vec<_> = alone.iter().chain(settings).copied().collect();
        let ports = [free_port()];
        let start = Start { protocol, settings: &settings, ports: &ports, network: None };
        let kafka = Self { brokers: vec![start.broker(0).await], ports: ports.to_vec() };
        kafka.disable_eligible_leaders().await;
        kafka
    }

    /// With eligible leader replicas (KIP-966), a killed single broker briefly loses the leadership of its partitions when it
    /// restarts. At that moment Kafka 4.3 treats the partitions of a committing transaction as deleted and never ends it
    /// there; readers of committed records then wait for ever. Several brokers are not affected.
    async fn disable_eligible_leaders(&self) {
        let feature = "eligible.leader.replicas.version=0";
        let printed = self.java("FeatureCommand", &["downgrade", "--feature", feature]).await;
        assert!(printed.contains("was downgraded"), "{printed}");
    }

    /// The bootstrap addresses, separated by commas.
    #[must_use]
    pub fn address(&self) -> String {
        let addresses: Vec<_> = self.ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
        addresses.join(",")
    }

    /// The brokers.
    #[must_use]
    pub fn brokers(&self) -> &[Machine] {
        &self.brokers
    }

    async fn java(&self, tool: &str, arguments: &[&str]) -> String {
        let class = format!("org.apache.kafka.tools.{tool}");
        let server = ["java", "-cp", "/opt/kafka/libs/*", &class, "--bootstrap-server", "localhost:9093"];
        self.brokers[0].exec(server.into_iter().chain(arguments.iter().copied())).await
    }

    /// Runs one of Kafka's tools and returns its standard output.
    ///
    /// # Panics
    /// If the tool cannot be run.
    pub async fn tool(&self, command: &[&str]) -> String {
        let (name, arguments) = command.split_first().expect("a command");
        let tool = format!("/opt/kafka/bin/{name}");
        let server = ["--bootstrap-server", "localhost:9093"];
        let line = [tool.as_str()].into_iter().chain(server).chain(arguments.iter().copied());
        self.brokers[0].exec(line).await
    }
}

impl Start<'_> {
    async fn broker(&self, place: usize) -> Machine {
        let (name, tag) = named("KAFKA_IMAGE", "apache/kafka:4.3.1");
        let port = self.ports[place];
        let host = |place: usize| match self.network {
            Some(_) => format!("kafka-{}", self.ports[place]),
            None => "localhost".to_owned(),
        };
        let mut image = GenericImage::new(name, tag)
            .with_wait_for(WaitFor::message_on_stdout("Kafka Server started"))
            .with_mapped_port(port, ContainerPort::Tcp(9092))
            .with_startup_timeout(Duration::from_secs(120));
        if let Some(network) = self.network {
            image = image.with_network(network).with_container_name(host(place));
        }
        let voters: Vec<_> =
            (0..self.ports.len()).map(|place| format!("{}@{}:9094", place + 1, host(place))).collect();
        let (id, voters) = ((place + 1).to_string(), voters.join(","));
        let map = format!("CLIENT:{},BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT", self.protocol);
        let advertised = format!("CLIENT://127.0.0.1:{port},BROKER://{}:9093", host(place));
        let fixed = [
            ("CLUSTER_ID", "5L6g3nShT-eMCtK--X86sw"),
            ("KAFKA_NODE_ID", id.as_str()),
            ("KAFKA_PROCESS_ROLES", "broker,controller"),
            ("KAFKA_LISTENERS", "CLIENT://0.0.0.0:9092,BROKER://0.0.0.0:9093,CONTROLLER://0.0.0.0:9094"),
            ("KAFKA_ADVERTISED_LISTENERS", advertised.as_str()),
            ("KAFKA_LISTENER_SECURITY_PROTOCOL_MAP", map.as_str()),
            ("KAFKA_INTER_BROKER_LISTENER_NAME", "BROKER"),
            ("KAFKA_CONTROLLER_LISTENER_NAMES", "CONTROLLER"),
            ("KAFKA_CONTROLLER_QUORUM_VOTERS", voters.as_str()),
            ("KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS", "0"),
        ];
        for (name, value) in fixed.iter().chain(self.settings) {
            image = image.with_env_var(*name, *value);
        }
        Machine(image.start().await.expect("a broker starts"))
    }
}
