//! One partition's log, with results set by the test.

use std::collections::VecDeque;
use std::future::pending;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use logistics_core::port::{
    Batch, Bounds, Clock, CommitOutcome, LogExtent, LogIdentity, LogRecord, PartitionLog, PortError,
    PortErrorKind, ReadLimit, Topic, Transaction,
};
use logistics_core::{Offset, OrderId, Partition, wire};
use tokio::sync::Notify;
use tokio::time::sleep;

use super::{TestClock, error, placement_of};

/// The result of a call.
pub(crate) enum Fate<T> {
    Answer(Result<T, PortErrorKind>),
    Late(Duration, T),
    Hang,
    Panic,
}

impl<T> Fate<T> {
    async fn resolve(self) -> Result<T, PortError> {
        match self {
            Fate::Answer(result) => result.map_err(error),
            Fate::Late(after, answer) => {
                sleep(after).await;
                Ok(answer)
            }
            Fate::Hang => pending().await,
            Fate::Panic => panic!("on purpose"),
        }
    }
}

/// One partition's log, in memory.
#[derive(Default)]
pub(crate) struct TestLog {
    /// The results of the next acquisitions. Later ones succeed.
    pub(crate) acquires: Mutex<VecDeque<Fate<()>>>,
    /// The results of the next commits. Later ones succeed.
    pub(crate) commits: Mutex<VecDeque<Fate<CommitOutcome>>>,
    pub(crate) acquired: AtomicUsize,
    /// Commits that have begun.
    pub(crate) committing: AtomicUsize,
    records: Mutex<Vec<LogRecord>>,
    grown: Notify,
}

impl TestLog {
    pub(crate) fn place(&self, order_id: &str) {
        self.append(placement_of(&OrderId::parse(order_id).unwrap()));
    }

    fn append(&self, payload: Bytes) {
        let mut records = self.records.lock().unwrap();
        let offset = Offset(records.len() as u64);
        records.push(LogRecord { offset, key: None, headers: Vec::new(), payload, at: TestClock.now() });
        self.grown.notify_waiters();
    }

    /// The number of facts in the log.
    pub(crate) fn facts(&self) -> usize {
        let records = self.records.lock().unwrap();
        let is_fact =
            |record: &&LogRecord| matches!(wire::decode(record, Partition(0)), Ok(wire::Record::Fact(_)));
        records.iter().filter(is_fact).count()
    }

    pub(crate) fn acquisitions(&self) -> usize {
        self.acquired.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl PartitionLog for TestLog {
    async fn acquire(&self) -> Result<(), PortError> {
        self.acquired.fetch_add(1, Ordering::SeqCst);
        let fate = self.acquires.lock().unwrap().pop_front();
        fate.unwrap_or(Fate::Answer(Ok(()))).resolve().await
    }

    async fn extent(&self) -> Result<LogExtent, PortError> {
        let end = Offset(self.records.lock().unwrap().len() as u64);
        Ok(LogExtent { bounds: Bounds { start: Offset(0), end }, log: LogIdentity::new("log") })
    }

    async fn read(&self, from: Offset, limit: ReadLimit) -> Result<Batch, PortError> {
        loop {
            let grown = self.grown.notified();
            let records: Vec<LogRecord> = self
                .records
                .lock()
                .unwrap()
                .iter()
                .skip(from.0 as usize)
                .take(limit.records)
                .cloned()
                .collect();
            if let Some(last) = records.last() {
                return Ok(Batch { next: last.offset.next(), records });
            }
            grown.await;
        }
    }

    async fn commit(&self, transaction: Transaction) -> Result<CommitOutcome, PortError> {
        self.committing.fetch_add(1, Ordering::SeqCst);
        let fate = self.commits.lock().unwrap().pop_front();
        let outcome = fate.unwrap_or(Fate::Answer(Ok(CommitOutcome::Committed))).resolve().await?;
        if outcome == CommitOutcome::Committed {
            for record in transaction.records.into_iter().filter(|record| record.topic == Topic::Orders) {
                self.append(record.payload);
            }
        }
        Ok(outcome)
    }
}
