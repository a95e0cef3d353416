//! Where a group without a position starts.

use std::time::Duration;

use futures::stream::TryStreamExt;
use logistics_core::port::{EventBus, EventBusExt, PortError, PortErrorKind, ReadLimit, StartAt, Topic};
use logistics_core::{Offset, Partition, Timestamp};
use tokio::time::timeout;

/// Age from which the first notification shows that the system is not new. Brokers keep the positions of an empty group for
/// seven days, so an expired group never looks like the group of a new system.
const NEW_SYSTEM_MS_MAX: u64 = 24 * 60 * 60 * 1000;
/// Partitions whose first record is read. In an older system, almost every partition has an old first record.
const FIRST_RECORDS_MAX: usize = 8;
/// How long an open transaction may hide the first record of a log.
const HIDDEN_MS_MAX: u64 = 5000;

const ONE_RECORD: ReadLimit = ReadLimit { records: 1, bytes: 1 };

/// Where a group starts in a partition without a position, unless the operator sets it.
///
/// At the **start** in a new system: the first orders may be older than the first start of the notification service, and their
/// customers are notified too. At the **end** in any other system: a group that is new, expired or was deleted must not repeat
/// all earlier notifications.
///
/// The group has no position in either case, so the log decides. A system is new if the notifications of every partition begin
/// at offset 0 and the first are at most [`NEW_SYSTEM_MS_MAX`] old.
///
/// # Errors
/// [`PortError`] if the log does not answer, or an open transaction hides its first record.
pub(crate) async fn start_of_group(bus: &dyn EventBus, now: Timestamp) -> Result<StartAt, PortError> {
    let mut read = 0;
    for partition in (0..bus.partitions()).map(Partition) {
        let bounds = bus.bounds(Topic::Notifications, partition).await?;
        if bounds.start > Offset(0) {
            return Ok(StartAt::End);
        }
        if bounds.end == Offset(0) || read == FIRST_RECORDS_MAX {
            continue;
        }
        read += 1;
        let first = first_record_at(bus, partition, bounds.end);
        let Ok(first) = timeout(Duration::from_millis(HIDDEN_MS_MAX), first).await else {
            let text = format!(
                "no first record of {} in partition {partition} within {HIDDEN_MS_MAX} ms; an open transaction may hide it",
                Topic::Notifications.name()
            );
            return Err(PortError::new(PortErrorKind::Unavailable, text));
        };
        if first?.is_some_and(|at| now.millis_since(at) > NEW_SYSTEM_MS_MAX) {
            return Ok(StartAt::End);
        }
    }
    Ok(StartAt::Start)
}

/// The time of the log's first record. `None` if it has only records of aborted transactions.
async fn first_record_at(
    bus: &dyn EventBus,
    partition: Partition,
    end: Offset,
) -> Result<Option<Timestamp>, PortError> {
    let mut records = bus.read_range(Topic::Notifications, partition, Offset(0)..end, ONE_RECORD);
    Ok(records.try_next().await?.map(|record| record.at))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use logistics_testkit::{MemoryBus, sample};

    use super::*;

    const WRITTEN_MS: i64 = 1_000_000_000_000;

    fn bus(records: u32) -> MemoryBus {
        let bus = MemoryBus::new(3);
        bus.with_broker(|broker| {
            broker.set_time(Timestamp::from_millis(WRITTEN_MS));
            for _ in 0..records {
                broker.append(Topic::Notifications, Partition(1), None, Bytes::from_static(b"{}"));
            }
        });
        bus
    }

    async fn start_after(bus: &MemoryBus, age_ms: u64) -> StartAt {
        let now = Timestamp::from_millis(WRITTEN_MS).after_millis(age_ms);
        start_of_group(bus, now).await.expect("nothing fails")
    }

    #[tokio::test]
    async fn a_new_system_starts_at_the_start_even_if_the_orders_are_older_than_the_service() {
        assert_eq!(start_after(&bus(0), u64::MAX).await, StartAt::Start);
        assert_eq!(start_after(&bus(2), NEW_SYSTEM_MS_MAX).await, StartAt::Start);
    }

    #[tokio::test]
    async fn an_expired_or_additional_group_starts_at_the_end() {
        assert_eq!(start_after(&bus(2), NEW_SYSTEM_MS_MAX + 1).await, StartAt::End);
    }

    #[tokio::test]
    async fn a_log_that_lost_its_first_records_is_not_new() {
        let bus = bus(2);
        bus.with_broker(|broker| broker.truncate(Topic::Notifications, Partition(1), Offset(1)));
        assert_eq!(start_after(&bus, 0).await, StartAt::End);
    }

    #[tokio::test(start_paused = true)]
    async fn a_first_record_that_stays_hidden_is_an_error() {
        let bus = MemoryBus::new(1);
        let record =
            sample::record(Topic::Notifications, Partition(0), &sample::order_id(1), "{}".to_owned());
        bus.with_broker(|broker| {
            let epoch = broker.acquire(Partition(0));
            broker.write(Partition(0), epoch, &[record]).expect("nothing fences it");
        });
        let answer = start_of_group(&bus, Timestamp::default()).await;
        assert_eq!(answer.map_err(|error| error.kind()), Err(PortErrorKind::Unavailable));
    }
}
