//! The records of a partition as a stream.

use std::ops::Range;

use futures::future::TryFutureExt;
use futures::stream::{self, BoxStream, Stream, StreamExt, TryStreamExt};

use super::bus::{Batch, EventBus, LogRecord, ReadLimit, Tail, Topic};
use super::error::PortError;
use crate::ids::{Offset, Partition};

/// Records of one partition in the order of their offsets. The stream ends after the first error.
pub type Records<'a> = BoxStream<'a, Result<LogRecord, PortError>>;

/// Batches of one partition, each with the position behind it. The stream ends after the first error.
pub type Batches<'a> = BoxStream<'a, Result<Batch, PortError>>;

/// Reads partitions of any [`EventBus`] as streams.
///
/// A stream makes no call before it is polled, and one read at a time. `limit` bounds one read, and so the memory of the
/// stream. It yields committed records only, and waits at an open transaction until that ends. Dropping a stream at any
/// point loses nothing.
///
/// A stream does not retry. It ends after an error, even if [`PortErrorKind::is_retryable`]: the caller waits, then opens
/// another stream behind its last record.
///
/// [`PortErrorKind::is_retryable`]: super::PortErrorKind::is_retryable
pub trait EventBusExt: EventBus {
    /// The records from `from` up to the partition's end. The end is the one at the first poll; later records are not part
    /// of the stream.
    ///
    /// # Errors
    /// An item is [`PortError`] when the bus cannot be read; `Truncated` when `from` lies before the log's start.
    fn read_to_end(&self, topic: Topic, partition: Partition, from: Offset, limit: ReadLimit) -> Records<'_> {
        let bounded = async move {
            let end = self.bounds(topic, partition).await?.end;
            Ok(self.read_range(topic, partition, from..end, limit))
        };
        bounded.try_flatten_stream().boxed()
    }

    /// The records at the offsets of `range`. Offsets may have gaps, so the stream also ends when the read position has
    /// reached the end of the range without a record there. An empty range makes no call.
    ///
    /// The stream ends only if the log reaches the end of the range: take the end from [`EventBus::bounds`].
    ///
    /// # Errors
    /// As for [`read_to_end`](EventBusExt::read_to_end).
    fn read_range(
        &self,
        topic: Topic,
        partition: Partition,
        range: Range<Offset>,
        limit: ReadLimit,
    ) -> Records<'_> {
        // At its end a tail waits for the next record.
        if range.is_empty() {
            return stream::empty().boxed();
        }
        let opened = async move {
            let tail = self.tail(topic, partition, range.start).await?;
            Ok(in_range(tail, range, limit))
        };
        opened.try_flatten_stream().boxed()
    }

    /// The records from `from` on, as they arrive. Only an error ends the stream.
    ///
    /// # Errors
    /// As for [`read_to_end`](EventBusExt::read_to_end).
    fn follow(&self, topic: Topic, partition: Partition, from: Offset, limit: ReadLimit) -> Records<'_> {
        flattened(self.follow_batches(topic, partition, from, limit)).boxed()
    }

    /// The same in batches, for callers that need the position behind each read. A batch may be empty.
    ///
    /// # Errors
    /// As for [`read_to_end`](EventBusExt::read_to_end).
    fn follow_batches(
        &self,
        topic: Topic,
        partition: Partition,
        from: Offset,
        limit: ReadLimit,
    ) -> Batches<'_> {
        let opened = self.tail(topic, partition, from).map_ok(move |tail| batches(tail, limit));
        opened.try_flatten_stream().boxed()
    }
}

impl<B: EventBus + ?Sized> EventBusExt for B {}

/// The batches of a tail as they arrive, for callers that open the tail themselves. Only an error ends the stream.
#[must_use]
pub fn batches(tail: Box<dyn Tail>, limit: ReadLimit) -> Batches<'static> {
    let next = move |mut tail: Box<dyn Tail>| async move {
        let batch = tail.next(limit).await?;
        Ok(Some((batch, tail)))
    };
    stream::try_unfold(tail, next).boxed()
}

fn in_range(
    tail: Box<dyn Tail>,
    range: Range<Offset>,
    limit: ReadLimit,
) -> impl Stream<Item = Result<LogRecord, PortError>> + Send {
    let Range { start, end } = range;
    let next = move |(mut tail, from): (Box<dyn Tail>, Offset)| async move {
        if from >= end {
            return Ok(None);
        }
        let mut batch = tail.next(limit).await?;
        batch.records.retain(|record| record.offset < end);
        let next = batch.next;
        Ok(Some((batch, (tail, next))))
    };
    flattened(stream::try_unfold((tail, start), next))
}

fn flattened<'a>(
    batches: impl Stream<Item = Result<Batch, PortError>> + Send + 'a,
) -> impl Stream<Item = Result<LogRecord, PortError>> + Send + 'a {
    batches.map_ok(|batch| stream::iter(batch.records.into_iter().map(Ok))).try_flatten()
}
