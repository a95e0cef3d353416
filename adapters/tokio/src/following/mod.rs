//! Following one subscription: a task for each partition that has records, and the group's positions behind what is done.

mod positions;
mod reading;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;

use logistics_core::port::{Delivery, PortError, ReadLimit, Subscription, SubscriptionEvent, Topic};
use logistics_core::{Offset, Partition};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::backoff::Attempts;
use crate::delivery::ChannelDelivery;
use crate::delivery_stats::Call;
use crate::failure::sentence;
use crate::partition_delivery::{Ended, PartitionDelivery};
use reading::{Reading, Task};

/// How following ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stopped {
    /// The subscription failed for good.
    Failed,
    /// A drain ended it; `clean` where the group's position is behind everything that is done.
    Drained { clean: bool },
}

/// Why following stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StopReason {
    Failed,
    Drain,
}

pub(crate) struct Following<'a> {
    delivery: &'a ChannelDelivery,
    /// The channel's name.
    channel: &'a str,
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
    /// The group refused a position: the partition had moved to another member.
    refused: bool,
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
        delivery: &'a ChannelDelivery,
        subscription: Box<dyn Subscription>,
        reading: &'a mut Attempts,
    ) -> Self {
        Self {
            subscription,
            limit: delivery.limit,
            partitions: BTreeMap::new(),
            held: BTreeSet::new(),
            tasks: JoinSet::new(),
            acknowledge_at: Instant::now() + delivery.options.acknowledge(),
            acknowledging: Attempts::new(delivery.options.subscribe_backoff),
            reading,
            resume_at: None,
            refused: false,
            channel: &delivery.channel,
            delivery,
        }
    }

    pub(crate) async fn run(mut self) -> Stopped {
        let stop = loop {
            if let Some(stop) = self.step().await {
                break stop;
            }
        };
        let stopped = match stop {
            StopReason::Drain => Stopped::Drained { clean: self.settle().await },
            StopReason::Failed => {
                // What cannot be acknowledged in time comes again.
                let _ = timeout(self.delivery.options.revoke(), self.settle()).await;
                Stopped::Failed
            }
        };
        self.delivery.stats.forget_partitions();
        stopped
    }

    async fn step(&mut self) -> Option<StopReason> {
        self.release_ready().await;
        // A log that always has records must not keep positions from being acknowledged.
        if self.acknowledge_at <= Instant::now()
            && let Some(stop) = self.acknowledge().await
        {
            return Some(stop);
        }
        let (overdue, acknowledge) = (self.revoke_deadline(), self.acknowledge_due());
        let resume = self.resume_at;
        let mut draining = self.delivery.draining.clone();
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
            Woken::Drain => Some(StopReason::Drain),
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
                self.delivery.stats.succeeded(Call::Read);
                self.resume_at = None;
                None
            }
            Woken::Acknowledge => self.acknowledge().await,
        }
    }

    fn on_event(&mut self, event: SubscriptionEvent) -> Option<StopReason> {
        match event {
            SubscriptionEvent::Records(delivery) => return self.begin(delivery),
            SubscriptionEvent::Started(positions) => {
                let group = &self.delivery.group;
                let at: Vec<String> =
                    positions.iter().map(|(partition, offset)| format!("{partition}@{offset}")).collect();
                let (partitions, at) = (positions.len(), at.join(" "));
                info!(
                    channel = self.channel,
                    group,
                    partitions,
                    at,
                    "the group had no position in these partitions; it starts at these"
                );
            }
            SubscriptionEvent::Moved { partition, from, to } => self.on_moved(partition, from, to),
            SubscriptionEvent::Revoked(partitions) => {
                let deadline = Instant::now() + self.delivery.options.revoke();
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

    fn begin(&mut self, Delivery { partition, batch }: Delivery) -> Option<StopReason> {
        let ChannelDelivery { channel, notifier, options, stats, .. } = self.delivery;
        let reading = self.partitions.entry(partition).or_default();
        if reading.task.is_some() {
            error!(channel = self.channel, %partition, "the subscription delivered records of a partition that is held; subscribing again");
            return Some(StopReason::Failed);
        }
        let stop = CancellationToken::new();
        let delivery = PartitionDelivery {
            notifier: notifier.clone(),
            options: options.clone(),
            stats: stats.clone(),
            channel: channel.clone(),
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
            warn!(channel = self.channel, %partition, %from, %to, gone, "{topic} was shortened past the group's position; it goes on at the log's start");
            self.delivery.stats.gone(gone);
        } else {
            warn!(channel = self.channel, %partition, %from, %to, "{topic} ends before the group's position: the log lost records; it goes on at its end");
        }
        self.partitions.entry(partition).or_default().done.store(to.0, Ordering::Release);
    }

    fn on_read_failed(&mut self, error: &PortError) -> Option<StopReason> {
        let why = sentence(error);
        warn!(channel = self.channel, why, "reading the notifications failed; it is retried");
        if !error.kind().is_retryable() {
            return Some(StopReason::Failed);
        }
        self.resume_at = Some(Instant::now() + self.reading.failed());
        let failures = self.reading.failures();
        self.delivery.stats.failing(Call::Read, format!("{why}; failures so far: {failures}"));
        None
    }

    fn on_ended(&mut self, ended: Result<(Id, Ended), JoinError>) -> Option<StopReason> {
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
                error!(channel = self.channel, %partition, why = %error, "the delivery of a partition ended; subscribing again");
                return Some(StopReason::Failed);
            }
        }
        None
    }
}

/// Waits until a time; without end where there is none.
async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}
