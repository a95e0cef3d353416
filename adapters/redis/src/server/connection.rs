//! The pool of connections, and the deadline of each call.

use std::sync::Arc;
use std::time::Duration;

use deadpool::managed::{
    self, Metrics, Object, PoolError, QueueMode, RecycleError, RecycleResult, TimeoutType, Timeouts,
};
use deadpool_redis::redis::aio::{ConnectionLike, MultiplexedConnection};
use deadpool_redis::redis::cluster::ClusterClient;
use deadpool_redis::redis::cluster_async::ClusterConnection;
use deadpool_redis::redis::cluster_routing::{MultipleNodeRoutingInfo, RoutingInfo};
use deadpool_redis::redis::{
    self, AsyncConnectionConfig, Client, Cmd, ConnectionInfo, ErrorKind, FromRedisValue, Pipeline,
    RedisError, RedisFuture, RedisResult, ServerErrorKind, Value,
};
use futures::future::try_join_all;
use logistics_core::port::PortErrorKind;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use crate::config::Config;
use crate::error::{RedisStoreError, no_answer};
use crate::limits::{CLUSTER_REDIRECTIONS_MAX, FRESH_MAX};
use crate::script::{By, Script};
use crate::server::sentinel;
use crate::server::servers::{MasterTarget, Target, place_of};

/// The pool of connections.
pub(crate) struct Connections {
    pool: managed::Pool<Manager>,
    target: Target,
    place: Arc<str>,
    connections_max: usize,
    timeout_ms: u64,
}

/// A connection for one call, and the call's deadline.
pub(crate) struct Conn {
    /// `None` only in `drop`.
    object: Option<Object<Manager>>,
    /// No call is running, and none failed.
    reusable: bool,
    deadline: Instant,
    place: Arc<str>,
    timeout_ms: u64,
}

impl Connections {
    pub(crate) fn new(target: &Target, config: &Config) -> Result<Self, RedisStoreError> {
        let place = place_of(&target.address());
        let connect = Duration::from_millis(config.connect_timeout_ms);
        let manager = Manager::new(target, config, place.clone())?;
        let pool = managed::Pool::builder(manager)
            .max_size(config.connections_max)
            .wait_timeout(Some(Duration::from_millis(config.timeout_ms)))
            .create_timeout(Some(connect))
            .recycle_timeout(Some(connect))
            // Prefers few busy connections to many idle ones.
            .queue_mode(QueueMode::Lifo)
            .runtime(deadpool::Runtime::Tokio1)
            .build();
        let reason = |error: managed::BuildError| error.to_string();
        let pool =
            pool.map_err(|error| RedisStoreError::Setup { place: place.clone(), reason: reason(error) })?;
        let (connections_max, timeout_ms) = (config.connections_max, config.timeout_ms);
        Ok(Self { pool, target: target.clone(), place, connections_max, timeout_ms })
    }

    /// The number of connections opened so far.
    pub(crate) fn opened(&self) -> watch::Receiver<u64> {
        self.pool.manager().opened.subscribe()
    }

    /// The reply of a replica to `INFO`, on a new connection; `None` in a cluster.
    pub(crate) async fn info_of_replica(&self, host: String, port: u16) -> RedisResult<Option<String>> {
        let Some(replica) = self.target.replica(host, port) else { return Ok(None) };
        let mut connection = sentinel::open(replica, &self.pool.manager().config).await?;
        redis::cmd("INFO").query_async(&mut connection).await.map(Some)
    }

    pub(crate) fn place(&self) -> &Arc<str> {
        &self.place
    }

    /// A connection, and the time for one call from now.
    pub(crate) async fn conn(&self) -> Result<Conn, RedisStoreError> {
        let deadline = Instant::now() + Duration::from_millis(self.timeout_ms);
        let timeouts: Timeouts = self.pool.timeouts();
        let object = match timeout_at(deadline, self.pool.timeout_get(&timeouts)).await {
            Ok(Ok(object)) => object,
            Ok(Err(error)) => return Err(self.no_connection(error)),
            Err(_) => {
                return Err(RedisStoreError::TimedOut {
                    place: self.place.clone(),
                    timeout_ms: self.timeout_ms,
                });
            }
        };
        let place = self.place.clone();
        Ok(Conn { object: Some(object), reusable: true, deadline, place, timeout_ms: self.timeout_ms })
    }

    fn no_connection(&self, error: PoolError<RedisStoreError>) -> RedisStoreError {
        let place = self.place.clone();
        match error {
            PoolError::Backend(error) => error,
            PoolError::Timeout(TimeoutType::Wait) => {
                let (connections_max, timeout_ms) = (self.connections_max, self.timeout_ms);
                RedisStoreError::Busy { place, connections_max, timeout_ms }
            }
            PoolError::Timeout(_) => {
                let timeout_ms = self.pool.manager().connect_timeout_ms;
                RedisStoreError::Unreachable { place, reason: format!("no answer within {timeout_ms} ms") }
            }
            other => RedisStoreError::Unavailable { place, reason: other.to_string() },
        }
    }
}

impl Conn {
    /// One command.
    pub(crate) async fn query<T: FromRedisValue>(&mut self, command: &Cmd) -> Result<T, RedisStoreError> {
        let value = self.run(Call::Command(command)).await;
        self.read(value)
    }

    /// Several commands in one round trip; with [`Pipeline::atomic`] they run as one transaction.
    pub(crate) async fn pipeline<T: FromRedisValue>(
        &mut self,
        pipeline: &Pipeline,
    ) -> Result<T, RedisStoreError> {
        let value = self.run(Call::Pipeline(pipeline)).await;
        self.read(value)
    }

    /// A script by its hash, and as text if Redis does not know the hash.
    pub(crate) async fn script<T: FromRedisValue>(
        &mut self,
        call: impl Fn(By) -> Cmd,
    ) -> Result<T, RedisStoreError> {
        let mut value = self.run(Call::Command(&call(By::Hash))).await;
        if value.as_ref().is_err_and(is_unknown_script) {
            value = self.run(Call::Command(&call(By::Text))).await;
        }
        self.read(value)
    }

    /// One script for several partitions at once, with the keys and arguments of each.
    pub(crate) async fn scripts<T: FromRedisValue>(
        &mut self,
        script: &Script,
        calls: &[(Vec<String>, Vec<String>)],
    ) -> Result<Vec<T>, RedisStoreError> {
        let call =
            |by, (keys, arguments): &(Vec<String>, Vec<String>)| script.small_call(by, keys, arguments);
        let mut answers =
            self.run(Call::Scattered(calls.iter().map(|each| call(By::Hash, each)).collect())).await;
        if answers.as_ref().is_err_and(is_unknown_script) {
            answers =
                self.run(Call::Scattered(calls.iter().map(|each| call(By::Text, each)).collect())).await;
        }
        self.read(answers)
    }

    /// Commands for several partitions at once.
    pub(crate) async fn scattered<T: FromRedisValue>(
        &mut self,
        commands: Vec<Cmd>,
    ) -> Result<Vec<T>, RedisStoreError> {
        let answers = self.run(Call::Scattered(commands)).await;
        self.read(answers)
    }

    /// One command at every node; returns each node's address and reply.
    pub(crate) async fn every_node(
        &mut self,
        command: &Cmd,
    ) -> Result<Vec<(String, Value)>, RedisStoreError> {
        self.everywhere(command, MultipleNodeRoutingInfo::AllNodes).await
    }

    /// One command at every master; returns each node's address and reply.
    pub(crate) async fn every_master(
        &mut self,
        command: &Cmd,
    ) -> Result<Vec<(String, Value)>, RedisStoreError> {
        self.everywhere(command, MultipleNodeRoutingInfo::AllMasters).await
    }

    async fn everywhere(
        &mut self,
        command: &Cmd,
        nodes: MultipleNodeRoutingInfo,
    ) -> Result<Vec<(String, Value)>, RedisStoreError> {
        let value = self.run(Call::Everywhere(command, nodes)).await;
        match self.read::<Value>(value)? {
            Value::Map(nodes) => {
                let node = |(address, value)| Ok((redis::from_redis_value(address)?, value));
                let nodes: Result<Vec<_>, redis::ParsingError> = nodes.into_iter().map(node).collect();
                nodes.map_err(|error| RedisStoreError::damaged(&self.place, error.to_string()))
            }
            value => Ok(vec![(String::new(), value)]),
        }
    }

    async fn run(&mut self, call: Call<'_>) -> RedisResult<Value> {
        let Some(object) = self.object.as_mut() else { return Err(no_answer()) };
        self.reusable = false;
        let value = timeout_at(self.deadline, object.run(call)).await.unwrap_or_else(|_| Err(no_answer()));
        // After a temporary failure, the next call gets a new connection: to the new master or the restarted server.
        self.reusable = value.as_ref().err().is_none_or(|error| {
            is_unknown_script(error)
                || RedisStoreError::from_redis(&self.place, 0, error).kind() != PortErrorKind::Unavailable
        });
        value
    }

    fn read<T: FromRedisValue>(&self, value: RedisResult<Value>) -> Result<T, RedisStoreError> {
        let value =
            value.map_err(|error| RedisStoreError::from_redis(&self.place, self.timeout_ms, &error))?;
        T::from_redis_value(value).map_err(|error| RedisStoreError::damaged(&self.place, error.to_string()))
    }
}

impl Drop for Conn {
    /// Closes the connection of a call that failed or was cancelled, instead of returning it to the pool.
    fn drop(&mut self) {
        if !self.reusable
            && let Some(object) = self.object.take()
        {
            drop(Object::take(object));
        }
    }
}

fn is_unknown_script(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::NoScript)
}

enum Call<'a> {
    Command(&'a Cmd),
    Pipeline(&'a Pipeline),
    /// Commands that may go to different nodes.
    Scattered(Vec<Cmd>),
    Everywhere(&'a Cmd, MultipleNodeRoutingInfo),
}

/// A connection.
pub(crate) enum RedisConn {
    Server(MultiplexedConnection),
    Cluster(Box<ClusterConnection>),
}

impl RedisConn {
    async fn run(&mut self, call: Call<'_>) -> RedisResult<Value> {
        match call {
            Call::Command(command) => command.query_async(self).await,
            Call::Pipeline(pipeline) => pipeline.query_async::<Vec<Value>>(self).await.map(Value::Array),
            Call::Scattered(commands) => self.scatter(commands).await.map(Value::Array),
            Call::Everywhere(command, nodes) => match self {
                RedisConn::Server(server) => command.query_async(server).await,
                RedisConn::Cluster(cluster) => {
                    let everywhere = RoutingInfo::MultiNode((nodes, None));
                    cluster.route_command(command.clone(), everywhere).await
                }
            },
        }
    }

    async fn scatter(&mut self, commands: Vec<Cmd>) -> RedisResult<Vec<Value>> {
        match self {
            RedisConn::Server(server) => {
                let mut pipeline = Pipeline::with_capacity(commands.len());
                commands.into_iter().for_each(|command| _ = pipeline.add_command(command));
                pipeline.query_async(server).await
            }
            RedisConn::Cluster(cluster) => {
                let each = commands.into_iter().map(|command| {
                    let mut cluster = cluster.as_ref().clone();
                    async move { command.query_async(&mut cluster).await }
                });
                try_join_all(each).await
            }
        }
    }
}

impl ConnectionLike for RedisConn {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            RedisConn::Server(server) => server.req_packed_command(command),
            RedisConn::Cluster(cluster) => cluster.req_packed_command(command),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            RedisConn::Server(server) => server.req_packed_commands(pipeline, offset, count),
            RedisConn::Cluster(cluster) => cluster.req_packed_commands(pipeline, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            RedisConn::Server(server) => server.get_db(),
            RedisConn::Cluster(cluster) => cluster.get_db(),
        }
    }
}

/// Opens connections. `deadpool-redis` opens those to one server; its pools for Sentinel and clusters have no timeouts.
struct Manager {
    opens: Opens,
    config: AsyncConnectionConfig,
    place: Arc<str>,
    connect_timeout_ms: u64,
    opened: watch::Sender<u64>,
}

enum Opens {
    Server(deadpool_redis::Manager),
    Master(MasterTarget),
    Cluster { client: ClusterClient, nodes: Vec<ConnectionInfo> },
}

impl Manager {
    fn new(target: &Target, config: &Config, place: Arc<str>) -> Result<Self, RedisStoreError> {
        let connect = Duration::from_millis(config.connect_timeout_ms);
        let answer = Duration::from_millis(config.timeout_ms);
        // The client's default is half a second.
        let connection = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(connect))
            .set_response_timeout(Some(answer));
        let opens = match target {
            Target::Server(info) => {
                deadpool_redis::Manager::new_with_config(info.clone(), connection.clone()).map(Opens::Server)
            }
            Target::Master(master) => Ok(Opens::Master(master.clone())),
            Target::Cluster(nodes) => ClusterClient::builder(nodes.clone())
                .connection_timeout(connect)
                .response_timeout(answer)
                .retries(CLUSTER_REDIRECTIONS_MAX)
                .build()
                .map(|client| Opens::Cluster { client, nodes: nodes.clone() }),
        };
        let opens = opens
            .map_err(|error| RedisStoreError::Setup { place: place.clone(), reason: error.to_string() })?;
        let (connect_timeout_ms, opened) = (config.connect_timeout_ms, watch::Sender::new(0));
        Ok(Self { opens, config: connection, place, connect_timeout_ms, opened })
    }

    async fn open(&self) -> Result<RedisConn, RedisStoreError> {
        match &self.opens {
            Opens::Server(manager) => {
                let mut server =
                    managed::Manager::create(manager).await.map_err(|error| self.failed(&error))?;
                // PING reports authentication errors now: the client (1.8) does not recover from a rejected MULTI.
                match redis::cmd("PING").query_async::<Value>(&mut server).await {
                    Ok(_) => Ok(RedisConn::Server(server)),
                    Err(error) => Err(self.failed(&error)),
                }
            }
            Opens::Master(master) => {
                sentinel::connect(master, &self.config, self.connect_timeout_ms).await.map(RedisConn::Server)
            }
            Opens::Cluster { client, nodes } => match client.get_async_connection().await {
                Ok(cluster) => Ok(RedisConn::Cluster(Box::new(cluster))),
                Err(error) => Err(self.why_no_node(nodes, &error).await),
            },
        }
    }

    fn failed(&self, error: &RedisError) -> RedisStoreError {
        RedisStoreError::from_connecting(&self.place, self.connect_timeout_ms, error)
    }

    /// The cluster client reports a failed discovery only as text, so this queries a node for the cause.
    async fn why_no_node(&self, nodes: &[ConnectionInfo], error: &RedisError) -> RedisStoreError {
        let Some(node) = nodes.first() else { return self.failed(error) };
        let alone = match Client::open(node.clone()) {
            Ok(client) => client.get_multiplexed_async_connection_with_config(&self.config).await,
            Err(error) => Err(error),
        };
        match alone {
            Ok(mut connection) => {
                let slots = redis::cmd("CLUSTER").arg("SLOTS").query_async::<Value>(&mut connection).await;
                self.failed(slots.as_ref().err().unwrap_or(error))
            }
            Err(error) => self.failed(&error),
        }
    }
}

impl managed::Manager for Manager {
    type Type = RedisConn;
    type Error = RedisStoreError;

    async fn create(&self) -> Result<RedisConn, RedisStoreError> {
        let conn = self.open().await?;
        self.opened.send_modify(|opened| *opened += 1);
        Ok(conn)
    }

    async fn recycle(&self, conn: &mut RedisConn, metrics: &Metrics) -> RecycleResult<RedisStoreError> {
        if metrics.last_used() < FRESH_MAX {
            return Ok(());
        }
        let alive = match (conn, &self.opens) {
            (RedisConn::Server(server), Opens::Server(manager)) => {
                return manager.recycle(server, metrics).await.map_err(|error| match error {
                    RecycleError::Backend(error) => RecycleError::Backend(self.failed(&error)),
                    RecycleError::Message(message) => RecycleError::Message(message),
                });
            }
            (conn, _) => redis::cmd("PING").query_async::<Value>(conn).await,
        };
        alive.map(|_| ()).map_err(|error| RecycleError::Backend(self.failed(&error)))
    }
}
