//! Removing what a partition holds, in bounded steps.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use deadpool_redis::redis::pipe;
use logistics_core::lifecycle::STATUSES;
use logistics_core::port::{ClearOutcome, Token};
use logistics_core::{OrderId, Partition, partition_of};

use crate::error::RedisStoreError;
use crate::keys::Keys;
use crate::limits::CLEAR_SCANNED_MAX;
use crate::script::CLEAR;
use crate::server::check::field;
use crate::server::connection::Conn;

/// How far the removals are that this process began.
///
/// The index of a partition does not name every document: an index that was evicted or deleted leaves its documents behind. So a
/// removal goes through the names of all keys, with a cursor that the server gives out.
#[derive(Default)]
pub(crate) struct Clearings(Mutex<BTreeMap<Partition, Progress>>);

#[derive(Clone)]
struct Progress {
    token: Token,
    cursor: u64,
    /// The run of the server that gave the cursor out; empty at the start. Another run cannot continue from it.
    run: String,
}

/// What one step of the scan found.
struct Scanned {
    cursor: u64,
    run: String,
    documents: Vec<String>,
}

impl Clearings {
    /// The first step removes the sets of the partition, each further one the documents among a stretch of the keys.
    pub(crate) async fn step(
        &self,
        conn: &mut Conn,
        place: &Arc<str>,
        (keys, partitions): (Keys, u32),
        partition: Partition,
        token: Token,
    ) -> Result<ClearOutcome, RedisStoreError> {
        let begun = self.of(partition).filter(|progress| progress.token == token);
        let Some(progress) = begun else {
            if !remove(conn, keys, partition, token, sets(keys, partition)).await? {
                return Ok(ClearOutcome::Mismatch);
            }
            return Ok(self.more(partition, Progress { token, cursor: 0, run: String::new() }));
        };
        let scanned = scan(conn, place, (keys, partitions), partition, progress.cursor).await?;
        let Scanned { cursor, run, documents } = scanned;
        if progress.cursor != 0 && progress.run != run {
            return Ok(self.more(partition, Progress { token, cursor: 0, run }));
        }
        // Without documents too: it tells whether the partition is still at this write.
        if !remove(conn, keys, partition, token, documents).await? {
            return Ok(ClearOutcome::Mismatch);
        }
        if cursor != 0 {
            return Ok(self.more(partition, Progress { token, cursor, run }));
        }
        self.lock().remove(&partition);
        Ok(ClearOutcome::Done)
    }

    fn more(&self, partition: Partition, progress: Progress) -> ClearOutcome {
        self.lock().insert(partition, progress);
        ClearOutcome::More
    }

    fn of(&self, partition: Partition) -> Option<Progress> {
        self.lock().get(&partition).cloned()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<Partition, Progress>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn sets(keys: Keys, partition: Partition) -> Vec<String> {
    let mut names = vec![keys.timers(partition), keys.late(partition), keys.missing(partition)];
    names.extend(STATUSES.map(|status| keys.status(partition, status)));
    names
}

/// Removes these keys. `false`: the partition is at another write, and they stay.
async fn remove(
    conn: &mut Conn,
    keys: Keys,
    partition: Partition,
    token: Token,
    names: Vec<String>,
) -> Result<bool, RedisStoreError> {
    let mut all = vec![keys.checkpoint(partition)];
    all.extend(names);
    let done: i64 = conn.script(|by| CLEAR.small_call(by, &all, &[token.to_string()])).await?;
    Ok(done == 1)
}

/// The documents of the partition among the next keys.
async fn scan(
    conn: &mut Conn,
    place: &Arc<str>,
    (keys, partitions): (Keys, u32),
    partition: Partition,
    cursor: u64,
) -> Result<Scanned, RedisStoreError> {
    let before = keys.orders(partition);
    let mut all = pipe();
    // In a cluster, the key decides which node the pipeline goes to.
    all.cmd("EXISTS").arg(keys.checkpoint(partition));
    all.cmd("INFO").arg("server");
    all.cmd("SCAN").arg(cursor).arg("MATCH").arg(format!("{before}*")).arg("COUNT").arg(CLEAR_SCANNED_MAX);
    let (_, info, (cursor, found)): (i64, String, (String, Vec<Bytes>)) = conn.pipeline(&all).await?;
    let cursor = cursor.parse().map_err(|_| RedisStoreError::damaged(place, "a cursor that is no number"))?;
    let document = |key: Bytes| {
        let key = String::from_utf8(key.into()).ok()?;
        let id = OrderId::parse(key.strip_prefix(&before)?).ok()?;
        (partition_of(&id, partitions) == partition).then_some(key)
    };
    let documents = found.into_iter().filter_map(document).collect();
    Ok(Scanned { cursor, run: field(&info, "run_id").unwrap_or_default().to_owned(), documents })
}
