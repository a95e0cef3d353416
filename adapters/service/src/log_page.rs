//! Pages of the log.

use std::time::Duration;

use logistics_core::port::{Batch, Bounds, LogRecord, ReadLimit, Tail, Topic};
use logistics_core::{Offset, Partition};
use tokio::time::Instant;

use crate::error::ServiceError;
use crate::principal::Principal;
use crate::readers::Position;
use crate::service::{OrderService, port_failed};

/// The default number of records on a page.
pub const PAGE_RECORDS: usize = 100;
/// The maximum number of records on a page.
pub const PAGE_RECORDS_MAX: usize = 1000;
/// Maximum bytes of records on a page, because a page is built in memory.
const PAGE_BYTES_MAX: usize = 1024 * 1024;

/// Where a page of the log begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LogStart {
    /// At this offset, or at the log's start if that is greater.
    Offset(Offset),
    /// Behind the last record.
    End,
}

/// Which records to read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogQuery {
    /// The topic.
    pub topic: Topic,
    /// The partition.
    pub partition: Partition,
    /// Where the page begins. Default: offset 0.
    pub from: LogStart,
    /// The maximum number of records, from 1 to [`PAGE_RECORDS_MAX`]. Default [`PAGE_RECORDS`].
    pub limit: usize,
    /// How long to wait for a record if there is none. Default 0.
    pub wait: Duration,
}

impl LogQuery {
    /// The first records of a partition.
    #[must_use]
    pub fn new(topic: Topic, partition: Partition) -> Self {
        let from = LogStart::Offset(Offset(0));
        Self { topic, partition, from, limit: PAGE_RECORDS, wait: Duration::ZERO }
    }
}

/// A page of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogPage {
    /// The partition's start and end; the end is never before `next`.
    pub bounds: Bounds,
    /// Where the next page begins.
    pub next: Offset,
    /// The committed records. May be empty.
    pub records: Vec<LogRecord>,
}

impl OrderService {
    /// A page of the log. Consecutive pages share a reader. A page has at most 1 MiB, but at least one record if the log has one.
    ///
    /// # Errors
    /// [`ServiceError::UnknownPartition`]; [`ServiceError::Invalid`] for the field `limit`, or for `from` beyond the log's
    /// end; `TooManyReaders` while 16 calls read the log; `Unavailable`.
    pub async fn log_page(&self, principal: &Principal, query: LogQuery) -> Result<LogPage, ServiceError> {
        if !principal.is_operator() {
            return Err(ServiceError::Forbidden);
        }
        let LogQuery { topic, partition, from, limit, wait } = query;
        let shared = &self.shared;
        if partition.0 >= self.partitions() {
            return Err(ServiceError::UnknownPartition { partitions: self.partitions() });
        }
        if !(1..=PAGE_RECORDS_MAX).contains(&limit) {
            let problem = format!("must be a number from 1 to {PAGE_RECORDS_MAX}");
            return Err(ServiceError::invalid("limit", problem));
        }
        let limit = ReadLimit { records: limit, bytes: PAGE_BYTES_MAX };
        let _reading = shared.readers.enter()?;
        let mut bounds =
            shared.port("read the bounds of the log", shared.bus.bounds(topic, partition)).await?;
        let from = begin(from, bounds)?;
        let position = |next| Position { topic, partition, next };
        let mut tail = match shared.readers.take(position(from)) {
            Some(tail) => tail,
            None => shared.port("read the log", shared.bus.tail(topic, partition, from)).await?,
        };
        let until = Instant::now() + self.capped(wait);
        let Batch { records, next } = self.read_on(tail.as_mut(), from, limit, bounds.end, until).await?;
        shared.readers.keep(position(next), tail);
        bounds.end = bounds.end.max(next);
        Ok(LogPage { bounds, next, records })
    }

    /// The next records. If there are none, waits for one until `until`, and then returns an empty batch.
    async fn read_on(
        &self,
        tail: &mut dyn Tail,
        from: Offset,
        limit: ReadLimit,
        end: Offset,
        until: Instant,
    ) -> Result<Batch, ServiceError> {
        let mut batch = Batch { records: Vec::new(), next: from };
        // Offsets may have gaps, so a read before the end may return no records.
        while batch.records.is_empty() && batch.next < end {
            batch = self.shared.port("read the log", tail.next(limit)).await?;
        }
        while batch.records.is_empty() {
            let read = tokio::select! {
                biased;
                read = tail.next(limit) => read,
                () = self.shutdown.cancelled() => break,
                () = tokio::time::sleep_until(until) => break,
            };
            batch = read.map_err(|error| port_failed("read the log", &error))?;
        }
        Ok(batch)
    }
}

/// Where to read. Records before the log's start are gone, so they are skipped. No page leads beyond the log's end, so such an
/// offset belongs to another log.
fn begin(from: LogStart, bounds: Bounds) -> Result<Offset, ServiceError> {
    match from {
        LogStart::Offset(offset) if offset > bounds.end => {
            Err(ServiceError::invalid("from", format!("the log ends at offset {}", bounds.end)))
        }
        LogStart::Offset(offset) => Ok(offset.max(bounds.start)),
        LogStart::End => Ok(bounds.end),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_begins_within_the_log() {
        let bounds = Bounds { start: Offset(3), end: Offset(7) };
        let begin = |from| begin(from, bounds).ok();
        assert_eq!(begin(LogStart::Offset(Offset(0))), Some(Offset(3)));
        assert_eq!(begin(LogStart::Offset(Offset(5))), Some(Offset(5)));
        assert_eq!(begin(LogStart::Offset(Offset(7))), Some(Offset(7)));
        assert_eq!(begin(LogStart::Offset(Offset(8))), None);
        assert_eq!(begin(LogStart::End), Some(Offset(7)));
    }
}
