//! Reading a log: recent records from memory, others from the file.

pub(crate) mod block;
pub(crate) mod bus;
pub(crate) mod recent_blocks;

use std::sync::Arc;

use logistics_core::port::{Batch, ReadLimit, Topic};
use logistics_core::{Offset, Partition};
use redb::ReadTransaction;

use crate::error::{EmbeddedError, FileError};
use crate::file::schema::{LOG, LogKey, log_key, log_key_first};
use crate::limits::FILE_READ_BYTES_MAX;
use crate::log::block::Block;
use crate::shared::Shared;

/// Waits for a record at `from`, and reads from there. Safe to cancel.
pub(crate) async fn read(
    shared: &Arc<Shared>,
    topic: Topic,
    partition: Partition,
    from: Offset,
    limit: ReadLimit,
) -> Result<Batch, EmbeddedError> {
    let log = shared.log(topic, partition)?;
    let end = shared.wait_for(log, from.0).await?;
    let blocks = match shared.recent_blocks.blocks(log, from.0, limit.bytes) {
        Some(blocks) => blocks,
        None => {
            let bytes = limit.bytes.min(FILE_READ_BYTES_MAX);
            shared.read_blocking(move |txn| blocks_of_file(txn, topic, partition, from.0, bytes)).await?
        }
    };
    let batch = cut(&blocks, from, end, limit);
    if batch.records.is_empty() {
        let reason = format!("{} of partition {partition} lacks the record at offset {from}", topic.name());
        return Err(EmbeddedError::Damaged { place: shared.place.clone(), reason });
    }
    Ok(batch)
}

/// The blocks from the one with `from`, until they reach `bytes`.
fn blocks_of_file(
    txn: &ReadTransaction,
    topic: Topic,
    partition: Partition,
    from: u64,
    bytes: usize,
) -> Result<Vec<Arc<Block>>, FileError> {
    let log = txn.open_table(LOG)?;
    let key = |offset| log_key(topic, partition, offset);
    let first = log.range::<&LogKey>(&key(0)..=&key(from))?.next_back().transpose()?;
    let start = first.map_or(from, |(key, _)| log_key_first(key.value()));
    let (mut blocks, mut total) = (Vec::new(), 0);
    for entry in log.range::<&LogKey>(&key(start)..=&key(u64::MAX))? {
        let (key, value) = entry?;
        let block = Block::decode(key.value(), log_key_first(key.value()), value.value())
            .map_err(FileError::damaged)?;
        total += block.bytes();
        blocks.push(Arc::new(block));
        if total >= bytes {
            break;
        }
    }
    Ok(blocks)
}

/// The records of these blocks from `from` to `end`, within the limit and up to the first gap.
fn cut(blocks: &[Arc<Block>], from: Offset, end: u64, limit: ReadLimit) -> Batch {
    let (mut records, mut bytes, mut next) = (Vec::new(), 0, from);
    'blocks: for block in blocks {
        if block.first() > next.0 {
            break;
        }
        for record in block.records(next.0) {
            let is_over = records.len() >= limit.records || bytes + record.payload.len() > limit.bytes;
            if record.offset.0 >= end || (is_over && !records.is_empty()) {
                break 'blocks;
            }
            bytes += record.payload.len();
            next = record.offset.next();
            records.push(record);
        }
    }
    Batch { records, next }
}
