//! Steps that the cases of the bus share.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;

use super::BusCase;
use crate::sample;
use logistics_core::port::{
    Batch, CommitOutcome, EventBus, GroupEvent, LogRecord, Membership, NewRecord, PartitionLog, ReadLimit,
    Tail, Topic, Transaction,
};
use logistics_core::{Offset, OrderId, Partition};

/// Much more than any case writes.
pub(super) const PLENTY: ReadLimit = ReadLimit { records: 10_000, bytes: 64 * 1024 * 1024 };

/// The partition in which most cases happen.
pub(super) const HOME: Partition = Partition(0);
/// Another partition.
pub(super) const OTHER: Partition = Partition(1);

impl BusCase {
    pub(super) fn bus(&self) -> Arc<dyn EventBus> {
        self.harness.bus()
    }

    /// The order of this number in a partition.
    pub(super) fn order(&self, partition: Partition, n: usize) -> OrderId {
        sample::order_id_in(partition, self.bus().partitions(), n)
    }

    /// Appends a text about the first order of a partition.
    pub(super) async fn append(&self, partition: Partition, text: &str) -> Offset {
        let id = self.order(partition, 0);
        self.works("append", self.bus().append(&id, Bytes::from(text.to_owned()))).await
    }

    /// A member that was assigned every partition.
    pub(super) async fn member(&self) -> Box<dyn Membership> {
        let member = self.works("join", self.bus().join()).await;
        let wanted = self.all_partitions();
        let mut assigned = BTreeSet::new();
        while assigned != wanted {
            match self.works("the assignment of every partition", member.next()).await {
                GroupEvent::Assigned(partitions) => assigned.extend(partitions),
                GroupEvent::Revoked(partitions) => {
                    assigned.retain(|partition| !partitions.contains(partition));
                    self.works("release", member.release(&partitions)).await;
                }
                GroupEvent::Lost(partitions) => {
                    assigned.retain(|partition| !partitions.contains(partition));
                }
            }
        }
        member
    }

    pub(super) fn all_partitions(&self) -> BTreeSet<Partition> {
        (0..self.bus().partitions()).map(Partition).collect()
    }

    /// The log of a partition of this member, acquired.
    pub(super) async fn acquired(
        &self,
        member: &dyn Membership,
        partition: Partition,
    ) -> Arc<dyn PartitionLog> {
        let log = member.log(partition);
        self.works("acquire", log.acquire()).await;
        log
    }

    pub(super) async fn commit(&self, log: &dyn PartitionLog, records: Vec<NewRecord>, next: Offset) {
        let outcome = self.works("commit", log.commit(Transaction { records, next })).await;
        self.same("the outcome of an undisturbed commit", &outcome, &CommitOutcome::Committed);
    }

    /// Tries a commit that must fail.
    pub(super) async fn commit_in_vain(&self, log: &dyn PartitionLog, records: Vec<NewRecord>) {
        let transaction = Transaction { records, next: Offset(0) };
        let outcome = self.soon("an answer to the commit", log.commit(transaction)).await;
        self.holds("a fenced owner commits nothing", !matches!(outcome, Ok(CommitOutcome::Committed)));
    }

    /// Records of a text each, for the first order of a partition.
    pub(super) fn records(&self, topic: Topic, partition: Partition, texts: &[&str]) -> Vec<NewRecord> {
        let id = self.order(partition, 0);
        texts.iter().map(|text| sample::record(topic, partition, &id, (*text).to_owned())).collect()
    }

    /// Reads this many records of a log, and checks that every batch continues behind the previous one.
    pub(super) async fn read(&self, log: &dyn PartitionLog, from: Offset, records: usize) -> Vec<LogRecord> {
        let (mut found, mut from) = (Vec::new(), from);
        while found.len() < records {
            let batch = self.works("a read", log.read(from, PLENTY)).await;
            self.check_batch(&batch, from);
            from = batch.next;
            found.extend(batch.records);
        }
        found
    }

    /// Reads this many records of a partition from a position on, with its own reader.
    pub(super) async fn tail(
        &self,
        topic: Topic,
        partition: Partition,
        from: Offset,
        records: usize,
    ) -> Vec<LogRecord> {
        let mut tail = self.works("tail", self.bus().tail(topic, partition, from)).await;
        self.tail_on(&mut *tail, from, records).await
    }

    /// The next records of a tail.
    pub(super) async fn tail_on(&self, tail: &mut dyn Tail, from: Offset, records: usize) -> Vec<LogRecord> {
        let (mut found, mut from) = (Vec::new(), from);
        while found.len() < records {
            let batch = self.works("a tail's read", tail.next(PLENTY)).await;
            self.check_batch(&batch, from);
            from = batch.next;
            found.extend(batch.records);
        }
        found
    }

    /// The texts of this many records of a partition, from its start.
    pub(super) async fn texts(&self, topic: Topic, partition: Partition, records: usize) -> Vec<String> {
        texts(&self.tail(topic, partition, Offset(0), records).await)
    }

    fn check_batch(&self, batch: &Batch, from: Offset) {
        self.holds("a batch's `next` is greater than `from`", batch.next > from);
        let offsets: Vec<_> = batch.records.iter().map(|record| record.offset).collect();
        self.holds("a batch's offsets rise", offsets.is_sorted_by(|a, b| a < b));
        let inside = offsets.iter().all(|offset| (from..batch.next).contains(offset));
        self.holds("a batch's records lie from `from` up to `next`", inside);
    }
}

pub(super) fn texts(records: &[LogRecord]) -> Vec<String> {
    records.iter().map(|record| String::from_utf8_lossy(&record.payload).into_owned()).collect()
}

pub(super) fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}
