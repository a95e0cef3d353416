//! The audit checks the invariants of a log and a store.
//!
//! [`run`] reads both through the ports; `logistics verify` calls it. [`Audit`] is the same without I/O, for callers that
//! already have the records.
//!
//! It sees I1, I2, I3, I9, I11, the steps of the lifecycle and unreadable records (I14) in the logs; I6, I7, I10 and I12
//! between logs and store; and of I8 that each refusal fits the state before it. That the dead letters of a partition are
//! there is not checked: that topic may expire.

mod inputs;
mod order;
mod partition;
mod report;
mod run;
mod violation;

pub use report::{OutcomeCounts, Report};
pub use run::{AuditError, run, run_log};
pub use violation::{Invariant, Violation};

use std::collections::{BTreeMap, HashMap};

use crate::ids::{Offset, OrderId, Partition, Timestamp};
use crate::lifecycle::Status;
use crate::order::Order;
use crate::partitioner::partition_of;
use crate::port::{LogRecord, Recovery, StatusSummary};
use crate::wire;
use partition::PartitionAudit;
use violation::Broken;

/// What an audit may expect of the moment at which things were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Expect {
    /// Nothing was in motion for a while: every input is answered, and the store and its checkpoints are up to the log.
    AtRest,
    /// Processors were drained: as at rest, but a checkpoint may lie before facts that the documents hold already.
    Drained,
    /// Processors were at work, so the store may be behind the log. The store must have been read first, then the
    /// notifications, then the orders, each up to an end that was read at its turn.
    InMotion,
}

impl Expect {
    /// Nothing is still to come.
    fn is_settled(self) -> bool {
        self != Expect::InMotion
    }
}

/// An audit in progress. Feed it the store, then the notifications, then the orders, each partition's records from the
/// first on in their order; then [`Audit::finish`].
///
/// A partition whose [`Recovery`] it never saw is judged by the logs alone. It keeps a few hundred bytes for each order,
/// about a thousand while the order is not terminal, and 8 for each input.
#[derive(Debug)]
pub struct Audit {
    partitions: u32,
    expect: Expect,
    audits: BTreeMap<Partition, PartitionAudit>,
    documents: u64,
    listed: HashMap<Status, Listed>,
    summary: Option<Vec<StatusSummary>>,
    report: Report,
}

/// The documents of one list so far.
#[derive(Debug)]
struct Listed {
    count: u64,
    /// The last one: when it changed, and its id.
    last: (Timestamp, OrderId),
}

impl Audit {
    /// An audit of topics with this many partitions.
    #[must_use]
    pub fn new(partitions: u32, expect: Expect) -> Self {
        Self {
            partitions,
            expect,
            audits: BTreeMap::new(),
            documents: 0,
            listed: HashMap::new(),
            summary: None,
            report: Report::default(),
        }
    }

    /// Adds a partition's checkpoint and timers.
    ///
    /// # Errors
    /// The [`Violation`] of an order with two timers or with one in a foreign partition.
    pub fn recovery(&mut self, partition: Partition, recovery: &Recovery) -> Result<(), Violation> {
        let partitions = self.partitions;
        self.audit(partition).recovery(partition, partitions, recovery)
    }

    /// Adds a document from the list of the orders in status `listed`, in the order of that list.
    ///
    /// # Errors
    /// The [`Violation`] of an unreadable document, or of one that is listed twice, out of order or under another status.
    pub fn document(&mut self, listed: Status, json: &[u8]) -> Result<(), Violation> {
        let order = Order::from_document(json).map_err(|error| {
            Broken::new(Invariant::I6, format!("a document under {listed} is not an order's: {error}"))
                .anywhere()
        })?;
        let (order_id, status, changed_at) = (order.order_id.clone(), order.status, order.updated_at);
        let partition = partition_of(&order_id, self.partitions);
        let broken = |found: String| Broken::new(Invariant::I10, found).at(partition, None, Some(&order_id));
        let first = self.audit(partition).order(&order_id).document(order);
        self.documents += u64::from(first);
        // While orders move, a page may show one at its old place, and again at its new one.
        if self.expect == Expect::InMotion {
            return Ok(());
        }
        if !first {
            return Err(broken("the store lists its document twice".to_owned()));
        }
        if status != listed {
            return Err(broken(format!("the store lists its document as {listed}, it is {status}")));
        }
        let place = (changed_at, order_id.clone());
        let count = 1 + self.listed.get(&listed).map_or(0, |before| before.count);
        match self.listed.insert(listed, Listed { count, last: place.clone() }) {
            Some(Listed { last, .. }) if last <= place => Err(broken(format!(
                "the list of {listed} orders has it behind {}, which changed earlier",
                last.1
            ))),
            _ => Ok(()),
        }
    }

    /// Adds the store's counts of each status. Without them, they are not compared.
    pub fn summary(&mut self, summary: Vec<StatusSummary>) {
        self.summary = Some(summary);
    }

    /// Says where a partition of the notifications starts. Those before it are gone, which is no violation: that topic
    /// may expire.
    pub fn start_of_notifications(&mut self, partition: Partition, start: Offset) {
        self.audit(partition).notifications_truncated |= start > Offset(0);
    }

    /// Adds the next notification of a partition.
    ///
    /// # Errors
    /// The [`Violation`] of a notification that comes twice, too early or in a foreign partition.
    pub fn notification_record(&mut self, partition: Partition, record: &LogRecord) -> Result<(), Violation> {
        let notification = wire::decode_notification(&record.payload).map_err(|error| {
            Broken::new(Invariant::I9, format!("a notification cannot be read: {error}")).at(
                partition,
                Some(record.offset),
                None,
            )
        })?;
        self.report.notifications += 1;
        let partitions = self.partitions;
        self.audit(partition).notification(partition, partitions, record, &notification)
    }

    /// Says where a partition of the orders starts and ends: the high watermark.
    ///
    /// # Errors
    /// The [`Violation`] of a log whose first records are gone.
    pub fn bounds_of_orders(
        &mut self,
        partition: Partition,
        start: Offset,
        end: Offset,
    ) -> Result<(), Violation> {
        self.audit(partition).end = Some(end);
        if start == Offset(0) {
            return Ok(());
        }
        let found = format!("the log starts at offset {start}; earlier records are gone");
        Err(Broken::new(Invariant::I14, found).at(partition, None, None))
    }

    /// Adds the next record of a partition of the orders.
    ///
    /// # Errors
    /// The [`Violation`] that the record shows.
    pub fn order_record(&mut self, partition: Partition, record: &LogRecord) -> Result<(), Violation> {
        let partitions = self.partitions;
        let audit = self.audits.entry(partition).or_default();
        audit.record(partition, partitions, record, &mut self.report)
    }

    /// Compares all that was read.
    ///
    /// # Errors
    /// The first [`Violation`], by partition and order id.
    pub fn finish(mut self) -> Result<Report, Violation> {
        let mut report = std::mem::take(&mut self.report);
        report.documents = self.documents;
        for audit in self.audits.values() {
            audit.check_suspects(self.expect)?;
        }
        for (partition, audit) in &self.audits {
            audit.settle(*partition, self.expect, &mut report)?;
        }
        if self.expect.is_settled() {
            let counted = self.check_summary();
            self.check_forwarded()?;
            counted?;
        }
        Ok(report)
    }

    /// The store counts what it lists. Any other violation is reported first, because it says more.
    fn check_summary(&self) -> Result<(), Violation> {
        for StatusSummary { status, count, oldest_change } in self.summary.iter().flatten() {
            let listed = self.listed.get(status);
            // The lists begin with the latest change.
            let expected = listed.map_or((0, None), |listed| (listed.count, Some(listed.last.0)));
            if (*count, *oldest_change) != expected {
                let (count, oldest) = (*count, since(*oldest_change));
                let (listed, listed_oldest) = (expected.0, since(expected.1));
                let found = format!(
                    "the store counts {count} {status} orders{oldest}, and lists {listed}{listed_oldest}"
                );
                return Err(Broken::new(Invariant::I10, found).anywhere());
            }
        }
        Ok(())
    }

    /// Every forwarded input is in its right partition, as often as it was forwarded there.
    fn check_forwarded(self) -> Result<(), Violation> {
        let mut wanted: BTreeMap<(Partition, u64), Vec<(Partition, Offset)>> = BTreeMap::new();
        for (from, audit) in &self.audits {
            for (to, fingerprint, offset) in audit.inputs.forwarded() {
                wanted.entry((*to, *fingerprint)).or_default().push((*from, *offset));
            }
        }
        if wanted.is_empty() {
            return Ok(());
        }
        let there: BTreeMap<Partition, Vec<u64>> = self
            .audits
            .into_iter()
            .map(|(partition, audit)| (partition, audit.inputs.into_sorted_fingerprints()))
            .collect();
        for ((to, fingerprint), inputs) in wanted {
            let copies = there.get(&to).map_or(0, |all| {
                all.partition_point(|one| *one <= fingerprint) - all.partition_point(|one| *one < fingerprint)
            });
            if let Some((from, offset)) = inputs.get(copies) {
                let found = format!("the input was forwarded to partition {to} and is not there");
                return Err(Broken::new(Invariant::I11, found).at(*from, Some(*offset), None));
            }
        }
        Ok(())
    }

    fn audit(&mut self, partition: Partition) -> &mut PartitionAudit {
        self.audits.entry(partition).or_default()
    }
}

fn since(oldest_change: Option<Timestamp>) -> String {
    oldest_change.map_or(String::new(), |at| format!(" since {at}"))
}

#[cfg(test)]
mod tests;
