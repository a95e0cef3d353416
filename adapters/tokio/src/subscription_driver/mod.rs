//! Drives one subscription: one delivery task for each partition with records, and the group's positions behind completed
//! records.

mod partition_state;
mod positions;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;

use logistics_core::observe::{NotificationEnd, NotificationReport, Observer};
use logistics_core::port::{Delivery, PortError, ReadLimit, Subscription, SubscriptionEvent, Topic};
use logistics_core::{Offset, Partition};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::attempts::Attempts;
use crate::channel_delivery::ChannelDelivery;
use crate::delivery_stats::LogCall;
use crate::error_text::error_text;
use crate::partition_delivery::{DeliveryEnd, PartitionDelivery};
use partition_state::{DeliveryTask, PartitionState};

/// How a subscription ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SubscriptionEnd {
    /// It failed, and a new one is needed.
    Failed,
    /// A drain ended it. `clean`: the group's position is behind all completed records.
    Drained { clean: bool },
}

/// Why the driver stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StopReason {
    Failed,
    Drain,
}

pub(crate) struct SubscriptionDriver<'a> {
    delivery: &'a ChannelDelivery,
    /// The channel's name.
    channel: &'a str,
    subscription: Box<dyn Subscription>,
    limit: ReadLimit,
    partitions: BTreeMap<Partition, PartitionState>,
    /// Partitions with a delivery in progress. One delivery per partition bounds the memory.
    held: BTreeSet<Partition>,
    tasks: JoinSet<DeliveryEnd>,
    /// The time of the next acknowledgement during deliveries, or of its retry.
    acknowledge_at: Instant,
    acknowledge_attempts: Attempts,
    read_attempts: &'a mut Attempts,
    /// The end of the wait after a failed read.
    resume_at: Option<Instant>,
    /// The group rejected a position, because the partition had moved to another member.
    position_rejected: bool,
}

/// What ended a wait.
enum Woken {
    Drain,
    Ended(Result<(Id, DeliveryEnd), JoinError>),
    Event(Result<SubscriptionEvent, PortError>),
    ReleaseOverdue,
    Resume,
    Acknowledge,
}

impl<'a> SubscriptionDriver<'a> {
    pub(crate) fn new(
        delivery: &'a ChannelDelivery,
        subscription: Box<dyn Subscription>,
        read_attempts: &'a mut Attempts,
    ) -> Self {
        Self {
            subscription,
            limit: delivery.limit,
            partitions: BTreeMap::new(),
            held: BTreeSet::new(),
            tasks: JoinSet::new(),
            acknowledge_at: Instant::now() + delivery.options.acknowledge(),
            acknowledge_attempts: Attempts::new(delivery.options.subscribe_backoff),
            read_attempts,
            resume_at: None,
            position_rejected: false,
            channel: &delivery.channel,
            delivery,
        }
    }

    pub(crate) async fn run(mut self) -> SubscriptionEnd {
        let stop = loop {
            if let Some(stop) = self.step().await {
                break stop;
            }
        };
        let end = match stop {
            StopReason::Drain => SubscriptionEnd::Drained { clean: self.settle().await },
            StopReason::Failed => {
                // Records that are not acknowledged in time are delivered again.
                let _ = timeout(self.delivery.options.revoke(), self.settle()).await;
                SubscriptionEnd::Failed
            }
        };
        self.delivery.stats.forget_partitions();
        end
    }

    async fn step(&mut self) -> Option<StopReason> {
        self.release_ready().await;
        // A log that always has records must not delay acknowledgements.
        if self.acknowledge_at <= Instant::now()
            && let Some(stop) = self.acknowledge().await
        {
            return Some(stop);
        }
        let (release, acknowledge) = (self.release_deadline(), self.acknowledge_due());
        let resume = self.resume_at;
        let mut draining = self.delivery.draining.clone();
        let woken = tokio::select! {
            biased;
            _ = draining.wait_for(|draining| *draining) => Woken::Drain,
            Some(ended) = self.tasks.join_next_with_id() => Woken::Ended(ended),
            () = at(release) => Woken::ReleaseOverdue,
            event = self.subscription.next(self.limit, &self.held), if resume.is_none() => Woken::Event(event),
            () = at(resume) => Woken::Resume,
            () = at(acknowledge) => Woken::Acknowledge,
        };
        match woken {
            Woken::Drain => Some(StopReason::Drain),
            Woken::Ended(ended) => self.on_ended(ended),
            Woken::Event(Ok(event)) => {
                self.read_attempts.succeeded();
                self.on_event(event)
            }
            Woken::Event(Err(error)) => self.on_read_failed(&error),
            Woken::ReleaseOverdue => {
                self.abort_overdue();
                None
            }
            Woken::Resume => {
                // The next read may wait for new records without end, so health must not show the failure until then.
                self.delivery.stats.clear_failing(LogCall::Read);
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
                    group, partitions, at, "the group had no position in these partitions; it starts here"
                );
            }
            SubscriptionEvent::Moved { partition, from, to } => self.on_moved(partition, from, to),
            SubscriptionEvent::Revoked(partitions) => {
                let deadline = Instant::now() + self.delivery.options.revoke();
                for partition in partitions {
                    let state = self.partitions.entry(partition).or_default();
                    state.stop();
                    state.release_by = Some(deadline);
                }
            }
            SubscriptionEvent::Lost(partitions) => partitions.into_iter().for_each(|p| self.forget(p)),
        }
        None
    }

    fn begin(&mut self, Delivery { partition, batch }: Delivery) -> Option<StopReason> {
        let ChannelDelivery { channel, notifier, options, stats, .. } = self.delivery;
        let state = self.partitions.entry(partition).or_default();
        if state.task.is_some() {
            error!(channel = self.channel, %partition, "the subscription returned records of a held partition; subscribing again");
            return Some(StopReason::Failed);
        }
        let stop = CancellationToken::new();
        let delivery = PartitionDelivery {
            notifier: notifier.clone(),
            options: options.clone(),
            stats: stats.clone(),
            channel: channel.clone(),
            partition,
            completed: state.completed.clone(),
            current: stats.current(partition),
            stop: stop.clone(),
        };
        let abort = self.tasks.spawn(delivery.run(batch));
        state.task = Some(DeliveryTask { id: abort.id(), stop, abort });
        self.held.insert(partition);
        None
    }

    fn on_moved(&mut self, partition: Partition, from: Offset, to: Offset) {
        let topic = Topic::Notifications.name();
        let gone = to.0.saturating_sub(from.0);
        if gone > 0 {
            warn!(channel = self.channel, %partition, %from, %to, gone, "{topic} was shortened past the group's position; continuing at the log's start");
            self.delivery.stats.count_gone(gone);
            let end = NotificationEnd::Gone(gone);
            let report = NotificationReport::new(self.channel, partition, from, end);
            self.delivery.options.observers.notification(&report);
        } else {
            warn!(channel = self.channel, %partition, %from, %to, "{topic} ends before the group's position, so the log lost records; continuing at the log's end");
        }
        self.partitions.entry(partition).or_default().completed.store(to.0, Ordering::Release);
    }

    fn on_read_failed(&mut self, error: &PortError) -> Option<StopReason> {
        let why = error_text(error);
        warn!(channel = self.channel, why, "failed to read the notifications; retrying");
        if !error.kind().is_retryable() {
            return Some(StopReason::Failed);
        }
        self.resume_at = Some(Instant::now() + self.read_attempts.failed());
        let failures = self.read_attempts.failures();
        self.delivery.stats.set_failing(LogCall::Read, format!("{why}; failures so far: {failures}"));
        None
    }

    fn on_ended(&mut self, ended: Result<(Id, DeliveryEnd), JoinError>) -> Option<StopReason> {
        let id = ended.as_ref().map_or_else(JoinError::id, |(id, _)| *id);
        let has_task = |state: &PartitionState| state.task.as_ref().is_some_and(|task| task.id == id);
        // An aborted task no longer belongs to a partition.
        let (partition, state) = self.partitions.iter_mut().find(|(_, state)| has_task(state))?;
        state.task = None;
        match ended {
            Ok((_, DeliveryEnd::Finished)) => _ = self.held.remove(partition),
            // The subscription does not return the undelivered records again, so the partition stays held.
            Ok((_, DeliveryEnd::Stopped | DeliveryEnd::Halted)) => {}
            Err(error) => {
                error!(channel = self.channel, %partition, why = %error, "a delivery task ended unexpectedly; subscribing again");
                return Some(StopReason::Failed);
            }
        }
        None
    }
}

/// Waits until `time`; without a time, for ever.
async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}
