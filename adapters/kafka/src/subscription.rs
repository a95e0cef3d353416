//! Reading a topic as a group with durable positions.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use logistics_core::port::{Delivery, GroupEvent, PortError, ReadLimit, Subscription, Topic};
use logistics_core::{Offset, Partition};
use tokio::sync::Notify;

use crate::client::Brokers;
use crate::error::KafkaError;
use crate::fetcher::{Fetched, Fetcher};
use crate::limits::{DELIVERY_BYTES_MAX, DELIVERY_RECORDS_MAX};
use crate::lookup::Lookup;
use crate::member::Member;

const LIMIT: ReadLimit = ReadLimit { records: DELIVERY_RECORDS_MAX, bytes: DELIVERY_BYTES_MAX };

/// A member of a group of readers.
pub(crate) struct KafkaSubscription {
    lookup: Arc<Lookup>,
    topic: Topic,
    member: Member,
    fetcher: Arc<Fetcher>,
    woken: Arc<Notify>,
    /// Assigned, and not yet asked where to begin.
    starting: Vec<Partition>,
    reading: BTreeMap<Partition, Reading>,
    /// The partition that was delivered last: the next one's turn is first.
    last: Partition,
}

struct Reading {
    fetched: Fetched,
    next: Offset,
}

impl KafkaSubscription {
    pub(crate) async fn join(lookup: &Arc<Lookup>, topic: Topic, group: &str) -> Result<Self, KafkaError> {
        let brokers: &Arc<Brokers> = &lookup.brokers;
        let name = brokers.config.topic(topic);
        // Before the group gives it any partition, so that none waits for its first read.
        let fetcher = Fetcher::open(brokers, name.clone()).await?;
        Ok(Self {
            lookup: lookup.clone(),
            topic,
            member: Member::join(brokers, group, name)?,
            fetcher,
            woken: Arc::new(Notify::new()),
            starting: Vec::new(),
            reading: BTreeMap::new(),
            last: Partition(0),
        })
    }

    fn take_in(&mut self, event: GroupEvent) -> Result<(), KafkaError> {
        let gone = match event {
            GroupEvent::Assigned(partitions) => {
                self.starting.extend(partitions);
                return Ok(());
            }
            GroupEvent::Revoked(partitions) | GroupEvent::Lost(partitions) => partitions,
        };
        self.starting.retain(|partition| !gone.contains(partition));
        self.reading.retain(|partition, _| !gone.contains(partition));
        self.member.release(&gone)
    }

    /// Begins to read what was assigned, at the group's positions; at the start of the log where there is none.
    async fn start(&mut self) -> Result<(), KafkaError> {
        let positions = self.member.positions(&self.starting).await?;
        for (partition, position) in self.starting.clone().into_iter().zip(positions) {
            let next = match position {
                Some(offset) => Offset(offset),
                None => self.lookup.bounds(self.topic, partition).await?.start,
            };
            let fetched = self.fetcher.partition(partition, self.woken.clone());
            self.reading.insert(partition, Reading { fetched, next });
            self.starting.retain(|starting| *starting != partition);
        }
        Ok(())
    }

    /// What has arrived, of the partitions in turn.
    fn arrived(&mut self) -> Result<Option<Delivery>, KafkaError> {
        let last = self.last;
        let (before, after): (Vec<_>, Vec<_>) = self.reading.keys().copied().partition(|p| *p <= last);
        for partition in after.into_iter().chain(before) {
            let Some(reading) = self.reading.get_mut(&partition) else { continue };
            if let Some(batch) = reading.fetched.read_now(reading.next, LIMIT)? {
                reading.next = batch.next;
                self.last = partition;
                return Ok(Some(Delivery { partition, batch }));
            }
        }
        Ok(None)
    }
}

#[async_trait]
impl Subscription for KafkaSubscription {
    async fn next(&mut self) -> Result<Delivery, PortError> {
        loop {
            if !self.starting.is_empty() {
                self.start().await?;
            }
            let woken = self.woken.clone();
            let woken = woken.notified();
            if let Some(delivery) = self.arrived()? {
                return Ok(delivery);
            }
            let event = tokio::select! {
                biased;
                event = self.member.next() => Some(event?),
                () = woken => None,
            };
            if let Some(event) = event {
                self.take_in(event)?;
            }
        }
    }

    async fn acknowledge(&mut self, partition: Partition, next: Offset) -> Result<(), PortError> {
        Ok(self.member.commit(partition, next.0).await?)
    }
}
