//! Checkpoints, timers and documents.

use std::str::FromStr;
use std::sync::Arc;

use bytes::Bytes;
use deadpool_redis::redis::{Cmd, pipe};
use logistics_core::port::{DocumentLookup, Loaded, Recovery, StoreCheckpoint, Token};
use logistics_core::{Offset, OrderId, Partition, Timestamp};

use crate::connection::Lent;
use crate::error::RedisStoreError;
use crate::keys::Keys;

/// Fields of a checkpoint: offset, answered and token as texts, and the basis.
type Fields = (Option<String>, Option<String>, Option<String>, Option<Bytes>);

pub(crate) async fn recovery(
    lent: &mut Lent,
    place: &Arc<str>,
    keys: Keys,
    partition: Partition,
) -> Result<Recovery, RedisStoreError> {
    let checkpoint_key = keys.checkpoint(partition);
    let mut both = pipe();
    both.atomic();
    both.cmd("HMGET").arg(&checkpoint_key).arg(&["offset", "answered", "token", "basis"]);
    both.cmd("ZRANGE").arg(keys.timers(partition)).arg(0).arg(-1).arg("WITHSCORES");
    // The nodes of a cluster may differ among themselves, and the transaction goes where its keys are.
    let (fields, timers, now): (Fields, Vec<(String, f64)>, Option<(i64, i64)>) = match keys {
        Keys::Plain => {
            both.cmd("TIME");
            lent.pipeline(&both).await?
        }
        Keys::Tagged => {
            let (fields, timers) = lent.pipeline(&both).await?;
            (fields, timers, None)
        }
    };
    let now =
        now.map(|(seconds, micros)| Timestamp::from_millis(seconds.saturating_mul(1000) + micros / 1000));
    let checkpoint = checkpoint(place, &checkpoint_key, fields)?;
    let timer = |(id, due): (String, f64)| {
        let order_id = OrderId::parse(&id).map_err(|error| {
            RedisStoreError::damaged(place, format!("a timer of partition {partition}: {error}"))
        })?;
        Ok((order_id, Timestamp::from_millis(millis(due))))
    };
    Ok(Recovery { checkpoint, timers: timers.into_iter().map(timer).collect::<Result<_, _>>()?, now })
}

pub(crate) async fn loaded(
    lent: &mut Lent,
    place: &Arc<str>,
    keys: Keys,
    partition: Partition,
    ids: &[OrderId],
) -> Result<Loaded, RedisStoreError> {
    let checkpoint_key = keys.checkpoint(partition);
    let mut both = pipe();
    both.atomic();
    both.cmd("HGET").arg(&checkpoint_key).arg("token");
    let (token, documents): (Option<String>, Vec<Option<Bytes>>) = if ids.is_empty() {
        let (token,) = lent.pipeline(&both).await?;
        (token, Vec::new())
    } else {
        both.cmd("MGET");
        for id in ids {
            both.arg(keys.order(partition, id));
        }
        lent.pipeline(&both).await?
    };
    let token = token.map(|token| parsed::<Token>(place, &checkpoint_key, "token", &token)).transpose()?;
    Ok(Loaded { token, documents, ..Loaded::default() })
}

/// What is there is read in one step. Whether an order is not there is asked at one instant with how far the store is: whatever it
/// caught up with by then is in it, and nothing later is.
pub(crate) async fn document(
    lent: &mut Lent,
    place: &Arc<str>,
    keys: Keys,
    partition: Partition,
    order_id: &OrderId,
) -> Result<DocumentLookup, RedisStoreError> {
    let key = keys.order(partition, order_id);
    if let Some(json) = lent.query(&Cmd::get(&key)).await? {
        return Ok(DocumentLookup::Found(json));
    }
    let checkpoint_key = keys.checkpoint(partition);
    let mut both = pipe();
    both.atomic();
    both.cmd("GET").arg(key);
    both.cmd("HGET").arg(&checkpoint_key).arg("answered");
    let (document, answered): (Option<Bytes>, Option<String>) = lent.pipeline(&both).await?;
    Ok(match (document, answered) {
        (Some(json), _) => DocumentLookup::Found(json),
        (None, Some(answered)) => DocumentLookup::Absent {
            answered: Offset(parsed(place, &checkpoint_key, "answered", &answered)?),
        },
        (None, None) => DocumentLookup::Unknown,
    })
}

fn checkpoint(
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
    text.parse().map_err(|_| RedisStoreError::damaged(place, format!("the field `{field}` of {key}")))
}

/// Scores are floating-point numbers, which hold every time that can be written exactly.
#[allow(clippy::cast_possible_truncation)]
pub(crate) fn millis(score: f64) -> i64 {
    score as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_is_whole_or_not_there() {
        let place: Arc<str> = Arc::from("Redis at h");
        let token = Token { acquisition: u128::MAX, sequence: u64::MAX };
        let some = |text: &str| Some(text.to_owned());
        let read = |fields| checkpoint(&place, "checkpoint:0", fields);
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
    fn scores_hold_the_extreme_times() {
        for extreme in [i64::MIN, 0, 1, i64::MAX] {
            let time = Timestamp::from_millis(extreme);
            #[allow(clippy::cast_precision_loss)]
            let score = time.as_millis() as f64;
            assert_eq!(Timestamp::from_millis(millis(score)), time);
        }
    }
}
