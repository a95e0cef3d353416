//! The drivers of one member of the group.

use std::collections::{BTreeMap, BTreeSet};
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use logistics_core::observe::Observers;
use logistics_core::port::{Membership, OwnerStore};
use logistics_core::processor::Settings;
use logistics_core::{Partition, Timestamp};
use logistics_layers::Layer;
use tokio::sync::watch;
use tokio::task::{AbortHandle, Id, JoinSet};
use tokio::time::{Instant, timeout_at};
use tracing::{error, warn};

use crate::calls::Ports;
use crate::clock::ProcessorClock;
use crate::options::ProcessorsOptions;
use crate::processor_driver::{Instruction, ProcessorDriver};
use crate::processors_health::ProcessorsHealth;

/// One driver task for each partition. Dropping this drops all of them at once.
pub(crate) struct ProcessorDrivers {
    tasks: JoinSet<()>,
    running: BTreeMap<Partition, RunningDriver>,
    health: Arc<ProcessorsHealth>,
    store: Arc<dyn OwnerStore>,
    clock: ProcessorClock,
    settings: Settings,
    observers: Observers,
}

struct RunningDriver {
    instructions: watch::Sender<Instruction>,
    task: AbortHandle,
}

impl ProcessorDrivers {
    pub(crate) fn new(
        health: Arc<ProcessorsHealth>,
        store: Arc<dyn OwnerStore>,
        clock: ProcessorClock,
        settings: Settings,
        options: &ProcessorsOptions,
    ) -> Self {
        let (tasks, running) = (JoinSet::new(), BTreeMap::new());
        let store = options.layers().over(store);
        let observers = options.observers.clone();
        Self { tasks, running, health, store, clock, settings, observers }
    }

    pub(crate) fn start(&mut self, membership: &Arc<dyn Membership>, partition: Partition) {
        let health = self.health.add(partition, self.now());
        let ports = Ports {
            partition,
            membership: membership.clone(),
            log: membership.log(partition),
            store: self.store.clone(),
        };
        let (sender, instructions) = watch::channel(Instruction::Run);
        let driver = ProcessorDriver::new(
            ports,
            self.settings.clone(),
            self.clock.clone(),
            health,
            self.observers.clone(),
            instructions,
        );
        let task = self.tasks.spawn(driver.run());
        self.running.insert(partition, RunningDriver { instructions: sender, task });
    }

    /// The partitions that have a driver.
    pub(crate) fn partitions(&self) -> BTreeSet<Partition> {
        self.running.keys().copied().collect()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.running.is_empty()
    }

    /// Instructs the drivers of these partitions to release them.
    pub(crate) fn stop(&self, partitions: &BTreeSet<Partition>, flush: bool) {
        for driver in partitions.iter().filter_map(|partition| self.running.get(partition)) {
            driver.instructions.send_replace(Instruction::Stop { flush });
        }
    }

    /// Waits until one driver has ended. Can be cancelled.
    pub(crate) async fn ended(&mut self) {
        match self.tasks.join_next_with_id().await {
            Some(Ok((id, ()))) => self.forget(id),
            Some(Err(error)) => {
                if error.is_panic() {
                    error!(%error, "a driver ended with an uncaught panic");
                }
                self.forget(error.id());
            }
            None => pending().await,
        }
    }

    /// Waits until `until` at most for the drivers of these partitions to end. Drops the others, and returns their
    /// partitions.
    pub(crate) async fn wait(&mut self, partitions: &BTreeSet<Partition>, until: Instant) -> Vec<Partition> {
        let waited = timeout_at(until, async {
            while partitions.iter().any(|partition| self.running.contains_key(partition)) {
                self.ended().await;
            }
        });
        match waited.await {
            Ok(()) => Vec::new(),
            Err(_) => self.drop_at_once(partitions),
        }
    }

    /// Drops the drivers of these partitions at once, and returns the partitions that had one. Only their store writes
    /// finish, and the store rejects those once another owner has written.
    pub(crate) fn drop_at_once(&mut self, partitions: &BTreeSet<Partition>) -> Vec<Partition> {
        let mut dropped = Vec::new();
        for partition in partitions {
            if let Some(driver) = self.running.remove(partition) {
                driver.task.abort();
                self.health.remove(*partition);
                dropped.push(*partition);
            }
        }
        if !dropped.is_empty() {
            warn!(partitions = ?dropped, "partitions dropped with unfinished work; the next owner recovers from the log");
        }
        dropped
    }

    /// Drops all drivers and waits `within` at most until they are gone.
    pub(crate) async fn drop_all(&mut self, within: Duration) {
        let all = self.partitions();
        self.drop_at_once(&all);
        let gone =
            timeout_at(Instant::now() + within, async { while self.tasks.join_next().await.is_some() {} });
        if gone.await.is_err() {
            error!("a driver is stuck in a call that never yields; continuing without it");
        }
    }

    /// The wall clock.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now().wall
    }

    fn forget(&mut self, task: Id) {
        let ended = self.running.iter().find(|(_, driver)| driver.task.id() == task);
        // Without an entry, the driver was dropped, and a new one may run for the partition.
        if let Some(partition) = ended.map(|(partition, _)| *partition) {
            self.running.remove(&partition);
            self.health.remove(partition);
        }
    }
}
