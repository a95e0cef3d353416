//! Where a group of readers starts that has no position.

use std::time::Duration;

use futures::stream::TryStreamExt;
use logistics_core::port::{EventBus, EventBusExt, PortError, PortErrorKind, ReadLimit, StartAt, Topic};
use logistics_core::{Offset, Partition, Timestamp};
use tokio::time::timeout;

/// A system whose first notifications are older is not new. Far less than the seven days after which brokers forget the
/// positions of a group without members, so a group that expired is never taken for that of a new system.
const NEW_SYSTEM_MS_MAX: u64 = 24 * 60 * 60 * 1000;
/// Partitions whose first record is read. In a system that is not new, the first one is old in almost all of them.
const FIRST_RECORDS_MAX: usize = 8;
/// How long the first record of a log may be hidden by an open transaction before that is a failure.
const HIDDEN_MS_MAX: u64 = 5000;

const ONE_RECORD: ReadLimit = ReadLimit { records: 1, bytes: 1 };

/// Where a group starts in a partition for which it has no position, where the operator does not say.
///
/// At the **start** in a new system: the notification service may come up later than the first orders, and customers are to
/// be notified of these too. At the **end** in any other: a group that is new beside an older one, that expired while the
/// service was down for a week, or that was deleted, must not notify again of everything that ever happened.
///
/// The group cannot tell the two apart, since it has no position in either. The log can: a system is new where the
/// notifications of every partition begin at offset 0 and the first of them are not older than [`NEW_SYSTEM_MS_MAX`].
///
/// # Errors
/// [`PortError`] when the log does not answer, or an open transaction hides its first record.
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
                "the first record of {} in partition {partition} did not come within {HIDDEN_MS_MAX} ms",
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

/// When the log took its first record; nothing where it has only records of aborted transactions.
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
    async fn a_new_system_starts_at_the_start_also_when_the_service_comes_later_than_the_orders() {
        assert_eq!(start_after(&bus(0), u64::MAX).await, StartAt::Start);
        assert_eq!(start_after(&bus(2), NEW_SYSTEM_MS_MAX).await, StartAt::Start);
    }

    #[tokio::test]
    async fn a_group_that_expired_or_is_new_beside_another_starts_at_the_end() {
        assert_eq!(start_after(&bus(2), NEW_SYSTEM_MS_MAX + 1).await, StartAt::End);
    }

    #[tokio::test]
    async fn a_log_that_lost_its_first_records_is_not_new() {
        let bus = bus(2);
        bus.with_broker(|broker| broker.truncate(Topic::Notifications, Partition(1), Offset(1)));
        assert_eq!(start_after(&bus, 0).await, StartAt::End);
    }

    #[tokio::test(start_paused = true)]
    async fn a_first_record_that_stays_hidden_is_a_failure_and_no_answer() {
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
