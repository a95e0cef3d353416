//! Queries Sentinels for the master.

use std::sync::Arc;

use deadpool_redis::redis::aio::MultiplexedConnection;
use deadpool_redis::redis::{self, AsyncConnectionConfig, Client, ConnectionInfo, RedisResult, Value};
use futures::future::select_ok;

use crate::error::RedisStoreError;
use crate::server::servers::{MasterTarget, place_of};

/// Connects to the master that the Sentinels name. Queries all of them at once and uses the first reply, so that Sentinels that are
/// down cause no delay.
pub(crate) async fn connect(
    target: &MasterTarget,
    config: &AsyncConnectionConfig,
    timeout_ms: u64,
) -> Result<MultiplexedConnection, RedisStoreError> {
    let replies =
        target.sentinels.iter().map(|sentinel| Box::pin(query(target, sentinel, config, timeout_ms)));
    let ((host, port), _) = select_ok(replies).await?;
    let place = place_of(&format!("{host}:{port}, the master {}", target.name));
    let error = |error| RedisStoreError::from_connecting(&place, timeout_ms, &error);
    let nowhere =
        || RedisStoreError::damaged(&place, "the Sentinels report an invalid address of the master");
    let info = target.at(host, port).ok_or_else(nowhere)?;
    let mut connection = open(info, config).await.map_err(error)?;
    // A Sentinel that missed a failover names the old master.
    match redis::cmd("ROLE").query_async::<Vec<Value>>(&mut connection).await {
        Ok(role) if matches!(&role.first(), Some(Value::BulkString(role)) if role != b"master") => {
            let reason = "it is not the master now, so a failover is in progress".to_owned();
            Err(RedisStoreError::Unavailable { place: place.clone(), reason })
        }
        Ok(_) => Ok(connection),
        Err(failure) => match error(failure) {
            // The user lacks the right to `ROLE`. A replica rejects writes anyway.
            RedisStoreError::Forbidden { .. } => Ok(connection),
            other => Err(other),
        },
    }
}

async fn query(
    target: &MasterTarget,
    sentinel: &ConnectionInfo,
    config: &AsyncConnectionConfig,
    timeout_ms: u64,
) -> Result<(String, u16), RedisStoreError> {
    let place: Arc<str> = Arc::from(format!("the Sentinel at {}", sentinel.addr()));
    let error = |error| RedisStoreError::from_connecting(&place, timeout_ms, &error);
    let mut connection = open(sentinel.clone(), config).await.map_err(error)?;
    let mut question = redis::cmd("SENTINEL");
    question.arg("GET-MASTER-ADDR-BY-NAME").arg(&target.name);
    let answer: Option<(String, u16)> = question.query_async(&mut connection).await.map_err(error)?;
    let unknown = || RedisStoreError::UnknownMaster { place: place.clone(), master: target.name.clone() };
    answer.ok_or_else(unknown)
}

/// A connection to one server.
pub(crate) async fn open(
    info: ConnectionInfo,
    config: &AsyncConnectionConfig,
) -> RedisResult<MultiplexedConnection> {
    Client::open(info)?.get_multiplexed_async_connection_with_config(config).await
}
