//! Queries for the transaction that hides records of a partition. librdkafka 2.12 has no call for them, so this module sends the
//! requests itself.

mod connection;
mod wire;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use logistics_core::{Partition, Timestamp};
use rdkafka::metadata::Metadata;

use crate::client::blocking;
use crate::group::member::as_client;
use crate::read::lookup::Lookup;
use connection::{Address, Connection};
use wire::{OpenProducer, Request};

/// The state of the transaction that hides records in a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum HidingTransaction {
    /// A transaction is open or ending.
    Open(OpenTransaction),
    /// The partition has an open transaction that its coordinator has ended or does not have: its end is lost.
    Lost,
    /// The partition has no open transaction.
    NoneOpen,
}

/// An open transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OpenTransaction {
    transactional_id: String,
    producer_id: i64,
    state: String,
    started_ms: i64,
    timeout_ms: i32,
}

impl fmt::Display for OpenTransaction {
    /// Escapes the id and the state, which come from another client and a broker.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { transactional_id, producer_id, state, started_ms, timeout_ms } = self;
        let (id, state) = (transactional_id.escape_default(), state.escape_default());
        write!(f, "the transaction of the producer \"{id}\" (producer id {producer_id}, state {state})")?;
        if *started_ms >= 0 {
            let begun = Timestamp::from_millis(*started_ms);
            let end = Timestamp::from_millis(started_ms.saturating_add((*timeout_ms).into()));
            write!(
                f,
                ", open since {begun}, which the brokers abort at {end} unless its producer ends it earlier"
            )?;
        }
        Ok(())
    }
}

/// Queries the partition's leader for open transactions, and the coordinators for the state of the first one.
///
/// # Errors
/// A text, if the brokers cannot be queried or do not answer.
pub(crate) async fn inquire(
    lookup: &Arc<Lookup>,
    topic: &str,
    partition: Partition,
) -> Result<HidingTransaction, String> {
    let config = &lookup.brokers.config;
    if config.security.tls.is_some() || config.security.sasl.is_some() {
        return Err("brokers with TLS or SASL are not queried".to_owned());
    }
    let (asked, name) = (lookup.clone(), topic.to_owned());
    let found = blocking(move || Ok(Addresses::of(&asked.metadata()?, &name, as_client(partition)))).await;
    let found = found.map_err(|error| error.to_string())?;
    let inquiry = Inquiry {
        topic,
        partition: as_client(partition),
        client_id: &config.client_id,
        limit: Duration::from_millis(config.timeout_ms.into()),
    };
    inquiry.run(found).await
}

/// The brokers to query.
struct Addresses {
    leader: Option<Address>,
    brokers: Vec<Address>,
}

impl Addresses {
    fn of(found: &Metadata, topic: &str, partition: i32) -> Self {
        let leader = || {
            let topic = found.topics().iter().find(|found| found.name() == topic)?;
            let partition = topic.partitions().iter().find(|found| found.id() == partition)?;
            let leader = found.brokers().iter().find(|broker| broker.id() == partition.leader())?;
            address(leader.host(), leader.port())
        };
        let brokers = found.brokers().iter();
        let brokers = brokers.filter_map(|broker| address(broker.host(), broker.port())).collect();
        Self { leader: leader(), brokers }
    }
}

struct Inquiry<'a> {
    topic: &'a str,
    partition: i32,
    client_id: &'a str,
    limit: Duration,
}

impl Inquiry<'_> {
    async fn run(&self, found: Addresses) -> Result<HidingTransaction, String> {
        let leader = found.leader.ok_or("the partition has no leader")?;
        let mut leader = self.connect(leader).await?;
        let Some(first) = self.first_open(&mut leader).await? else { return Ok(HidingTransaction::NoneOpen) };
        // Any broker may be the coordinator, also one that does not answer.
        let mut unanswered = None;
        for broker in found.brokers {
            match self.coordinated(broker, first).await {
                Ok(Some(open)) => return Ok(HidingTransaction::Open(open)),
                Ok(None) => {}
                Err(why) => unanswered = Some(why),
            }
        }
        if let Some(why) = unanswered {
            return Err(why);
        }
        // It may have ended in between: the end is written to the partitions before the coordinator deletes its entry.
        match self.first_open(&mut leader).await? {
            Some(still) if still == first => Ok(HidingTransaction::Lost),
            _ => Ok(HidingTransaction::NoneOpen),
        }
    }

    async fn connect(&self, address: Address) -> Result<Connection, String> {
        Connection::open(address, self.client_id, self.limit).await
    }

    async fn first_open(&self, leader: &mut Connection) -> Result<Option<OpenProducer>, String> {
        let open = leader.call(&Request::producers(self.topic, self.partition), wire::producers).await?;
        Ok(open.into_iter().min_by_key(|producer| producer.start))
    }

    /// The producer's transaction, where this broker coordinates it and it is still open in the partition.
    async fn coordinated(
        &self,
        address: Address,
        producer: OpenProducer,
    ) -> Result<Option<OpenTransaction>, String> {
        let mut broker = self.connect(address).await?;
        for id in broker.call(&Request::transactions(producer.id), wire::transactions).await? {
            let found = broker.call(&Request::transaction(&id), wire::transaction).await?;
            let Some(found) = found else { continue };
            let here = |(topic, partition): &(String, i32)| {
                (topic.as_str(), *partition) == (self.topic, self.partition)
            };
            // While a transaction ends, the coordinator no longer lists the partitions that have its end.
            let open = found.state.starts_with("Prepare")
                || (found.state == "Ongoing" && found.partitions.iter().any(here));
            if open {
                return Ok(Some(OpenTransaction {
                    transactional_id: id,
                    producer_id: producer.id,
                    state: found.state,
                    started_ms: found.started_ms,
                    timeout_ms: found.timeout_ms,
                }));
            }
        }
        Ok(None)
    }
}

fn address(host: &str, port: i32) -> Option<Address> {
    Some(Address { host: host.to_owned(), port: u16::try_from(port).ok()? })
}

#[cfg(test)]
mod tests;
