//! Recent records in memory, so that readers near the end do not read the file.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::log::block::Block;

/// The newest blocks of all logs, up to a total size.
#[derive(Debug)]
pub(crate) struct RecentBlocks {
    /// By log, without gaps.
    logs: Vec<Mutex<VecDeque<Arc<Block>>>>,
    order: Mutex<Order>,
    bytes_max: usize,
}

/// The logs in the order of their blocks, the oldest first.
#[derive(Debug, Default)]
struct Order {
    logs: VecDeque<usize>,
    bytes: usize,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // The guarded data is consistent after every step, so a poisoned lock is usable.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl RecentBlocks {
    pub(crate) fn new(logs: usize, bytes_max: usize) -> Self {
        let logs = (0..logs).map(|_| Mutex::default()).collect();
        Self { logs, order: Mutex::default(), bytes_max }
    }

    /// Adds the next block of a log, and removes the oldest blocks of all logs beyond the limit.
    pub(crate) fn push(&self, log: usize, block: Arc<Block>) {
        let mut order = lock(&self.order);
        order.bytes += block.bytes();
        order.logs.push_back(log);
        lock(&self.logs[log]).push_back(block);
        while order.bytes > self.bytes_max {
            let Some(oldest) = order.logs.pop_front() else { break };
            let removed = lock(&self.logs[oldest]).pop_front();
            order.bytes -= removed.map_or(0, |block| block.bytes());
        }
    }

    /// The blocks from the one with `from`, until they reach `bytes`. `None` if that block is not in memory.
    pub(crate) fn blocks(&self, log: usize, from: u64, bytes: usize) -> Option<Vec<Arc<Block>>> {
        let blocks = lock(&self.logs[log]);
        let start = blocks.partition_point(|block| block.end() <= from);
        if blocks.get(start)?.first() > from {
            return None;
        }
        let mut found = Vec::new();
        let mut total = 0;
        for block in blocks.range(start..) {
            found.push(block.clone());
            total += block.bytes();
            if total >= bytes {
                break;
            }
        }
        Some(found)
    }

    /// Removes all blocks.
    pub(crate) fn clear(&self) {
        let mut order = lock(&self.order);
        *order = Order::default();
        for log in &self.logs {
            lock(log).clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use logistics_core::Timestamp;

    use super::*;
    use crate::log::block::BlockBuilder;

    fn block(first: u64, records: usize) -> Arc<Block> {
        let mut builder = BlockBuilder::default();
        for _ in 0..records {
            builder.push(None, &[0; 92]);
        }
        Arc::new(builder.finish().seal(b"", first, Timestamp::default()).1)
    }

    fn firsts(cache: &RecentBlocks, log: usize, from: u64, bytes: usize) -> Option<Vec<u64>> {
        Some(cache.blocks(log, from, bytes)?.iter().map(|block| block.first()).collect())
    }

    #[test]
    fn the_oldest_blocks_of_all_logs_are_removed_first() {
        let cache = RecentBlocks::new(2, 1000);
        cache.push(0, block(0, 4));
        cache.push(1, block(0, 4));
        assert_eq!(firsts(&cache, 0, 3, 1000), Some(vec![0]));
        cache.push(1, block(4, 4));
        assert_eq!(firsts(&cache, 0, 3, 1000), None);
        assert_eq!(firsts(&cache, 1, 0, 1000), Some(vec![0, 4]));
        assert_eq!(firsts(&cache, 1, 0, 1), Some(vec![0]));
        assert_eq!(firsts(&cache, 1, 4, 1000), Some(vec![4]));
        assert_eq!(firsts(&cache, 1, 8, 1000), None);
        cache.clear();
        assert_eq!(firsts(&cache, 1, 4, 1000), None);
        cache.push(1, block(8, 8));
        assert_eq!(firsts(&cache, 1, 8, 1000), Some(vec![8]));
    }
}
