//! What was seen to happen: the facts in the log and the notifications, in an order that people can follow.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::TryStreamExt;
use logistics_core::notify::Notification;
use logistics_core::port::{EventBus, EventBusExt, Notifier, NotifyError, ReadLimit, Topic};
use logistics_core::wire::{self, Record};
use logistics_core::{Actor, Change, Fact, Offset, OrderId, Partition, Status, Version};
use tokio::sync::watch;

use super::cast::Role;
use super::view::{Row, View};
use crate::client::api::Refusal;
use logistics_cli_kit::Failure;

/// Records that a reader takes at once.
const READ: ReadLimit = ReadLimit { records: 256, bytes: 1024 * 1024 };

/// Takes in what happens, and shows it.
pub(super) struct Stage {
    pub(super) view: View,
    roles: &'static [Role],
    seen: watch::Sender<Seen>,
}

/// What was seen so far.
#[derive(Default)]
pub(super) struct Seen {
    orders: BTreeMap<OrderId, Trace>,
    pub(super) refusals: usize,
}

/// What was seen of one order.
#[derive(Default)]
pub(super) struct Trace {
    /// Its place in the cast.
    role: Option<usize>,
    /// Its facts.
    pub(super) steps: Vec<(Version, Status)>,
    /// What people were told.
    pub(super) told: BTreeSet<(Version, Status)>,
    /// What people were told of facts that the log has not shown yet.
    held: Vec<Notification>,
}

impl Seen {
    pub(super) fn trace(&self, order_id: &OrderId) -> Option<&Trace> {
        self.orders.get(order_id)
    }

    fn has(&self, order_id: &OrderId, version: Version) -> bool {
        self.trace(order_id).and_then(|trace| trace.steps.last()).is_some_and(|last| last.0 >= version)
    }
}

impl Stage {
    pub(super) fn new(roles: &'static [Role], view: View) -> Self {
        Self { view, roles, seen: watch::Sender::default() }
    }

    /// Waits until the log has shown the fact of this version.
    pub(super) async fn reached(&self, order_id: &OrderId, version: Version) {
        self.until(|seen| seen.has(order_id, version)).await;
    }

    /// Waits until what was seen is as told.
    pub(super) async fn until(&self, is_so: impl FnMut(&Seen) -> bool) {
        // Only a sender that is gone fails this, and it is here.
        let _ = self.seen.subscribe().wait_for(is_so).await.map(drop);
    }

    pub(super) fn look<R>(&self, look: impl FnOnce(&Seen) -> R) -> R {
        look(&self.seen.borrow())
    }

    /// Shows a request that was refused.
    pub(super) fn refused(&self, order_id: &OrderId, actor: Actor, to: Status, refusal: &Refusal) {
        self.seen.send_modify(|seen| {
            seen.refusals += 1;
            let role = seen.trace(order_id).and_then(|trace| trace.role);
            self.view.refused(&self.row(role, order_id), actor, to, refusal);
        });
    }

    /// Reads a partition of the log from its start, for as long as nothing fails.
    pub(super) async fn follow(self: Arc<Self>, bus: Arc<dyn EventBus>, partition: Partition) -> Failure {
        match self.read(bus, partition).await {
            Ok(never) => match never {},
            Err(failure) => failure,
        }
    }

    async fn read(
        &self,
        bus: Arc<dyn EventBus>,
        partition: Partition,
    ) -> Result<std::convert::Infallible, Failure> {
        let failed =
            |error: &dyn std::fmt::Display| Failure::refused(format!("cannot read the log: {error}"));
        let mut records = bus.follow(Topic::Orders, partition, Offset(0), READ);
        while let Some(record) = records.try_next().await.map_err(|error| failed(&error))? {
            if let Record::Fact(fact) = wire::decode(&record, partition).map_err(|error| failed(&error))? {
                self.step(&fact);
            }
        }
        Err(failed(&"the log ended"))
    }

    /// Shows a fact, and what people were told of it already.
    fn step(&self, fact: &Fact) {
        self.seen.send_modify(|seen| {
            let trace = seen.orders.entry(fact.order_id.clone()).or_default();
            if let Change::Placed(placement) = &fact.change {
                let customer = placement.customer_id.as_ref().map(|id| id.as_str());
                trace.role = self.roles.iter().position(|role| customer == Some(role.customer));
            }
            let from = trace.steps.last().map(|(_, status)| *status);
            trace.steps.push((fact.version, fact.status));
            let row = self.row(trace.role, &fact.order_id);
            self.view.step(&row, from, fact);
            let due = trace.held.extract_if(.., |notification| notification.version <= fact.version);
            due.for_each(|notification| self.view.told(&row, &notification));
        });
    }

    /// Shows a notification once, behind its fact.
    fn told(&self, notification: &Notification) {
        self.seen.send_modify(|seen| {
            let shown = seen.has(&notification.order_id, notification.version);
            let trace = seen.orders.entry(notification.order_id.clone()).or_default();
            if !trace.told.insert((notification.version, notification.status)) {
                return;
            }
            if shown {
                self.view.told(&self.row(trace.role, &notification.order_id), notification);
            } else {
                trace.held.push(notification.clone());
            }
        });
    }

    fn row(&self, role: Option<usize>, order_id: &OrderId) -> Row {
        let title = role.and_then(|role| self.roles.get(role)).map(|role| role.title.to_owned());
        Row { role, title: title.unwrap_or_else(|| order_id.to_string()) }
    }
}

/// Tells the people who look at the demo.
pub(super) struct Announcer(pub(super) Arc<Stage>);

#[async_trait]
impl Notifier for Announcer {
    async fn notify(&self, notification: &Notification) -> Result<(), NotifyError> {
        self.0.told(notification);
        Ok(())
    }
}
