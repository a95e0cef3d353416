//! Executes the effects of the deliveries over the ports.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use logistics_core::delivery::{AttemptId, Deliveries, EndpointStatus, Input, ReceiverChange, Receivers};
use logistics_core::port::{Clock, EventBus, PortError, Subscription, Topic};
use logistics_core::{ChannelName, EndpointId, Offset, Partition};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep};
use tokio_util::task::AbortOnDropHandle;
use tracing::warn;

use super::attempt::Attempts;
use super::options::DeliveryOptions;
use super::stats::Stats;
use super::subscription::READ;
use crate::group_start::start_of_group;

/// Records on their way to the log at a time.
const PUBLISHES_MAX: usize = 256;
/// The wait before a failed call of the subscription is repeated.
pub(super) const RETRY: Duration = Duration::from_millis(500);
/// The longest time between two looks at the assignment: an assignment without records is no event.
const LOOK: Duration = Duration::from_millis(200);
/// How long a drain waits for the answers to attempts whose deliveries are stored.
const DRAIN_ATTEMPTS: Duration = Duration::from_secs(3);
/// Accepted messages after which the positions are acknowledged, whatever the interval is.
pub(super) const UNACKNOWLEDGED_MAX: usize = 64;
/// The time between two readings for metrics.
const READING_EVERY: Duration = Duration::from_secs(2);

/// What the tasks of the driver report.
pub(super) enum Happened {
    /// An endpoint changed.
    Endpoint(EndpointId, EndpointStatus),
    /// An input of a partition, of the assignment with this number.
    Partition { partition: Partition, generation: u64, input: Input },
    /// A partition cannot be restored at the moment.
    Recovering { partition: Partition, why: String },
    /// The result of an effect.
    Done(Input),
}

pub(super) struct Driver {
    pub(super) bus: Arc<dyn EventBus>,
    pub(super) channel: ChannelName,
    pub(super) receivers: Arc<dyn Receivers>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) options: Arc<DeliveryOptions>,
    pub(super) stats: Arc<Stats>,
    draining: watch::Receiver<bool>,
    pub(super) attempts: Attempts,
    pub(super) deliveries: Deliveries,
    pub(super) happened: mpsc::UnboundedSender<Happened>,
    reports: mpsc::UnboundedReceiver<Happened>,
    pub(super) publishes: Arc<Semaphore>,
    pub(super) partitions: BTreeMap<Partition, Assigned>,
    pub(super) running: BTreeMap<AttemptId, AbortHandle>,
    pub(super) generation: u64,
    pub(super) acknowledge_at: Option<Instant>,
    /// Accepted messages since the last acknowledgement.
    pub(super) unacknowledged: usize,
    read_at: Instant,
}

/// Ends what is under way: the next owner repeats it.
impl Drop for Driver {
    fn drop(&mut self) {
        self.running.values().for_each(AbortHandle::abort);
    }
}

/// A partition that the group assigned to this process.
pub(super) struct Assigned {
    pub(super) generation: u64,
    pub(super) acknowledged: Option<Offset>,
    /// Restores what waits, and follows the records.
    pub(super) reader: Option<AbortOnDropHandle<()>>,
    /// The group takes it back: released at this time at the latest.
    pub(super) release_by: Option<Instant>,
    /// It met a record of a newer release.
    pub(super) halted: bool,
}

/// Why the work on a subscription ended.
enum Ended {
    Drained { clean: bool },
    Failed,
}

impl Driver {
    pub(super) fn new(
        bus: Arc<dyn EventBus>,
        receivers: Arc<dyn Receivers>,
        clock: Arc<dyn Clock>,
        options: DeliveryOptions,
        stats: Arc<Stats>,
        draining: watch::Receiver<bool>,
    ) -> Self {
        let (happened, reports) = mpsc::unbounded_channel();
        let channel = options.channel.clone();
        let attempts = Attempts {
            channel: channel.clone(),
            receivers: receivers.clone(),
            clock: clock.clone(),
            observers: options.observers.clone(),
            limit: Duration::from_millis(options.attempt_ms_max),
        };
        Self {
            bus,
            clock,
            deliveries: Deliveries::new(
                channel.clone(),
                options.settings.clone(),
                rand::random(),
                rand::random(),
            ),
            channel,
            receivers,
            options: Arc::new(options),
            stats,
            draining,
            attempts,
            happened,
            reports,
            publishes: Arc::new(Semaphore::new(PUBLISHES_MAX)),
            partitions: BTreeMap::new(),
            running: BTreeMap::new(),
            generation: 0,
            acknowledge_at: None,
            unacknowledged: 0,
            read_at: Instant::now(),
        }
    }

    /// Delivers until a drain. Returns whether it left nothing behind.
    pub(super) async fn run(mut self) -> bool {
        let (caught_up, mut known) = watch::channel(false);
        let follow = follow_receivers(self.receivers.clone(), self.happened.clone(), caught_up);
        let _follower = AbortOnDropHandle::new(tokio::spawn(follow));
        if self.unless_drained(async { _ = known.wait_for(|known| *known).await }).await.is_none() {
            return true;
        }
        while !*self.draining.borrow() {
            let (bus, clock, options) = (self.bus.clone(), self.clock.clone(), self.options.clone());
            match self.unless_drained(subscribe(&*bus, &*clock, &options)).await {
                None => return true,
                Some(Ok(subscription)) => {
                    self.stats.lock().subscribed = true;
                    self.stats.lock().failing.clear();
                    if let Ended::Drained { clean } = self.work(subscription).await {
                        return clean;
                    }
                    self.stats.lock().subscribed = false;
                    self.forget_all();
                }
                Some(Err(why)) => {
                    warn!(channel = %self.channel, %why, "failed to subscribe to the notifications; retrying");
                    self.stats.lock().failing.insert("subscribing", why.to_string());
                }
            }
            if self.unless_drained(sleep(RETRY)).await.is_none() {
                return true;
            }
        }
        true
    }

    /// Works on a subscription until a drain, or until it fails for good.
    async fn work(&mut self, mut subscription: Box<dyn Subscription>) -> Ended {
        let mut drained_at = None;
        loop {
            self.execute();
            if *self.draining.borrow() && drained_at.is_none() {
                drained_at = Some(Instant::now());
                self.handle(Input::Draining);
                continue;
            }
            self.read_stats();
            if self.acknowledge(&mut *subscription, drained_at.is_some()).await.is_err() {
                return Ended::Failed;
            }
            self.release(&mut *subscription).await;
            if drained_at.is_some_and(|at| self.is_drained(at)) {
                let clean = self.acknowledge(&mut *subscription, true).await.is_ok();
                return Ended::Drained { clean };
            }
            let held = self.held(drained_at.is_some());
            let wait = self.wait();
            let mut draining = self.draining.clone();
            // Its result borrows a lock, which must not live across the other branches.
            let drain_begins = async move { _ = draining.wait_for(|draining| *draining).await };
            tokio::select! {
                biased;
                Some(happened) = self.reports.recv() => self.on_happened(happened),
                () = drain_begins, if drained_at.is_none() => {}
                event = subscription.next(READ, &held) => {
                    if self.on_event(event).await.is_err() {
                        return Ended::Failed;
                    }
                }
                () = sleep(wait) => self.handle(Input::Woken),
            }
            self.take_reports();
            self.look(&subscription.assigned());
        }
    }

    /// Takes in what is there already, so that one round of effects and acknowledgements covers it.
    fn take_reports(&mut self) {
        for _ in 0..1_000 {
            let Ok(happened) = self.reports.try_recv() else { return };
            self.on_happened(happened);
        }
    }

    fn on_happened(&mut self, happened: Happened) {
        match happened {
            Happened::Endpoint(endpoint, status) => {
                if status == EndpointStatus::Enabled {
                    self.stats.lock().endpoints.insert(endpoint.clone());
                } else {
                    self.stats.lock().endpoints.remove(&endpoint);
                }
                self.handle(Input::Endpoint { endpoint, status });
            }
            Happened::Partition { partition, generation, input } => {
                if self.partitions.get(&partition).is_some_and(|assigned| assigned.generation == generation) {
                    self.stats.lock().recovering.remove(&partition);
                    self.handle(input);
                }
            }
            Happened::Recovering { partition, why } => {
                if self.partitions.contains_key(&partition) {
                    self.stats.lock().recovering.insert(partition, why);
                }
            }
            Happened::Done(input) => {
                if let Input::Attempted { attempt, .. } = &input {
                    self.running.remove(attempt);
                }
                self.handle(input);
            }
        }
    }

    pub(super) fn handle(&mut self, input: Input) {
        self.deliveries.handle(self.clock.now(), input);
    }

    /// The partitions of which no notification is read now.
    fn held(&self, draining: bool) -> BTreeSet<Partition> {
        let all = (0..self.bus.partitions()).map(Partition);
        let open = |partition: &Partition| {
            let is_halted = self.partitions.get(partition).is_some_and(|assigned| assigned.halted);
            !draining && !is_halted && self.deliveries.reads(*partition)
        };
        all.filter(|partition| !open(partition)).collect()
    }

    /// How long to wait if nothing happens.
    fn wait(&self) -> Duration {
        let now = self.clock.now();
        let until = |at: logistics_core::Timestamp| Duration::from_millis(at.millis_since(now).max(1));
        let wake = self.deliveries.wake_at().map(until);
        let acknowledge = self.acknowledge_at.map(|at| at.saturating_duration_since(Instant::now()));
        [wake, acknowledge].into_iter().flatten().fold(LOOK, Duration::min)
    }

    fn read_stats(&mut self) {
        if self.read_at <= Instant::now() {
            self.read_at = Instant::now() + READING_EVERY;
            self.stats.lock().reading = self.deliveries.reading();
        }
    }

    /// Nothing holds a position any more, and no answer is worth the wait.
    fn is_drained(&self, since: Instant) -> bool {
        let settled = self.partitions.keys().all(|partition| self.deliveries.is_settled(*partition));
        let late = since.elapsed() >= DRAIN_ATTEMPTS && !self.deliveries.is_publishing();
        settled && (late || self.deliveries.is_idle())
    }

    /// The result of `future`; `None` once a drain begins.
    async fn unless_drained<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        let mut draining = self.draining.clone();
        tokio::select! {
            biased;
            _ = draining.wait_for(|draining| *draining) => None,
            done = future => Some(done),
        }
    }
}

/// Passes on the changes of the receivers, for as long as they have any.
async fn follow_receivers(
    receivers: Arc<dyn Receivers>,
    happened: mpsc::UnboundedSender<Happened>,
    caught_up: watch::Sender<bool>,
) {
    let mut changes = receivers.changes();
    while let Some(change) = changes.next().await {
        match change {
            ReceiverChange::Status(endpoint, status) => {
                let _ = happened.send(Happened::Endpoint(endpoint, status));
            }
            ReceiverChange::CaughtUp => _ = caught_up.send_replace(true),
        }
    }
    // Receivers that end their changes have no more.
    std::future::pending::<()>().await;
}

async fn subscribe(
    bus: &dyn EventBus,
    clock: &dyn Clock,
    options: &DeliveryOptions,
) -> Result<Box<dyn Subscription>, PortError> {
    let from = match options.from {
        Some(from) => from,
        None => start_of_group(bus, clock.now()).await?,
    };
    bus.subscribe(Topic::Notifications, &options.group, from).await
}
