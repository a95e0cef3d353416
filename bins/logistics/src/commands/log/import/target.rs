//! The log that receives an import. This process owns all of its partitions during the import.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use logistics_cli_kit::Failure;
use logistics_core::port::{
    CommitOutcome, Delivery, EventBus, Membership, NewRecord, PartitionLog, PortError, PortErrorKind,
    ReadLimit, StartAt, SubscriptionEvent, Topic, Transaction,
};
use logistics_core::wire::LogKeys;
use logistics_core::{Offset, Partition};
use logistics_tokio::NotificationsOptions;
use tokio::time::timeout;

use super::until_ready;
use crate::commands::log::reader::read_failed;

/// The size of one transaction: well below the default limits of brokers.
const TRANSACTION_RECORDS: usize = 500;
const TRANSACTION_BYTES: usize = 256 * 1024;
/// The size of one read.
const READ: ReadLimit = ReadLimit { records: 10_000, bytes: 4 * 1024 * 1024 };
/// How long a read may return nothing.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// Every partition of a log.
pub(super) struct Target {
    bus: Arc<dyn EventBus>,
    /// The keys that sign an owner's records, and again what they signed among the inputs.
    keys: Option<LogKeys>,
    partitions: Vec<Part>,
}

/// One partition.
struct Part {
    number: Partition,
    log: Arc<dyn PartitionLog>,
    waiting: Vec<NewRecord>,
    waiting_bytes: usize,
    inputs_written: usize,
    /// The offsets of the written inputs, in their order.
    inputs: Vec<Offset>,
    /// How many of these offsets are assigned to inputs of the export.
    placed: usize,
    answered: usize,
    notifications: usize,
}

impl Target {
    /// Acquires every partition.
    ///
    /// # Errors
    /// One sentence, if a partition cannot be acquired.
    pub(super) async fn acquire(
        bus: &Arc<dyn EventBus>,
        membership: &dyn Membership,
        keys: Option<LogKeys>,
    ) -> Result<Self, Failure> {
        let mut partitions = Vec::new();
        for number in (0..bus.partitions()).map(Partition) {
            // A new group may not accept positions yet, and a transaction that it rejects takes long to end.
            if !until_ready("cannot acquire the partitions", || membership.owns(number)).await? {
                return Err(Failure::refused(
                    "another processor owns a partition; stop it during the import",
                ));
            }
            let log = membership.log(number);
            until_ready("cannot acquire the partitions", || acquire_one(log.as_ref())).await?;
            partitions.push(Part {
                number,
                log,
                waiting: Vec::new(),
                waiting_bytes: 0,
                inputs_written: 0,
                inputs: Vec::new(),
                placed: 0,
                answered: 0,
                notifications: 0,
            });
        }
        Ok(Self { bus: bus.clone(), keys, partitions })
    }

    /// The number of partitions.
    pub(super) fn partitions(&self) -> u32 {
        self.bus.partitions()
    }

    /// Writes an input of the export's partition `from`. A valid signature is replaced by one for `home`. An unsigned input stays
    /// unsigned: its new owner judges it.
    ///
    /// # Errors
    /// One sentence, if the log rejects a record.
    pub(super) async fn input(
        &mut self,
        from: Partition,
        home: Partition,
        key: Option<Bytes>,
        payload: Bytes,
    ) -> Result<(), Failure> {
        let signed = self.keys.as_ref().and_then(|keys| keys.resign_input(from, home, &payload));
        let payload = signed.unwrap_or(payload);
        self.part(home).inputs_written += 1;
        self.write(home, Topic::Orders, key, payload);
        self.flush_full(home).await
    }

    /// Queues a fact or an outcome, signed if there is a key.
    pub(super) fn write_own(&mut self, home: Partition, key: Option<Bytes>, payload: Bytes) {
        let signed = match &self.keys {
            Some(keys) => keys.sign(home, &payload),
            None => payload,
        };
        self.write(home, Topic::Orders, key, signed);
    }

    /// Queues a record. Call [`Self::flush_full`] after records that belong together.
    pub(super) fn write(&mut self, home: Partition, topic: Topic, key: Option<Bytes>, payload: Bytes) {
        let part = self.part(home);
        part.notifications += usize::from(topic == Topic::Notifications);
        part.waiting_bytes += payload.len();
        part.waiting.push(NewRecord { topic, partition: home, key, payload });
    }

    /// Commits the queued records of the partition if they fill a transaction.
    ///
    /// # Errors
    /// One sentence, if the log rejects a record.
    pub(super) async fn flush_full(&mut self, home: Partition) -> Result<(), Failure> {
        let part = self.part(home);
        if part.waiting.len() < TRANSACTION_RECORDS && part.waiting_bytes < TRANSACTION_BYTES {
            return Ok(());
        }
        part.commit().await
    }

    /// Commits all queued records.
    ///
    /// # Errors
    /// One sentence, if the log rejects a record.
    pub(super) async fn flush(&mut self) -> Result<(), Failure> {
        for part in &mut self.partitions {
            if !part.waiting.is_empty() {
                part.commit().await?;
            }
        }
        Ok(())
    }

    /// Reads the offsets of the written inputs.
    ///
    /// # Errors
    /// One sentence, if the log cannot be read or has other records.
    pub(super) async fn read_inputs(&mut self) -> Result<(), Failure> {
        for part in &mut self.partitions {
            if part.inputs_written == 0 {
                continue;
            }
            let open = || self.bus.tail(Topic::Orders, part.number, Offset(0));
            let mut tail = until_ready("cannot read the log", open).await?;
            while part.inputs.len() < part.inputs_written {
                let batch = timeout(SILENCE_MAX, tail.next(READ)).await.map_err(|_| silent())?;
                let batch = batch.map_err(|error| read_failed(&error))?;
                part.inputs.extend(batch.records.iter().map(|record| record.offset));
            }
            if part.inputs.len() > part.inputs_written {
                return Err(Failure::refused(
                    "another producer appends to the log; stop the APIs and the other producers",
                ));
            }
        }
        Ok(())
    }

    /// The offset of the partition's next input.
    pub(super) fn next_place(&mut self, home: Partition) -> Option<Offset> {
        let part = self.part(home);
        part.placed += 1;
        part.inputs.get(part.placed - 1).copied()
    }

    /// Records that one more input of the partition is answered.
    pub(super) fn answered(&mut self, home: Partition) {
        self.part(home).answered += 1;
    }

    /// The first offset that is not answered.
    pub(super) fn next_unanswered(&mut self, home: Partition) -> Offset {
        self.part(home).next_unanswered()
    }

    /// Moves the notification group behind the written notifications, so that none is delivered again.
    ///
    /// # Errors
    /// One sentence, if the group cannot be moved.
    pub(super) async fn pass_notifications(&mut self) -> Result<(), Failure> {
        let mut left: usize = self.partitions.iter().map(|part| part.notifications).sum();
        if left == 0 {
            return Ok(());
        }
        let failed = |error: PortError| Failure::of_port("cannot move the notification group", &error);
        let group = NotificationsOptions::default().group;
        let subscribe = || self.bus.subscribe(Topic::Notifications, &group, StartAt::Start);
        let mut subscription = until_ready("cannot move the notification group", subscribe).await?;
        let (limit, held) = (ReadLimit { records: 1000, bytes: 1024 * 1024 }, BTreeSet::new());
        while left > 0 {
            let event = timeout(SILENCE_MAX, subscription.next(limit, &held)).await.map_err(|_| silent())?;
            match event.map_err(failed)? {
                SubscriptionEvent::Records(Delivery { partition, batch }) => {
                    left = left.saturating_sub(batch.records.len());
                    subscription.acknowledge(partition, batch.next).await.map_err(failed)?;
                }
                SubscriptionEvent::Revoked(partitions) => {
                    subscription.release(&partitions).await.map_err(failed)?;
                }
                SubscriptionEvent::Started(_)
                | SubscriptionEvent::Moved { .. }
                | SubscriptionEvent::Lost(_) => {}
            }
        }
        Ok(())
    }

    fn part(&mut self, number: Partition) -> &mut Part {
        &mut self.partitions[number.0 as usize]
    }
}

/// Acquires a partition and commits an empty transaction, which can be retried: a broker may reject transactions on new
/// topics and groups for a while. A transaction with records is never retried.
async fn acquire_one(log: &dyn PartitionLog) -> Result<(), PortError> {
    log.acquire().await?;
    match log.commit(Transaction { records: Vec::new(), next: Offset(0) }).await? {
        CommitOutcome::Committed => Ok(()),
        CommitOutcome::Fenced | CommitOutcome::Unknown => {
            Err(PortError::new(PortErrorKind::Unavailable, "another processor owns the partition"))
        }
    }
}

impl Part {
    fn next_unanswered(&self) -> Offset {
        let behind_all = || self.inputs.last().map_or(Offset(0), |last| last.next());
        self.inputs.get(self.answered).copied().unwrap_or_else(behind_all)
    }

    async fn commit(&mut self) -> Result<(), Failure> {
        let next = self.next_unanswered();
        let transaction = Transaction { records: std::mem::take(&mut self.waiting), next };
        self.waiting_bytes = 0;
        match self.log.commit(transaction).await {
            Ok(CommitOutcome::Committed) => Ok(()),
            Ok(CommitOutcome::Fenced) => Err(Failure::refused("another processor acquired a partition")),
            Ok(CommitOutcome::Unknown) => Err(Failure::unreachable("the outcome of a commit is unknown")),
            Err(error) => Err(Failure::of_port("cannot write the log", &error)),
        }
    }
}

fn silent() -> Failure {
    Failure::unreachable(format!("the log returned no record for {} s", SILENCE_MAX.as_secs()))
}
