//! The endpoints of all partitions, as this process has read them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use futures::TryStreamExt;
use logistics_core::health::PartHealth;
use logistics_core::port::{EventBus, EventBusExt, LogRecord, PortError, ReadLimit, Topic};
use logistics_core::webhook::{Endpoint, EndpointId, EndpointOwner, Endpoints, FactIgnored};
use logistics_core::wire::{self, RecordError};
use logistics_core::{Backoff, Offset, Partition};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use super::outage::Outage;
use super::sealing::SealingKeys;

/// The limit of one read of a partition.
const READ: ReadLimit = ReadLimit { records: 1000, bytes: 1024 * 1024 };
/// Latest folded facts of a partition whose result is kept for their writers.
const RESULTS_KEPT: usize = 1024;
/// The wait before a failed read is repeated.
const RETRY: Backoff = Backoff { delay_ms_min: 100, delay_ms_max: 5_000, jitter_percent: 20 };

/// The endpoint after a fact, or why the fact changed nothing.
type Folded = Result<Arc<Endpoint>, FactIgnored>;

/// Why a reader stopped for good, or the end of a stream that has none.
enum Stopped {
    Failed(PortError),
    Halted(String),
}

pub(crate) struct Registry {
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
    pub(crate) fn new(partitions: u32) -> Self {
        let partition = |_| PartitionState {
            progress: watch::Sender::new(Progress::default()),
            results: Mutex::default(),
        };
        Self { endpoints: RwLock::default(), partitions: (0..partitions).map(partition).collect() }
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

    /// Folds one record. An invalid one changes nothing and is reported.
    ///
    /// # Errors
    /// The sentence with which the reader halts, for a record of a newer release.
    fn fold(
        &self,
        partition: Partition,
        record: &LogRecord,
        sealing_keys: Option<&SealingKeys>,
    ) -> Result<(), String> {
        let offset = record.offset;
        let mut fact = match wire::decode_endpoint_fact(&record.payload) {
            Ok(fact) => fact,
            Err(error @ RecordError::NewerVersion(_)) => {
                return Err(format!(
                    "{} {partition}, offset {offset}: {error}; run that release",
                    Topic::Endpoints.name()
                ));
            }
            Err(error) => {
                tracing::warn!(%partition, %offset, %error, "an invalid fact about a webhook endpoint was ignored");
                return Ok(());
            }
        };
        if let Some(keys) = sealing_keys {
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
        Ok(())
    }

    fn count_of_partitions(&self) -> u32 {
        u32::try_from(self.partitions.len()).unwrap_or(u32::MAX)
    }

    fn progressed(&self, partition: Partition, change: impl FnOnce(&mut Progress)) {
        if let Some(state) = self.partitions.get(partition.0 as usize) {
            state.progress.send_modify(change);
        }
    }

    fn read<T>(&self, read: impl FnOnce(&Endpoints) -> T) -> T {
        read(&self.endpoints.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Starts one reader for each partition.
pub(crate) fn start(
    registry: &Arc<Registry>,
    bus: &Arc<dyn EventBus>,
    sealing_keys: Option<SealingKeys>,
) -> Vec<AbortOnDropHandle<()>> {
    let outage = Arc::new(Outage::of(Topic::Endpoints));
    let reader = |partition| {
        let (keys, outage) = (sealing_keys.clone(), outage.clone());
        let reader = follow(registry.clone(), bus.clone(), Partition(partition), keys, outage);
        AbortOnDropHandle::new(tokio::spawn(reader))
    };
    (0..bus.partitions()).map(reader).collect()
}

/// Folds the facts of a partition, until a record of a newer release. Everything else is retried.
async fn follow(
    registry: Arc<Registry>,
    bus: Arc<dyn EventBus>,
    partition: Partition,
    sealing_keys: Option<SealingKeys>,
    outage: Arc<Outage>,
) {
    let (mut failures, mut next) = (0, Offset(0));
    loop {
        let before = next;
        match read(&registry, bus.as_ref(), partition, sealing_keys.as_ref(), &mut next).await {
            Stopped::Halted(why) => {
                tracing::error!(%partition, why, "the webhook endpoints of a partition are read no further");
                registry.progressed(partition, |progress| progress.halted = Some(why.into()));
                return;
            }
            Stopped::Failed(error) => {
                failures = if next > before { 0 } else { failures };
                let delay: Duration = RETRY.delay(failures, rand::random());
                failures = failures.saturating_add(1);
                outage.failed(partition, &error);
                tokio::time::sleep(delay).await;
            }
        }
    }
}

async fn read(
    registry: &Registry,
    bus: &dyn EventBus,
    partition: Partition,
    sealing_keys: Option<&SealingKeys>,
    next: &mut Offset,
) -> Stopped {
    let bounds = match bus.bounds(Topic::Endpoints, partition).await {
        Ok(bounds) => bounds,
        Err(error) => return Stopped::Failed(error),
    };
    // Finite retention loses endpoints. Reading goes on with what is left.
    if *next < bounds.start {
        tracing::error!(%partition, start = %bounds.start, "the log has lost facts about webhook endpoints");
        *next = bounds.start;
    }
    let progressed = |next: Offset| {
        registry.progressed(partition, |progress| {
            progress.next = next;
            progress.caught_up |= next >= bounds.end;
        });
    };
    progressed(*next);
    let mut batches = bus.follow_batches(Topic::Endpoints, partition, *next, READ);
    loop {
        match batches.try_next().await {
            Ok(Some(batch)) => {
                for record in &batch.records {
                    if let Err(why) = registry.fold(partition, record, sealing_keys) {
                        return Stopped::Halted(why);
                    }
                }
                *next = batch.next;
                progressed(*next);
            }
            Ok(None) => {
                let text = "the bus ended the read of a partition";
                let kind = logistics_core::port::PortErrorKind::Unavailable;
                return Stopped::Failed(PortError::new(kind, text));
            }
            Err(error) => return Stopped::Failed(error),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
