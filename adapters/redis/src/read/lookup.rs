//! Checkpoints, timers and documents.

use std::collections::BTreeSet;
use std::str::FromStr;
use std::sync::Arc;

use bytes::Bytes;
use deadpool_redis::redis::{self, Cmd, Value, pipe};
use logistics_core::lifecycle::STATUSES;
use logistics_core::port::{DocumentLookup, Loaded, Recovery, StoreCheckpoint, Token};
use logistics_core::{Offset, OrderId, Partition, Timestamp};

use crate::error::RedisStoreError;
use crate::keys::Keys;
use crate::limits::{MISSING_KEPT_MS, MISSING_REPORTED_MAX};
use crate::server::connection::Conn;

/// Fields of a checkpoint: offset, answered and token as texts, and the basis.
type Fields = (Option<String>, Option<String>, Option<String>, Option<Bytes>);
const FIELDS: [&str; 4] = ["offset", "answered", "token", "basis"];

pub(crate) async fn checkpoint(
    conn: &mut Conn,
    place: &Arc<str>,
    keys: Keys,
    partition: Partition,
) -> Result<Option<StoreCheckpoint>, RedisStoreError> {
    let key = keys.checkpoint(partition);
    let mut command = redis::cmd("HMGET");
    command.arg(&key).arg(&FIELDS);
    checkpoint_of(place, &key, conn.query(&command).await?)
}

pub(crate) async fn recovery(
    conn: &mut Conn,
    place: &Arc<str>,
    keys: Keys,
    partition: Partition,
) -> Result<Recovery, RedisStoreError> {
    let checkpoint_key = keys.checkpoint(partition);
    let mut both = pipe();
    both.atomic();
    both.cmd("HMGET").arg(&checkpoint_key).arg(&FIELDS);
    both.cmd("ZRANGE").arg(keys.timers(partition)).arg(0).arg(-1).arg("WITHSCORES");
    let (fields, timers): (Fields, Vec<(String, f64)>) = conn.pipeline(&both).await?;
    let now = clock(conn, keys).await?;
    let checkpoint = checkpoint_of(place, &checkpoint_key, fields)?;
    let timer = |(id, due): (String, f64)| {
        let order_id = OrderId::parse(&id).map_err(|error| {
            RedisStoreError::damaged(
                place,
                format!("a timer of partition {partition} has no valid order id: {error}"),
            )
        })?;
        Ok((order_id, Timestamp::from_millis(millis(due))))
    };
    Ok(Recovery { checkpoint, timers: timers.into_iter().map(timer).collect::<Result<_, _>>()?, now })
}

/// The server's time; `None` in a cluster, whose nodes may differ, and for a user without the right to `TIME`.
async fn clock(conn: &mut Conn, keys: Keys) -> Result<Option<Timestamp>, RedisStoreError> {
    if matches!(keys, Keys::Tagged(_)) {
        return Ok(None);
    }
    match conn.query::<(i64, i64)>(&redis::cmd("TIME")).await {
        Ok((seconds, micros)) => {
            Ok(Some(Timestamp::from_millis(seconds.saturating_mul(1000).saturating_add(micros / 1000))))
        }
        Err(RedisStoreError::Forbidden { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

pub(crate) async fn loaded(
    conn: &mut Conn,
    place: &Arc<str>,
    keys: Keys,
    partition: Partition,
    ids: &[OrderId],
) -> Result<Loaded, RedisStoreError> {
    let checkpoint_key = keys.checkpoint(partition);
    let mut both = pipe();
    both.atomic();
    both.cmd("HGET").arg(&checkpoint_key).arg("token");
    // The report is kept: other callers load too, and do not rebuild documents.
    both.cmd("SRANDMEMBER").arg(keys.missing(partition)).arg(MISSING_REPORTED_MAX);
    let (token, reported, documents): (Option<String>, Vec<String>, Vec<Option<Bytes>>) = if ids.is_empty() {
        let (token, reported) = conn.pipeline(&both).await?;
        (token, reported, Vec::new())
    } else {
        both.cmd("MGET");
        for id in ids {
            both.arg(keys.order(partition, id));
        }
        conn.pipeline(&both).await?
    };
    let token = token.map(|token| parsed::<Token>(place, &checkpoint_key, "token", &token)).transpose()?;
    // Invalid ids come only from other programs that write to this database.
    let reported: Vec<OrderId> = reported.iter().filter_map(|id| OrderId::parse(id).ok()).collect();
    let absent = ids.iter().zip(&documents).filter(|(_, document)| document.is_none()).map(|(id, _)| id);
    let absent: Vec<&OrderId> = absent.chain(&reported).collect();
    let missing: BTreeSet<OrderId> = lost(conn, keys, partition, &absent).await?.into_iter().collect();
    let back = reported.iter().filter(|id| !missing.contains(*id));
    let back: Vec<&str> = back.map(OrderId::as_str).collect();
    if !back.is_empty() {
        conn.query::<Value>(redis::cmd("SREM").arg(keys.missing(partition)).arg(back)).await?;
    }
    Ok(Loaded { token, documents, missing })
}

/// Those of the orders that are in the index and have no document. One command per status for all orders. The index is read first,
/// because an entry is written together with its document.
async fn lost(
    conn: &mut Conn,
    keys: Keys,
    partition: Partition,
    absent: &[&OrderId],
) -> Result<Vec<OrderId>, RedisStoreError> {
    if absent.is_empty() {
        return Ok(Vec::new());
    }
    let mut all = pipe();
    for status in STATUSES {
        all.cmd("ZMSCORE").arg(keys.status(partition, status));
        for id in absent {
            all.arg(id.as_str());
        }
    }
    all.cmd("MGET");
    for id in absent {
        all.arg(keys.order(partition, id));
    }
    let answers: Vec<Vec<Option<Value>>> = conn.pipeline(&all).await?;
    let Some((documents, indexes)) = answers.split_last() else { return Ok(Vec::new()) };
    let indexed = |at: usize| indexes.iter().any(|scores| scores.get(at).is_some_and(Option::is_some));
    let lost = absent.iter().enumerate().filter(|(at, _)| documents[*at].is_none() && indexed(*at));
    Ok(lost.map(|(_, id)| (*id).clone()).collect())
}

/// Reports orders whose documents are missing, for the owner's next load.
pub(crate) async fn report_missing(
    conn: &mut Conn,
    keys: Keys,
    partition: Partition,
    ids: &[OrderId],
) -> Result<(), RedisStoreError> {
    let ids: Vec<&str> = ids.iter().map(OrderId::as_str).collect();
    let key = keys.missing(partition);
    let mut both = pipe();
    both.cmd("SADD").arg(&key).arg(ids);
    // The report of a document that the owner cannot rebuild expires; the next reader reports it again.
    both.cmd("PEXPIRE").arg(&key).arg(MISSING_KEPT_MS);
    conn.pipeline::<(Value, Value)>(&both).await.map(drop)
}

/// Reads an existing document with one command. The absence of an order is read together with the store's position, so that the answer
/// covers exactly the records before that position.
pub(crate) async fn document(
    conn: &mut Conn,
    place: &Arc<str>,
    keys: Keys,
    partition: Partition,
    order_id: &OrderId,
) -> Result<DocumentLookup, RedisStoreError> {
    let key = keys.order(partition, order_id);
    if let Some(json) = conn.query(&Cmd::get(&key)).await? {
        return Ok(DocumentLookup::Found(json));
    }
    let checkpoint_key = keys.checkpoint(partition);
    let mut both = pipe();
    both.atomic();
    both.cmd("GET").arg(key);
    both.cmd("HGET").arg(&checkpoint_key).arg("answered");
    let (document, answered): (Option<Bytes>, Option<String>) = conn.pipeline(&both).await?;
    if document.is_none() && !lost(conn, keys, partition, &[order_id]).await?.is_empty() {
        report_missing(conn, keys, partition, std::slice::from_ref(order_id)).await?;
        return Ok(DocumentLookup::Missing);
    }
    Ok(match (document, answered) {
        (Some(json), _) => DocumentLookup::Found(json),
        (None, Some(answered)) => DocumentLookup::Absent {
            answered: Offset(parsed(place, &checkpoint_key, "answered", &answered)?),
        },
        (None, None) => DocumentLookup::Unknown,
    })
}

fn checkpoint_of(
    place: &Arc<str>,
    key: &str,
    fields: Fields,
) -> Result<Option<StoreCheckpoint>, RedisStoreError> {
    match fields {
        (None, None, None, None) => Ok(None),
        (Some(offset), Some(answered), Some(token), basis) => Ok(Some(StoreCheckpoint {
            offset: Offset(parsed(place, key, "offset", &offset)?),
            answered: Offset(parsed(place, key, "answered", &answered)?),
            token: parsed(place, key, "token", &token)?,
            basis,
        })),
        _ => Err(RedisStoreError::damaged(place, format!("{key} lacks a field"))),
    }
}

fn parsed<T: FromStr>(place: &Arc<str>, key: &str, field: &str, text: &str) -> Result<T, RedisStoreError> {
    text.parse()
        .map_err(|_| RedisStoreError::damaged(place, format!("the field `{field}` of {key} is malformed")))
}

/// Scores are floating-point numbers, which represent every permitted time exactly.
#[allow(clippy::cast_possible_truncation)]
pub(crate) fn millis(score: f64) -> i64 {
    score as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_is_complete_or_absent() {
        let place: Arc<str> = Arc::from("Redis at h");
        let token = Token { acquisition: u128::MAX, sequence: u64::MAX };
        let some = |text: &str| Some(text.to_owned());
        let read = |fields| checkpoint_of(&place, "checkpoint:0", fields);
        assert_eq!(read((None, None, None, None)).expect("nothing"), None);
        let largest = u64::MAX.to_string();
        let found = read((some(&largest), some("3"), some(&token.to_string()), None)).expect("a checkpoint");
        assert_eq!(
            found,
            Some(StoreCheckpoint { offset: Offset(u64::MAX), answered: Offset(3), token, basis: None })
        );
        for broken in [
            (some("1"), None, some(&token.to_string()), None),
            (some("1"), some("x"), some(&token.to_string()), None),
            (some("1"), some("1"), some("no token"), None),
        ] {
            assert!(matches!(read(broken), Err(RedisStoreError::Damaged { .. })));
        }
    }

    #[test]
    fn scores_represent_the_extreme_times() {
        for extreme in [i64::MIN, 0, 1, i64::MAX] {
            let time = Timestamp::from_millis(extreme);
            #[allow(clippy::cast_precision_loss)]
            let score = time.as_millis() as f64;
            assert_eq!(Timestamp::from_millis(millis(score)), time);
        }
    }
}
