//! Removes the contents of a partition in bounded steps.

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

/// The progress of the removals that this process started.
///
/// The index of a partition may lack documents, because an evicted or deleted index leaves them behind. So a removal scans all keys,
/// with a cursor of the server.
#[derive(Default)]
pub(crate) struct Clearings(Mutex<BTreeMap<Partition, Progress>>);

#[derive(Clone)]
struct Progress {
    token: Token,
    cursor: u64,
    /// The run id of the server that returned the cursor; empty at the start. The cursor is invalid in another run.
    run: String,
}

/// The result of one step of the scan.
struct Scanned {
    cursor: u64,
    run: String,
    /// The documents and the lists of parties.
    found: Vec<String>,
}

impl Clearings {
    /// The first step removes the sets of the partition, each further step the documents and the lists of parties in a range of the
    /// keys.
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
        let Scanned { cursor, run, found } = scanned;
        if progress.cursor != 0 && progress.run != run {
            return Ok(self.more(partition, Progress { token, cursor: 0, run }));
        }
        // Also without keys, because the script verifies the token of the partition.
        if !remove(conn, keys, partition, token, found).await? {
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

/// Removes these keys. `false` if the partition has another token; the keys are then kept.
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

/// The documents and the lists of parties of the partition among the next keys.
async fn scan(
    conn: &mut Conn,
    place: &Arc<str>,
    (keys, partitions): (Keys, u32),
    partition: Partition,
    cursor: u64,
) -> Result<Scanned, RedisStoreError> {
    let (before, parties) = (keys.orders(partition), keys.parties(partition));
    let mut all = pipe();
    // In a cluster, the key determines the node of the pipeline.
    all.cmd("EXISTS").arg(keys.checkpoint(partition));
    all.cmd("INFO").arg("server");
    all.cmd("SCAN").arg(cursor).arg("MATCH").arg(keys.scanned(partition)).arg("COUNT").arg(CLEAR_SCANNED_MAX);
    let (_, info, (cursor, found)): (i64, String, (String, Vec<Bytes>)) = conn.pipeline(&all).await?;
    let cursor = cursor
        .parse()
        .map_err(|_| RedisStoreError::damaged(place, "SCAN returned a cursor that is not a number"))?;
    let is_of_partition = |key: &String| {
        let document = key.strip_prefix(&before).and_then(|id| OrderId::parse(id).ok());
        document.is_some_and(|id| partition_of(&id, partitions) == partition) || key.starts_with(&parties)
    };
    let found = found.into_iter().filter_map(|key| String::from_utf8(key.into()).ok());
    let found = found.filter(is_of_partition).collect();
    Ok(Scanned { cursor, run: field(&info, "run_id").unwrap_or_default().to_owned(), found })
}
