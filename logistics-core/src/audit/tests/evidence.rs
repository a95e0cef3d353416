//! What an honest system leaves behind, to be audited as it is or broken on purpose first.

use std::collections::BTreeMap;

use async_trait::async_trait;
use bytes::Bytes;

use super::super::{Audit, Expect, Report, Violation};
use crate::decide::{Decision, decide, decide_due};
use crate::fact::Fact;
use crate::ids::{Offset, OrderId, Partition, RequestId, Timestamp};
use crate::lifecycle::{Actor, Status};
use crate::notify::Notification;
use crate::order::{Order, evolve};
use crate::outcome::{Outcome, OutcomeKind, RequestOutcome};
use crate::partitioner::partition_of;
use crate::policy::Policy;
use crate::port::{
    Batch, Bounds, ClearOutcome, Cursor, DocumentLookup, EventBus, ListQuery, Loaded, LogRecord, Membership,
    OrderReader, OwnerStore, Page, PortError, PortErrorKind, ReadLimit, Recovery, StartAt, StatusSummary,
    StoreCheckpoint, StoreWrite, Subscription, Tail, Token, Topic, WriteOutcome,
};
use crate::request::{Command, Placement, Request};
use crate::wire;

pub(super) const PARTITIONS: u32 = 3;

/// A log with records and invisible markers.
#[derive(Debug, Clone, Default)]
pub(super) struct Log {
    pub(super) records: Vec<LogRecord>,
    pub(super) end: u64,
}

impl Log {
    fn push(&mut self, order_id: Option<&OrderId>, payload: Bytes, at: Timestamp) -> Offset {
        let offset = Offset(self.end);
        let key = order_id.map(OrderId::to_key);
        self.records.push(LogRecord { offset, key, payload, headers: Vec::new(), at });
        self.end += 1;
        offset
    }
}

#[derive(Debug, Clone, Default)]
pub(super) struct Evidence {
    pub(super) orders: Vec<Log>,
    pub(super) notifications: Vec<Log>,
    pub(super) recoveries: Vec<Recovery>,
    pub(super) documents: BTreeMap<Status, Vec<Bytes>>,
}

/// An honest system in one thread.
pub(super) struct HonestSystem {
    evidence: Evidence,
    state: BTreeMap<OrderId, Order>,
    now: Timestamp,
    policy: Policy,
    requests: u32,
}

pub(super) fn id(name: &str) -> OrderId {
    OrderId::parse(name).unwrap()
}

pub(super) fn home(name: &str) -> usize {
    partition_of(&id(name), PARTITIONS).0 as usize
}

impl HonestSystem {
    pub(super) fn new(policy: Policy) -> Self {
        let logs = vec![Log::default(); PARTITIONS as usize];
        let evidence = Evidence { orders: logs.clone(), notifications: logs, ..Evidence::default() };
        let now = Timestamp::from_millis(1_764_000_000_000);
        Self { evidence, state: BTreeMap::new(), now, policy, requests: 0 }
    }

    pub(super) fn place(&mut self, name: &str) {
        self.ask(name, Actor::Customer, Command::Place(Placement::default()));
    }

    pub(super) fn ask(&mut self, name: &str, actor: Actor, command: Command) {
        let request = self.request(name, actor, command);
        self.input(home(name), &request);
        self.answer(&request);
    }

    pub(super) fn request(&mut self, name: &str, actor: Actor, command: Command) -> Request {
        self.requests += 1;
        Request {
            id: RequestId::parse(&format!("r{}", self.requests)).unwrap(),
            order_id: id(name),
            actor,
            by: None,
            party: None,
            command,
            expected_version: None,
            reason: None,
            awaited: false,
            trace: None,
            at: self.now,
        }
    }

    pub(super) fn input(&mut self, partition: usize, request: &Request) -> Offset {
        self.evidence.orders[partition].push(Some(&request.order_id), wire::encode_request(request), self.now)
    }

    pub(super) fn garbage(&mut self, partition: usize) {
        let offset =
            self.evidence.orders[partition].push(None, Bytes::from_static(b"\xff no JSON"), self.now);
        let result = OutcomeKind::DeadLettered { reason: "no JSON".to_owned() };
        self.outcome(partition, Outcome { offset, order_id: None, request: None, result });
    }

    /// A record in the partition of this order that claims to be an owner's, and its dead letter if there is one.
    pub(super) fn forged(&mut self, name: &str, payload: Bytes, answered: bool) {
        let partition = home(name);
        let offset = self.evidence.orders[partition].push(Some(&id(name)), payload, self.now);
        if answered {
            let result = OutcomeKind::DeadLettered { reason: "no owner wrote it".to_owned() };
            self.outcome(partition, Outcome { offset, order_id: None, request: None, result });
        }
    }

    /// The record of the order's latest fact.
    pub(super) fn last_fact(&self, name: &str) -> Bytes {
        let records = self.evidence.orders[home(name)].records.iter().rev();
        let facts = records.filter(|record| {
            let decoded = wire::decode(record, Partition(0));
            matches!(decoded, Ok(wire::Record::Fact(fact)) if fact.order_id == id(name))
        });
        facts.map(|record| record.payload.clone()).next().expect("the order has a fact")
    }

    pub(super) fn misplaced(&mut self, name: &str, partition: usize) {
        assert_ne!(home(name), partition);
        let request = self.request(name, Actor::Customer, Command::Place(Placement::default()));
        let offset = self.input(partition, &request);
        let (order_id, to) = (Some(request.order_id.clone()), Partition(u32::try_from(home(name)).unwrap()));
        let result = OutcomeKind::Forwarded { to };
        self.outcome(partition, Outcome { offset, order_id, request: Some(request.id.clone()), result });
        self.input(home(name), &request);
        self.answer(&request);
    }

    /// Decides the request that stands last in its order's partition.
    pub(super) fn answer(&mut self, request: &Request) {
        let partition = home(request.order_id.as_str());
        let offset = self.evidence.orders[partition].records.last().unwrap().offset;
        let order = self.state.get(&request.order_id);
        let result = match decide(order, request, offset, self.now, &self.policy) {
            Decision::Fact(fact) => return self.fact(&fact),
            Decision::Unchanged => {
                let order = order.unwrap();
                OutcomeKind::Unchanged { version: order.version, status: order.status }
            }
            Decision::Rejected(rejection) => OutcomeKind::Rejected(rejection),
        };
        let (order_id, request) = (Some(request.order_id.clone()), Some(request.id.clone()));
        self.outcome(partition, Outcome { offset, order_id, request, result });
    }

    fn fact(&mut self, fact: &Fact) {
        let id = &fact.order_id;
        let partition = home(id.as_str());
        self.evidence.orders[partition].push(Some(id), wire::encode_fact(fact), self.now);
        let order = evolve(self.state.remove(id), fact).unwrap();
        let notification = wire::encode_notification(&Notification::of(fact, &order));
        self.evidence.notifications[partition].push(Some(id), notification, self.now);
        self.state.insert(id.clone(), order);
    }

    pub(super) fn outcome(&mut self, partition: usize, outcome: Outcome) {
        let payload = wire::encode_outcome(&outcome, Partition(u32::try_from(partition).unwrap()), self.now);
        self.evidence.orders[partition].push(outcome.order_id.as_ref(), payload, self.now);
    }

    /// Lets time pass, and everything happen that is due by then.
    pub(super) fn pass(&mut self, millis: u64) {
        self.now = self.now.after_millis(millis);
        for name in self.state.keys().cloned().collect::<Vec<_>>() {
            let next = Offset(self.evidence.orders[home(name.as_str())].end);
            while let Some(fact) = decide_due(&self.state[&name], next, self.now, &self.policy) {
                self.fact(&fact);
            }
        }
    }

    /// What is there at rest, with markers behind the last records.
    pub(super) fn evidence(&self) -> Evidence {
        let mut evidence = self.evidence.clone();
        for log in evidence.orders.iter_mut().chain(&mut evidence.notifications) {
            log.end += 2;
        }
        for partition in 0..PARTITIONS {
            let token = Token { acquisition: 7, sequence: 1 };
            let offset = Offset(evidence.orders[partition as usize].end);
            let checkpoint = Some(StoreCheckpoint { offset, answered: offset, token, basis: None });
            let here =
                self.state.values().filter(|order| home(order.order_id.as_str()) == partition as usize);
            let timers = here.filter_map(|order| Some((order.order_id.clone(), order.due()?))).collect();
            evidence.recoveries.push(Recovery { checkpoint, timers, now: None });
        }
        let mut orders: Vec<&Order> = self.state.values().collect();
        orders.sort_by_key(|order| std::cmp::Reverse((order.updated_at, &order.order_id)));
        for order in orders {
            evidence.documents.entry(order.status).or_default().push(Bytes::from(order.to_document()));
        }
        evidence
    }
}

impl Evidence {
    pub(super) fn audit(&self, expect: Expect) -> Result<Report, Violation> {
        let mut audit = Audit::new(PARTITIONS, expect);
        let partitions = || (0..PARTITIONS).map(|n| (Partition(n), n as usize));
        for (partition, n) in partitions() {
            audit.recovery(partition, &self.recoveries[n])?;
        }
        for (status, documents) in &self.documents {
            for document in documents {
                audit.document(*status, document)?;
            }
        }
        for (partition, n) in partitions() {
            for record in &self.notifications[n].records {
                audit.notification_record(partition, record)?;
            }
            audit.bounds_of_orders(partition, Offset(0), Offset(self.orders[n].end))?;
            for record in &self.orders[n].records {
                audit.order_record(partition, record)?;
            }
        }
        audit.finish()
    }

    /// Removes the last record from the log of an order and renumbers nothing: offsets may have gaps.
    pub(super) fn drop_last(log: &mut Log) {
        log.records.pop().unwrap();
    }

    pub(super) fn copy_last(log: &mut Log) {
        let mut record = log.records.last().unwrap().clone();
        record.offset = Offset(log.end);
        log.end += 1;
        log.records.push(record);
    }

    /// Changes a text in a payload of the log.
    pub(super) fn rewrite(log: &mut Log, index: usize, from: &str, to: &str) {
        let text = String::from_utf8(log.records[index].payload.to_vec()).unwrap();
        assert!(text.contains(from), "{text}");
        log.records[index].payload = Bytes::from(text.replacen(from, to, 1));
    }

    pub(super) fn document_mut(&mut self, name: &str) -> &mut Bytes {
        let named = |document: &Bytes| Order::from_document(document).unwrap().order_id == id(name);
        self.documents.values_mut().flatten().find(|document| named(document)).unwrap()
    }
}

fn refused<T>() -> Result<T, PortError> {
    Err(PortError::new(PortErrorKind::Refused, "an audit only looks"))
}

#[async_trait]
impl EventBus for Evidence {
    fn partitions(&self) -> u32 {
        PARTITIONS
    }

    async fn append(&self, _: &OrderId, _: Bytes) -> Result<Offset, PortError> {
        refused()
    }

    async fn publish(&self, _: Topic, _: Partition, _: Bytes, _: Bytes) -> Result<Offset, PortError> {
        refused()
    }

    async fn join(&self) -> Result<Box<dyn Membership>, PortError> {
        refused()
    }

    async fn subscribe(&self, _: Topic, _: &str, _: StartAt) -> Result<Box<dyn Subscription>, PortError> {
        refused()
    }

    async fn tail(
        &self,
        topic: Topic,
        partition: Partition,
        from: Offset,
    ) -> Result<Box<dyn Tail>, PortError> {
        let logs = if topic == Topic::Orders { &self.orders } else { &self.notifications };
        Ok(Box::new(EvidenceTail { log: logs[partition.0 as usize].clone(), next: from }))
    }

    async fn bounds(&self, topic: Topic, partition: Partition) -> Result<Bounds, PortError> {
        let logs = if topic == Topic::Orders { &self.orders } else { &self.notifications };
        Ok(Bounds { start: Offset(0), end: Offset(logs[partition.0 as usize].end) })
    }
}

struct EvidenceTail {
    log: Log,
    next: Offset,
}

#[async_trait]
impl Tail for EvidenceTail {
    async fn next(&mut self, _: ReadLimit) -> Result<Batch, PortError> {
        if self.next >= Offset(self.log.end) {
            std::future::pending::<()>().await;
        }
        // A few at a time, so that several reads are needed.
        let rest: Vec<_> =
            self.log.records.iter().filter(|record| record.offset >= self.next).cloned().collect();
        let records: Vec<_> = rest.iter().take(3).cloned().collect();
        self.next =
            if rest.len() <= 3 { Offset(self.log.end) } else { records.last().unwrap().offset.next() };
        Ok(Batch { records, next: self.next })
    }
}

#[async_trait]
impl OwnerStore for Evidence {
    async fn recover(&self, partition: Partition) -> Result<Recovery, PortError> {
        Ok(self.recoveries[partition.0 as usize].clone())
    }

    async fn load(&self, _: Partition, _: &[OrderId]) -> Result<Loaded, PortError> {
        refused()
    }

    async fn write(&self, _: StoreWrite) -> Result<WriteOutcome, PortError> {
        refused()
    }

    async fn clear(&self, _: Partition, _: Token) -> Result<ClearOutcome, PortError> {
        refused()
    }
}

#[async_trait]
impl OrderReader for Evidence {
    async fn document(&self, _: &OrderId) -> Result<DocumentLookup, PortError> {
        refused()
    }

    async fn checkpoint(&self, partition: Partition) -> Result<Option<StoreCheckpoint>, PortError> {
        Ok(self.recoveries[partition.0 as usize].checkpoint.clone())
    }

    async fn list(&self, query: &ListQuery) -> Result<Page, PortError> {
        let all = self.documents.get(&query.status.unwrap()).cloned().unwrap_or_default();
        let cursor = |document: &Bytes| {
            let Order { status, updated_at, order_id, .. } = Order::from_document(document).unwrap();
            Cursor { status, changed_at: updated_at, order_id, party: None }
        };
        let begin = query
            .after
            .as_ref()
            .map_or(0, |after| 1 + all.iter().position(|document| cursor(document) == *after).unwrap());
        let end = (begin + 2).min(all.len());
        let next = (end < all.len()).then(|| cursor(&all[end - 1]));
        Ok(Page { documents: all[begin..end].to_vec(), next })
    }

    async fn summary(&self) -> Result<Vec<StatusSummary>, PortError> {
        refused()
    }

    async fn outcome(&self, _: &OrderId, _: &RequestId) -> Result<RequestOutcome, PortError> {
        refused()
    }
}
