//! Following one subscription: a task for each partition that has records, and the group's positions behind what is done.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use logistics_core::port::{
    Delivery, PortError, PortErrorKind, ReadLimit, Subscription, SubscriptionEvent, Topic,
};
use logistics_core::{Offset, Partition};
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::backoff::Attempts;
use crate::delivery::Delivering;
use crate::failure::sentence;
use crate::partition_delivery::{Ended, PartitionDelivery};
use crate::tally::Call;

/// How following ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Over {
    /// The subscription is of no use any more.
    Failed,
    /// A drain ended it; `clean` where the group's position is behind everything that is done with.
    Drained { clean: bool },
}

/// Why following stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    Failed,
    Drain,
}

pub(crate) struct Following<'a> {
    delivering: &'a Delivering,
    subscription: Box<dyn Subscription>,
    limit: ReadLimit,
    partitions: BTreeMap<Partition, Reading>,
    /// Partitions whose records are under way: one delivery at a time bounds what is in memory.
    held: BTreeSet<Partition>,
    tasks: JoinSet<Ended>,
    /// The next time at which positions are acknowledged in the midst of deliveries, or again after a failure.
    acknowledge_at: Instant,
    acknowledging: Attempts,
    reading: &'a mut Attempts,
    /// After a failed read.
    resume_at: Option<Instant>,
    /// What was done with was another member's when it was to be acknowledged.
    refused: bool,
}

/// One partition of this member.
#[derive(Default)]
struct Reading {
    /// The offset behind everything that is done with, written by the task.
    done: Arc<AtomicU64>,
    /// The group's position, as far as this member moved it.
    acknowledged: u64,
    task: Option<Task>,
    /// It is revoked, and released at this time at the latest.
    leaving: Option<Instant>,
}

struct Task {
    id: Id,
    stop: CancellationToken,
    abort: AbortHandle,
}

impl Reading {
    fn done(&self) -> u64 {
        self.done.load(Ordering::Acquire)
    }

    fn is_acknowledged(&self) -> bool {
        self.done() == self.acknowledged
    }

    fn stop(&self) {
        if let Some(task) = &self.task {
            task.stop.cancel();
        }
    }

    /// Ends the task where it is: its record comes again.
    fn abort(&mut self) {
        if let Some(task) = self.task.take() {
            task.stop.cancel();
            task.abort.abort();
        }
    }
}

/// What ends a wait.
enum Woken {
    Drain,
    Ended(Result<(Id, Ended), JoinError>),
    Event(Result<SubscriptionEvent, PortError>),
    RevokeOverdue,
    Resume,
    Acknowledge,
}

impl<'a> Following<'a> {
    pub(crate) fn new(
        delivering: &'a Delivering,
        subscription: Box<dyn Subscription>,
        reading: &'a mut Attempts,
    ) -> Self {
        Self {
            subscription,
            limit: delivering.options.delivery_limit(delivering.bus.partitions()),
            partitions: BTreeMap::new(),
            held: BTreeSet::new(),
            tasks: JoinSet::new(),
            acknowledge_at: Instant::now() + delivering.options.acknowledge(),
            acknowledging: Attempts::new(delivering.options.subscribe_backoff),
            reading,
            resume_at: None,
            refused: false,
            delivering,
        }
    }

    pub(crate) async fn run(mut self) -> Over {
        let stop = loop {
            if let Some(stop) = self.step().await {
                break stop;
            }
        };
        let over = match stop {
            Stop::Drain => Over::Drained { clean: self.settle().await },
            Stop::Failed => {
                // What cannot be acknowledged in time comes again.
                let _ = timeout(self.delivering.options.revoke(), self.settle()).await;
                Over::Failed
            }
        };
        self.delivering.tally.forget_partitions();
        over
    }

    async fn step(&mut self) -> Option<Stop> {
        self.release_ready().await;
        // A log that always has records must not keep positions from being acknowledged.
        if self.acknowledge_at <= Instant::now()
            && let Some(stop) = self.acknowledge().await
        {
            return Some(stop);
        }
        let (overdue, acknowledge) = (self.revoke_deadline(), self.acknowledge_due());
        let resume = self.resume_at;
        let mut draining = self.delivering.draining.clone();
        let woken = tokio::select! {
            biased;
            _ = draining.wait_for(|draining| *draining) => Woken::Drain,
            Some(ended) = self.tasks.join_next_with_id() => Woken::Ended(ended),
            () = at(overdue) => Woken::RevokeOverdue,
            event = self.subscription.next(self.limit, &self.held), if resume.is_none() => Woken::Event(event),
            () = at(resume) => Woken::Resume,
            () = at(acknowledge) => Woken::Acknowledge,
        };
        match woken {
            Woken::Drain => Some(Stop::Drain),
            Woken::Ended(ended) => self.on_ended(ended),
            Woken::Event(Ok(event)) => {
                self.reading.succeeded();
                self.on_event(event)
            }
            Woken::Event(Err(error)) => self.on_read_failed(&error),
            Woken::RevokeOverdue => {
                self.cut_off();
                None
            }
            Woken::Resume => {
                // The next try may wait for as long as there is nothing to read.
                self.delivering.tally.succeeded(Call::Read);
                self.resume_at = None;
                None
            }
            Woken::Acknowledge => self.acknowledge().await,
        }
    }

    fn on_event(&mut self, event: SubscriptionEvent) -> Option<Stop> {
        match event {
            SubscriptionEvent::Records(delivery) => return self.begin(delivery),
            SubscriptionEvent::Started(positions) => {
                let group = &self.delivering.options.group;
                let at: Vec<String> =
                    positions.iter().map(|(partition, offset)| format!("{partition}@{offset}")).collect();
                let (partitions, at) = (positions.len(), at.join(" "));
                info!(
                    group,
                    partitions, at, "the group had no position in these partitions; it starts at these"
                );
            }
            SubscriptionEvent::Moved { partition, from, to } => self.on_moved(partition, from, to),
            SubscriptionEvent::Revoked(partitions) => {
                let deadline = Instant::now() + self.delivering.options.revoke();
                for partition in partitions {
                    let reading = self.partitions.entry(partition).or_default();
                    reading.stop();
                    reading.leaving = Some(deadline);
                }
            }
            SubscriptionEvent::Lost(partitions) => partitions.into_iter().for_each(|p| self.forget(p)),
        }
        None
    }

    fn begin(&mut self, Delivery { partition, batch }: Delivery) -> Option<Stop> {
        let Delivering { notifier, options, tally, .. } = self.delivering;
        let reading = self.partitions.entry(partition).or_default();
        if reading.task.is_some() {
            error!(%partition, "the subscription delivered records of a partition that is held; subscribing again");
            return Some(Stop::Failed);
        }
        let stop = CancellationToken::new();
        let delivery = PartitionDelivery {
            notifier: notifier.clone(),
            options: options.clone(),
            tally: tally.clone(),
            partition,
            done: reading.done.clone(),
            stop: stop.clone(),
        };
        let abort = self.tasks.spawn(delivery.run(batch));
        reading.task = Some(Task { id: abort.id(), stop, abort });
        self.held.insert(partition);
        None
    }

    fn on_moved(&mut self, partition: Partition, from: Offset, to: Offset) {
        let topic = Topic::Notifications.name();
        let gone = to.0.saturating_sub(from.0);
        if gone > 0 {
            warn!(%partition, %from, %to, gone, "{topic} was shortened past the group's position; it goes on at the log's start");
            self.delivering.tally.gone(gone);
        } else {
            warn!(%partition, %from, %to, "{topic} ends before the group's position: the log lost records; it goes on at its end");
        }
        self.partitions.entry(partition).or_default().done.store(to.0, Ordering::Release);
    }

    fn on_read_failed(&mut self, error: &PortError) -> Option<Stop> {
        let why = sentence(error);
        warn!(why, "reading the notifications failed; it is retried");
        if !error.kind().is_retryable() {
            return Some(Stop::Failed);
        }
        self.resume_at = Some(Instant::now() + self.reading.failed());
        let failures = self.reading.failures();
        self.delivering.tally.failing(Call::Read, format!("{why}; failures so far: {failures}"));
        None
    }

    fn on_ended(&mut self, ended: Result<(Id, Ended), JoinError>) -> Option<Stop> {
        let id = ended.as_ref().map_or_else(JoinError::id, |(id, _)| *id);
        let is_its = |reading: &Reading| reading.task.as_ref().is_some_and(|task| task.id == id);
        // A task that was given up is of no partition any more.
        let (partition, reading) = self.partitions.iter_mut().find(|(_, reading)| is_its(reading))?;
        reading.task = None;
        match ended {
            Ok((_, Ended::Finished)) => _ = self.held.remove(partition),
            // What was not delivered was given to this member and does not come again: the partition stays held.
            Ok((_, Ended::Stopped | Ended::Halted)) => {}
            Err(error) => {
                error!(%partition, why = %error, "the delivery of a partition ended; subscribing again");
                return Some(Stop::Failed);
            }
        }
        None
    }

    /// Gives up revoked partitions whose delivery is over, once what is done of them is acknowledged.
    async fn release_ready(&mut self) {
        let is_ready = |reading: &Reading| reading.leaving.is_some() && reading.task.is_none();
        let ready: Vec<Partition> =
            self.partitions.iter().filter(|(_, reading)| is_ready(reading)).map(|(p, _)| *p).collect();
        if ready.is_empty() {
            return;
        }
        for partition in &ready {
            let Some(reading) = self.partitions.get(partition) else { continue };
            if !reading.is_acknowledged()
                && let Err(error) = self.subscription.acknowledge(*partition, Offset(reading.done())).await
            {
                let why = sentence(&error);
                warn!(%partition, why, "the position of a revoked partition was not acknowledged; its records come again");
            }
            self.forget(*partition);
        }
        if let Err(error) = self.subscription.release(&ready).await {
            warn!(why = sentence(&error), "failed to release partitions; the session timeout reclaims them");
        }
    }

    /// Gives up deliveries of revoked partitions that take too long.
    fn cut_off(&mut self) {
        let now = Instant::now();
        for (partition, reading) in &mut self.partitions {
            if reading.leaving.is_some_and(|deadline| deadline <= now) && reading.task.is_some() {
                warn!(%partition, "a delivery did not end in time for its partition to be handed over; it comes again");
                reading.abort();
            }
        }
    }

    fn forget(&mut self, partition: Partition) {
        if let Some(mut reading) = self.partitions.remove(&partition) {
            reading.abort();
        }
        self.held.remove(&partition);
        self.delivering.tally.forget(partition);
    }

    fn revoke_deadline(&self) -> Option<Instant> {
        let working = self.partitions.values().filter(|reading| reading.task.is_some());
        working.filter_map(|reading| reading.leaving).min()
    }

    /// At once for a partition that has nothing more to do, with the interval for the others.
    fn acknowledge_due(&self) -> Option<Instant> {
        let mut due = None;
        for reading in self.partitions.values() {
            match (reading.task.is_some(), reading.is_acknowledged()) {
                (false, false) if self.acknowledging.failures() == 0 => return Some(Instant::now()),
                (false, true) => {}
                _ => due = Some(self.acknowledge_at),
            }
        }
        due
    }

    /// Makes the group's positions durable behind what is done with.
    async fn acknowledge(&mut self) -> Option<Stop> {
        let mut refused = Vec::new();
        for (partition, reading) in &mut self.partitions {
            let done = reading.done();
            if done == reading.acknowledged {
                continue;
            }
            match self.subscription.acknowledge(*partition, Offset(done)).await {
                Ok(()) => reading.acknowledged = done,
                Err(error) if error.kind() == PortErrorKind::Closed => refused.push(*partition),
                Err(error) => {
                    let why = sentence(&error);
                    warn!(%partition, why, "acknowledging notifications failed; it is retried");
                    if !error.kind().is_retryable() {
                        return Some(Stop::Failed);
                    }
                    self.acknowledge_at = Instant::now() + self.acknowledging.failed();
                    let failures = self.acknowledging.failures();
                    self.delivering
                        .tally
                        .failing(Call::Acknowledge, format!("{why}; failures so far: {failures}"));
                    return None;
                }
            }
        }
        for partition in refused {
            warn!(%partition, "the partition is another member's by now; what is not acknowledged comes again there");
            self.refused = true;
            self.forget(partition);
        }
        if self.acknowledging.failures() > 0 {
            self.acknowledging.succeeded();
            self.delivering.tally.succeeded(Call::Acknowledge);
        }
        self.acknowledge_at = Instant::now() + self.delivering.options.acknowledge();
        None
    }

    /// Ends every delivery behind its current record and acknowledges what is done, each as soon as it can be. True where
    /// all of it was acknowledged.
    async fn settle(&mut self) -> bool {
        self.refused = false;
        self.partitions.values().for_each(Reading::stop);
        loop {
            if self.acknowledge().await.is_some() {
                return false;
            }
            let is_acknowledged = self.partitions.values().all(Reading::is_acknowledged);
            if self.tasks.is_empty() && is_acknowledged {
                return !self.refused;
            }
            let retry = (!is_acknowledged).then_some(self.acknowledge_at);
            tokio::select! {
                biased;
                Some(ended) = self.tasks.join_next_with_id() => {
                    if self.on_ended(ended).is_some() {
                        return false;
                    }
                }
                () = at(retry) => {}
            }
        }
    }
}

/// Waits until a time; without end where there is none.
async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}
