//! The group of processors, and the log of a partition for its worker.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use async_trait::async_trait;
use logistics_core::port::{
    Batch, CommitOutcome, GroupEvent, LogExtent, Membership, PartitionLog, PortError, ReadLimit, Topic,
    Transaction,
};
use logistics_core::{Offset, Partition};

use crate::client::Brokers;
use crate::error::KafkaError;
use crate::group::member::Member;
use crate::produce::transactor::Transactor;
use crate::read::committed::Committed;
use crate::read::fetcher::Fetcher;
use crate::read::lookup::Lookup;

/// A member of the group of processors.
pub(crate) struct KafkaMembership {
    brokers: Arc<Brokers>,
    lookup: Arc<Lookup>,
    member: Arc<Member>,
    fetcher: Arc<Fetcher>,
}

impl KafkaMembership {
    pub(crate) async fn join(brokers: &Arc<Brokers>, lookup: &Arc<Lookup>) -> Result<Self, KafkaError> {
        let topic = brokers.config.topic(Topic::Orders);
        // Before the group assigns partitions, so that none waits for its first read.
        let fetcher = Fetcher::open(brokers, topic.clone()).await?;
        let member = Member::join(brokers, &brokers.config.group, topic)?;
        Ok(Self { brokers: brokers.clone(), lookup: lookup.clone(), member: Arc::new(member), fetcher })
    }
}

#[async_trait]
impl Membership for KafkaMembership {
    async fn next(&self) -> Result<GroupEvent, PortError> {
        self.member.next().await
    }

    async fn owns(&self, partition: Partition) -> Result<bool, PortError> {
        Ok(self.member.owns(partition).await?)
    }

    async fn release(&self, partitions: &[Partition]) -> Result<(), PortError> {
        Ok(self.member.release(partitions)?)
    }

    fn log(&self, partition: Partition) -> Arc<dyn PartitionLog> {
        Arc::new(KafkaPartitionLog {
            brokers: self.brokers.clone(),
            member: Arc::downgrade(&self.member),
            partition,
            committed: Committed::new(&self.lookup, Topic::Orders, partition, &self.fetcher),
            transactor: Mutex::default(),
        })
    }

    async fn leave(&self) -> Result<(), PortError> {
        Ok(self.member.leave().await?)
    }
}

struct KafkaPartitionLog {
    brokers: Arc<Brokers>,
    /// Weak: dropping the membership leaves the group, although logs of its partitions exist.
    member: Weak<Member>,
    partition: Partition,
    committed: Committed,
    /// Started by the first acquisition.
    transactor: Mutex<Option<Arc<Transactor>>>,
}

impl KafkaPartitionLog {
    fn transactor(&self) -> Result<Arc<Transactor>, KafkaError> {
        let mut transactor = self.transactor.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(transactor) = transactor.as_ref().filter(|transactor| !transactor.is_stuck()) {
            return Ok(transactor.clone());
        }
        let member = self.member.upgrade().ok_or(KafkaError::Closed("this member has left the group"))?;
        let started = Arc::new(Transactor::start(self.brokers.clone(), &member, self.partition)?);
        Ok(transactor.insert(started).clone())
    }
}

#[async_trait]
impl PartitionLog for KafkaPartitionLog {
    async fn acquire(&self) -> Result<(), PortError> {
        Ok(self.transactor()?.acquire().await?)
    }

    async fn extent(&self) -> Result<LogExtent, PortError> {
        // The bounds first: if the topic is created again in between, the new identity differs from the one in the store.
        let bounds = self.committed.bounds().await?;
        Ok(LogExtent { bounds, log: self.committed.identity().await? })
    }

    async fn read(&self, from: Offset, limit: ReadLimit) -> Result<Batch, PortError> {
        Ok(self.committed.read(from, limit).await?)
    }

    async fn commit(&self, transaction: Transaction) -> Result<CommitOutcome, PortError> {
        Ok(self.transactor()?.commit(transaction).await?)
    }
}
