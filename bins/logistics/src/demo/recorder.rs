//! Records the facts in the log and the notifications, and shows each notification after its fact.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::TryStreamExt;
use logistics_core::notify::Notification;
use logistics_core::port::{EventBus, EventBusExt, Notifier, NotifyError, ReadLimit, Topic};
use logistics_core::wire::{self, Record};
use logistics_core::{Actor, Change, Fact, Offset, OrderId, Partition, Status, Version};
use tokio::sync::watch;

use super::orders::DemoOrder;
use super::view::{Row, View};
use crate::client::api::Rejection;
use logistics_cli_kit::Failure;

/// The size of one read.
const READ: ReadLimit = ReadLimit { records: 256, bytes: 1024 * 1024 };

/// Records observations and shows them.
pub(super) struct Recorder {
    pub(super) view: View,
    demo_orders: &'static [DemoOrder],
    observed: watch::Sender<Observed>,
}

/// The observations so far.
#[derive(Default)]
pub(super) struct Observed {
    orders: BTreeMap<OrderId, Trace>,
    pub(super) rejections: usize,
}

/// The observations of one order.
#[derive(Default)]
pub(super) struct Trace {
    /// The index of the example order.
    demo_order: Option<usize>,
    /// Its facts.
    pub(super) steps: Vec<(Version, Status)>,
    /// The delivered notifications.
    pub(super) notified: BTreeSet<(Version, Status)>,
    /// Notifications of facts that were not read yet.
    held: Vec<Notification>,
}

impl Observed {
    pub(super) fn trace(&self, order_id: &OrderId) -> Option<&Trace> {
        self.orders.get(order_id)
    }

    fn has(&self, order_id: &OrderId, version: Version) -> bool {
        self.trace(order_id).and_then(|trace| trace.steps.last()).is_some_and(|last| last.0 >= version)
    }
}

impl Recorder {
    pub(super) fn new(demo_orders: &'static [DemoOrder], view: View) -> Self {
        Self { view, demo_orders, observed: watch::Sender::default() }
    }

    /// Waits until the fact of this version was read.
    pub(super) async fn reached(&self, order_id: &OrderId, version: Version) {
        self.until(|observed| observed.has(order_id, version)).await;
    }

    /// Waits until the observations meet the condition.
    pub(super) async fn until(&self, is_so: impl FnMut(&Observed) -> bool) {
        // Fails only without a sender, and `self` holds the sender.
        let _ = self.observed.subscribe().wait_for(is_so).await.map(drop);
    }

    pub(super) fn look<R>(&self, look: impl FnOnce(&Observed) -> R) -> R {
        look(&self.observed.borrow())
    }

    /// Records and shows a rejected request.
    pub(super) fn rejected(&self, order_id: &OrderId, actor: Actor, to: Status, rejection: &Rejection) {
        self.observed.send_modify(|observed| {
            observed.rejections += 1;
            let demo_order = observed.trace(order_id).and_then(|trace| trace.demo_order);
            self.view.rejected(&self.row(demo_order, order_id), actor, to, rejection);
        });
    }

    /// Reads a partition of the log from its start until a failure.
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

    /// Records and shows a fact, then the notifications that were waiting for it.
    fn step(&self, fact: &Fact) {
        self.observed.send_modify(|observed| {
            let trace = observed.orders.entry(fact.order_id.clone()).or_default();
            if let Change::Placed(placement) = &fact.change {
                let customer = placement.customer_id.as_ref().map(|id| id.as_str());
                trace.demo_order =
                    self.demo_orders.iter().position(|demo_order| customer == Some(demo_order.customer));
            }
            let from = trace.steps.last().map(|(_, status)| *status);
            trace.steps.push((fact.version, fact.status));
            let row = self.row(trace.demo_order, &fact.order_id);
            self.view.step(&row, from, fact);
            let due = trace.held.extract_if(.., |notification| notification.version <= fact.version);
            due.for_each(|notification| self.view.notified(&row, &notification));
        });
    }

    /// Records a notification, and shows it once, after its fact.
    fn notified(&self, notification: &Notification) {
        self.observed.send_modify(|observed| {
            let shown = observed.has(&notification.order_id, notification.version);
            let trace = observed.orders.entry(notification.order_id.clone()).or_default();
            if !trace.notified.insert((notification.version, notification.status)) {
                return;
            }
            if shown {
                self.view.notified(&self.row(trace.demo_order, &notification.order_id), notification);
            } else {
                trace.held.push(notification.clone());
            }
        });
    }

    fn row(&self, demo_order: Option<usize>, order_id: &OrderId) -> Row {
        let title = demo_order
            .and_then(|demo_order| self.demo_orders.get(demo_order))
            .map(|demo_order| demo_order.title.to_owned());
        Row { demo_order, title: title.unwrap_or_else(|| order_id.to_string()) }
    }
}

/// A notifier that passes notifications to the recorder.
pub(super) struct RecordingNotifier(pub(super) Arc<Recorder>);

#[async_trait]
impl Notifier for RecordingNotifier {
    async fn notify(&self, notification: &Notification) -> Result<(), NotifyError> {
        self.0.notified(notification);
        Ok(())
    }
}
