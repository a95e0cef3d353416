//! Redis servers in containers.

use std::time::{Duration, Instant};

use deadpool_redis::redis::{self, Client, FromRedisValue};
use logistics_containers::testcontainers::core::{ExecCommand, IntoContainerPort, WaitFor};
use logistics_containers::testcontainers::runners::AsyncRunner;
use logistics_containers::testcontainers::{ContainerAsync, GenericImage, ImageExt};
use logistics_containers::{free_port, named, until};
use logistics_core::port::PortError;
use logistics_redis::{Config, RedisStore, Servers};

/// Partitions of every store here.
pub(crate) const PARTITIONS: u32 = 12;

/// The time limit of the start of a server.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// The setup of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Single,
    /// One node with all slots.
    Cluster,
    /// A master and a Sentinel, in one container.
    Sentinel,
}

/// A Redis server in a container, which stops when this is dropped. It has the same port inside and outside, so that the address that a
/// cluster or a Sentinel announces is valid for both, and a restart does not change it.
pub(crate) struct Server {
    container: ContainerAsync<GenericImage>,
    kind: Kind,
    port: u16,
    sentinel: u16,
    replica: u16,
}

impl Server {
    /// Starts a server with these further options, and waits until it answers.
    pub(crate) async fn start(kind: Kind, options: &[&str]) -> Self {
        let [port, sentinel, replica] = [(); 3].map(|()| free_port());
        let (name, tag) = named("REDIS_IMAGE", "redis:7.0");
        let request = GenericImage::new(name, tag)
            .with_wait_for(WaitFor::message_on_stdout("Ready to accept connections"))
            .with_cmd(command(kind, port, sentinel, options))
            .with_mapped_port(port, port.tcp())
            .with_mapped_port(sentinel, sentinel.tcp())
            .with_mapped_port(replica, replica.tcp());
        let container = request.start().await.expect("the container starts");
        let server = Self { container, kind, port, sentinel, replica };
        server.settled().await;
        server
    }

    /// Starts a replica in the same container, waits until it is in sync, and returns its port.
    pub(crate) async fn start_replica(&self) -> u16 {
        let [master, port] = [self.port, self.replica].map(|port| port.to_string());
        let words = ["redis-server", "--port", &port, "--replicaof", "127.0.0.1", &master];
        let further = ["--replica-announce-ip", "127.0.0.1", "--protected-mode", "no", "--daemonize", "yes"];
        let words = words.into_iter().chain(further).chain(["--dir", "/tmp"]);
        self.container.exec(ExecCommand::new(words)).await.expect("the replica starts");
        until("the replica is in sync", async || self.lists_replica(self.replica).await).await;
        self.replica
    }

    /// Whether the replica at this port is in sync.
    pub(crate) async fn lists_replica(&self, port: u16) -> bool {
        let info: String = self.cli(&["INFO", "replication"]).await;
        info.contains(&format!("ip=127.0.0.1,port={port},state=online"))
    }

    /// A command at the replica.
    pub(crate) async fn replica_cli<T: FromRedisValue>(&self, words: &[&str]) -> T {
        let answer = try_cli_at(self.replica, "redis://", words).await;
        answer.expect("the command works")
    }

    /// A configuration for the server, with time limits for a busy machine.
    pub(crate) fn config(&self) -> Config {
        let url = |port: u16| format!("redis://127.0.0.1:{port}");
        let servers = match self.kind {
            Kind::Single => Servers::Single { url: url(self.port) },
            Kind::Cluster => Servers::Cluster { urls: vec![url(self.port)] },
            Kind::Sentinel => Servers::Sentinel { urls: vec![url(self.sentinel)], master: "main".to_owned() },
        };
        let mut config = Config::new("", PARTITIONS);
        (config.servers, config.timeout_ms, config.connect_timeout_ms) = (servers, 20_000, 5_000);
        config
    }

    pub(crate) fn store(&self) -> RedisStore {
        self.store_with(|_| {})
    }

    /// A store with a changed configuration.
    pub(crate) fn store_with(&self, change: impl FnOnce(&mut Config)) -> RedisStore {
        let mut config = self.config();
        change(&mut config);
        RedisStore::new(config).expect("the configuration is valid")
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// A command on a new connection, as from `redis-cli`.
    pub(crate) async fn cli<T: FromRedisValue>(&self, words: &[&str]) -> T {
        self.try_cli("redis://", words).await.expect("the command works")
    }

    pub(crate) async fn try_cli<T: FromRedisValue>(
        &self,
        login: &str,
        words: &[&str],
    ) -> redis::RedisResult<T> {
        try_cli_at(self.port, login, words).await
    }

    /// Restarts the processes; the data remains.
    pub(crate) async fn restart(&self) {
        self.container.stop_with_timeout(Some(10)).await.expect("the container stops");
        self.container.start().await.expect("the container starts");
        self.settled().await;
    }

    pub(crate) async fn pause(&self) {
        self.container.pause().await.expect("the container pauses");
    }

    pub(crate) async fn unpause(&self) {
        self.container.unpause().await.expect("the container continues");
    }

    /// Waits until the server answers and is set up.
    async fn settled(&self) {
        let begin = Instant::now();
        loop {
            match self.probe().await {
                Ok(()) => return,
                Err(problem) => {
                    assert!(begin.elapsed() < START_TIMEOUT, "{:?} did not come up: {problem}", self.kind);
                }
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn probe(&self) -> Result<(), String> {
        let pong = self.try_cli::<String>("redis://", &["PING"]).await;
        match pong {
            Ok(_) => {}
            // A server that requires a password has answered.
            Err(error) if error.code() == Some("NOAUTH") => return Ok(()),
            Err(error) => return Err(error.to_string()),
        }
        if self.kind == Kind::Cluster {
            // Fails if the node has the slots already.
            let words = ["CLUSTER", "ADDSLOTSRANGE", "0", "16383"];
            _ = self.try_cli::<redis::Value>("redis://", &words).await;
            let info: String =
                self.try_cli("redis://", &["CLUSTER", "INFO"]).await.map_err(|error| error.to_string())?;
            if !info.contains("cluster_state:ok") {
                return Err(info);
            }
        }
        if self.kind == Kind::Sentinel {
            let known = RedisStore::new(self.config()).map_err(|error| error.to_string())?;
            known.check().await.map_err(|error: PortError| error.to_string())?;
        }
        Ok(())
    }
}

async fn try_cli_at<T: FromRedisValue>(port: u16, login: &str, words: &[&str]) -> redis::RedisResult<T> {
    let client = Client::open(format!("{login}127.0.0.1:{port}"))?;
    let config = redis::AsyncConnectionConfig::new().set_response_timeout(Some(Duration::from_secs(10)));
    let mut connection = client.get_multiplexed_async_connection_with_config(&config).await?;
    redis::cmd(words[0]).arg(&words[1..]).query_async(&mut connection).await
}

fn command(kind: Kind, port: u16, sentinel: u16, options: &[&str]) -> Vec<String> {
    let mut server: Vec<String> =
        ["redis-server", "--port", &port.to_string(), "--protected-mode", "no"].map(str::to_owned).to_vec();
    server.extend(["--appendonly", "yes", "--appendfsync", "always"].map(str::to_owned));
    server.extend(options.iter().map(|&option| option.to_owned()));
    match kind {
        Kind::Single => server,
        Kind::Cluster => {
            server.extend(
                ["--cluster-enabled", "yes", "--cluster-announce-ip", "127.0.0.1"].map(str::to_owned),
            );
            server
        }
        Kind::Sentinel => {
            let config = format!(
                "port {sentinel}\\nprotected-mode no\\nsentinel monitor main 127.0.0.1 {port} 1\\n\
                 sentinel down-after-milliseconds main 2000\\n"
            );
            let script = format!(
                "{} & printf '{config}' > /tmp/sentinel.conf; exec redis-server /tmp/sentinel.conf --sentinel",
                server.join(" ")
            );
            ["sh", "-c", &script].map(str::to_owned).to_vec()
        }
    }
}
