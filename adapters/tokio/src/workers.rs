//! The workers of one member of the group.

use std::collections::{BTreeMap, BTreeSet};
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use logistics_core::observe::Observers;
use logistics_core::port::{Membership, OwnerStore};
use logistics_core::processor::Settings;
use logistics_core::{Partition, Timestamp};
use logistics_layers::{Layer, TimeLimit};
use tokio::sync::watch;
use tokio::task::{AbortHandle, Id, JoinSet};
use tokio::time::{Instant, timeout_at};
use tracing::{error, warn};

use crate::calls::Ports;
use crate::health::Board;
use crate::options::ProcessorsOptions;
use crate::worker::{Instruction, Time, Worker};

/// One task for each partition. Dropping this drops them all at once.
pub(crate) struct Workers {
    tasks: JoinSet<()>,
    running: BTreeMap<Partition, Running>,
    board: Arc<Board>,
    store: Arc<dyn OwnerStore>,
    time: Time,
    settings: Settings,
    observers: Observers,
}

struct Running {
    instructions: watch::Sender<Instruction>,
    task: AbortHandle,
}

impl Workers {
    pub(crate) fn new(
        board: Arc<Board>,
        store: Arc<dyn OwnerStore>,
        time: Time,
        settings: Settings,
        options: &ProcessorsOptions,
    ) -> Self {
        let (tasks, running) = (JoinSet::new(), BTreeMap::new());
        let store = TimeLimit::new(options.call_timeout_ms).over(store);
        let observers = options.observers.clone();
        Self { tasks, running, board, store, time, settings, observers }
    }

    pub(crate) fn start(&mut self, membership: &Arc<dyn Membership>, partition: Partition) {
        let board = self.board.add(partition, self.time.now().wall);
        let ports = Ports {
            partition,
            membership: membership.clone(),
            log: membership.log(partition),
            store: self.store.clone(),
        };
        let (sender, instructions) = watch::channel(Instruction::Run);
        let worker = Worker::new(
            ports,
            self.settings.clone(),
            self.time.clone(),
            board,
            self.observers.clone(),
            instructions,
        );
        let task = self.tasks.spawn(worker.run());
        self.running.insert(partition, Running { instructions: sender, task });
    }

    /// The partitions that have a worker.
    pub(crate) fn partitions(&self) -> BTreeSet<Partition> {
        self.running.keys().copied().collect()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.running.is_empty()
    }

    /// Instructs these to give their partitions up.
    pub(crate) fn stop(&self, partitions: &BTreeSet<Partition>, flush: bool) {
        for running in partitions.iter().filter_map(|partition| self.running.get(partition)) {
            running.instructions.send_replace(Instruction::Stop { flush });
        }
    }

    /// Waits until one of them has given its partition up. Can be cancelled.
    pub(crate) async fn ended(&mut self) {
        match self.tasks.join_next_with_id().await {
            Some(Ok((id, ()))) => self.forget(id),
            Some(Err(error)) => {
                if error.is_panic() {
                    error!(%error, "a worker ended by a panic that it did not catch");
                }
                self.forget(error.id());
            }
            None => pending().await,
        }
    }

    /// Waits until these have given their partitions up, until then at most; then drops those that have not, and names
    /// them.
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

    /// Drops these at once: nothing of them runs on, except store writes, which the store refuses once another owner has
    /// written. Names those that there were.
    pub(crate) fn drop_at_once(&mut self, partitions: &BTreeSet<Partition>) -> Vec<Partition> {
        let mut dropped = Vec::new();
        for partition in partitions {
            if let Some(running) = self.running.remove(partition) {
                running.task.abort();
                self.board.remove(*partition);
                dropped.push(*partition);
            }
        }
        if !dropped.is_empty() {
            warn!(partitions = ?dropped, "dropped before they were finished; the next owner recovers from the log");
        }
        dropped
    }

    /// Drops all of them and waits until they are gone, for so long at most.
    pub(crate) async fn drop_all(&mut self, within: Duration) {
        let all = self.partitions();
        self.drop_at_once(&all);
        let gone =
            timeout_at(Instant::now() + within, async { while self.tasks.join_next().await.is_some() {} });
        if gone.await.is_err() {
            error!("a worker is stuck in a call that never yields; going on without it");
        }
    }

    /// The wall clock.
    pub(crate) fn now(&self) -> Timestamp {
        self.time.now().wall
    }

    fn forget(&mut self, task: Id) {
        let ended = self.running.iter().find(|(_, running)| running.task.id() == task);
        // Not there: it was dropped, and another may run for the partition by now.
        if let Some(partition) = ended.map(|(partition, _)| *partition) {
            self.running.remove(&partition);
            self.board.remove(partition);
        }
    }
}
