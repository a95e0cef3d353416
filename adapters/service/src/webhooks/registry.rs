//! The endpoints of all partitions, as this process has read them.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use logistics_core::health::PartHealth;
use logistics_core::port::{Bounds, LogRecord, Topic};
use logistics_core::webhook::{Endpoint, EndpointFact, EndpointId, EndpointOwner, Endpoints, FactIgnored};
use logistics_core::wire::{self, LogKeys, RecordError};
use logistics_core::{Offset, Partition};
use tokio::sync::watch;

use super::options::WebhookOptions;
use super::reader::TopicFold;
use super::sealing::SealingKeys;

/// Latest folded facts of a partition whose result is kept for their writers.
const RESULTS_KEPT: usize = 1024;

/// The endpoint after a fact, or why the fact changed nothing.
type Folded = Result<Arc<Endpoint>, FactIgnored>;

pub(crate) struct Registry {
    sealing_keys: Option<SealingKeys>,
    log_keys: Option<LogKeys>,
    endpoints: RwLock<Endpoints>,
    partitions: Vec<PartitionState>,
}

struct PartitionState {
    progress: watch::Sender<Progress>,
    results: Mutex<VecDeque<(Offset, Folded)>>,
}

#[derive(Debug, Clone, Default)]
struct Progress {
    /// Every fact before it is folded.
    next: Offset,
    /// The facts up to the log's end at the start are folded.
    caught_up: bool,
    /// Why the reader has stopped for good.
    halted: Option<Arc<str>>,
}

impl Registry {
    pub(crate) fn new(partitions: u32, options: &WebhookOptions) -> Self {
        let partition = |_| PartitionState {
            progress: watch::Sender::new(Progress::default()),
            results: Mutex::default(),
        };
        Self {
            sealing_keys: options.sealing_keys.clone(),
            log_keys: options.log_keys.clone(),
            endpoints: RwLock::default(),
            partitions: (0..partitions).map(partition).collect(),
        }
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.partitions.iter().all(|partition| {
            let progress = partition.progress.borrow();
            progress.caught_up && progress.halted.is_none()
        })
    }

    /// Waits until every reader has caught up or halted.
    pub(crate) async fn caught_up(&self) {
        for partition in &self.partitions {
            let is_done = |progress: &Progress| progress.caught_up || progress.halted.is_some();
            // The sender is a field of the registry.
            let _ = partition.progress.subscribe().wait_for(is_done).await;
        }
    }

    pub(crate) fn health(&self) -> PartHealth {
        let progress = self.partitions.iter().map(|partition| partition.progress.borrow().clone());
        let (mut reading, mut halted) = (0_usize, None);
        for progress in progress {
            reading += usize::from(!progress.caught_up);
            halted = halted.or(progress.halted);
        }
        let detail = match (&halted, reading) {
            (Some(why), _) => why.to_string(),
            (None, 0) => format!("{} endpoints", self.read(Endpoints::count)),
            (None, reading) => format!("reading {reading} partitions of {}", Topic::Endpoints.name()),
        };
        PartHealth { name: "webhooks".to_owned(), ready: self.is_ready(), detail }
    }

    /// The endpoint, also a deleted one.
    pub(crate) fn endpoint(&self, id: &EndpointId) -> Option<Arc<Endpoint>> {
        self.read(|endpoints| endpoints.get(id).cloned())
    }

    /// The endpoints of these owners that are not deleted; `None`: of all owners.
    pub(crate) fn endpoints_of(&self, owners: Option<&[EndpointOwner]>) -> Vec<Arc<Endpoint>> {
        self.read(|endpoints| {
            let own = |endpoint: &&Arc<Endpoint>| owners.is_none_or(|own| own.contains(&endpoint.owner));
            endpoints.iter().filter(own).cloned().collect()
        })
    }

    /// The numbers of all endpoints, and of those of this owner.
    pub(crate) fn counts(&self, owner: &EndpointOwner) -> (usize, usize) {
        self.read(|endpoints| (endpoints.count(), endpoints.count_of(owner)))
    }

    /// Waits until the fact at this offset is folded. `None` if the reader has halted before, or the result is no longer kept.
    pub(crate) async fn folded(&self, partition: Partition, offset: Offset) -> Option<Folded> {
        let state = self.partitions.get(partition.0 as usize)?;
        let mut progress = state.progress.subscribe();
        let reached = |progress: &Progress| progress.next > offset || progress.halted.is_some();
        progress.wait_for(reached).await.ok()?;
        let results = lock(&state.results);
        results.iter().rev().find(|(at, _)| *at == offset).map(|(_, folded)| folded.clone())
    }

    fn fold_fact(&self, partition: Partition, offset: Offset, mut fact: EndpointFact) {
        if let Some(keys) = &self.sealing_keys {
            keys.open(&mut fact);
        }
        if fact.change.secret_mut().is_some_and(|secret| secret.open().is_none()) {
            let endpoint_id = fact.endpoint_id.as_str();
            tracing::error!(%partition, %offset, endpoint_id, "the secret of a webhook endpoint is sealed with another key");
        }
        let mut endpoints = self.endpoints.write().unwrap_or_else(PoisonError::into_inner);
        let folded = endpoints.fold(&fact, partition, self.count_of_partitions());
        if let Err(ignored) = &folded {
            let endpoint_id = fact.endpoint_id.as_str();
            tracing::info!(%partition, %offset, endpoint_id, %ignored, "a fact about a webhook endpoint was ignored");
        }
        drop(endpoints);
        if let Some(state) = self.partitions.get(partition.0 as usize) {
            let mut results = lock(&state.results);
            if results.len() >= RESULTS_KEPT {
                results.pop_front();
            }
            results.push_back((offset, folded));
        }
    }

    fn count_of_partitions(&self) -> u32 {
        u32::try_from(self.partitions.len()).unwrap_or(u32::MAX)
    }

    fn change_progress(&self, partition: Partition, change: impl FnOnce(&mut Progress)) {
        if let Some(state) = self.partitions.get(partition.0 as usize) {
            state.progress.send_modify(change);
        }
    }

    fn read<T>(&self, read: impl FnOnce(&Endpoints) -> T) -> T {
        read(&self.endpoints.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl TopicFold for Registry {
    const TOPIC: Topic = Topic::Endpoints;

    fn start(&self, partition: Partition, bounds: Bounds, next: Option<Offset>) -> Offset {
        let next = next.unwrap_or_default();
        // Finite retention loses endpoints. Reading goes on with what is left.
        if next < bounds.start {
            tracing::error!(%partition, start = %bounds.start, "the log has lost facts about webhook endpoints");
        }
        next.max(bounds.start)
    }

    /// An invalid record changes nothing and is reported. At a record of a newer release, the reader halts.
    fn fold(&self, partition: Partition, record: &LogRecord) -> ControlFlow<()> {
        let offset = record.offset;
        match wire::decode_signed_endpoint_fact(&record.payload, partition, self.log_keys.as_ref()) {
            Ok(fact) => self.fold_fact(partition, offset, fact),
            Err(error @ RecordError::NewerVersion(_)) => {
                let topic = Topic::Endpoints.name();
                let why = format!("{topic} {partition}, offset {offset}: {error}; run that release");
                tracing::error!(%partition, why, "the webhook endpoints of a partition are read no further");
                self.change_progress(partition, |progress| progress.halted = Some(why.into()));
                return ControlFlow::Break(());
            }
            Err(error) => {
                tracing::warn!(%partition, %offset, %error, "an invalid fact about a webhook endpoint was ignored");
            }
        }
        ControlFlow::Continue(())
    }

    fn progressed(&self, partition: Partition, next: Offset, caught_up: bool) {
        self.change_progress(partition, |progress| {
            progress.next = next;
            progress.caught_up |= caught_up;
        });
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
