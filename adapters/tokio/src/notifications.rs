//! The handle of the notification service of one process.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use logistics_core::health::{Health, HealthProbe};
use logistics_core::observe::{Gauges, Reading};
use logistics_core::port::{EventBus, Notifier};
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};
use tokio_util::task::AbortOnDropHandle;

use crate::channel::{Channel, InvalidChannel, check};
use crate::channel_delivery::ChannelDelivery;
use crate::delivery_stats::DeliveryStats;
use crate::options::NotificationsOptions;
use crate::reports::NotificationsReport;

/// Delivers the notifications of the log over channels. Each channel has its own group. It reads every notification and
/// passes it to its notifier, in the order of the partition.
///
/// Delivery is at least once: a group's position advances only behind completed notifications. A retryable failure is retried
/// until the notification is delivered. Later notifications of its partition and channel wait; other partitions and other
/// channels continue. An undeliverable notification (the notifier reports it, or panics) and an invalid record are counted,
/// logged and skipped; they stay in the log. A notification of a newer release halts its partition.
///
/// Dropping it stops at once. The next member delivers unacknowledged notifications again.
pub struct Notifications {
    channels: Vec<RunningChannel>,
    drain: watch::Sender<bool>,
}

struct RunningChannel {
    name: Arc<str>,
    stats: Arc<DeliveryStats>,
    task: AbortOnDropHandle<bool>,
}

impl Notifications {
    /// Starts one channel, the console, in the background. Its group is [`NotificationsOptions::group`]. Failures are
    /// retried, and [`HealthProbe`] shows them.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    #[must_use]
    pub fn start(bus: Arc<dyn EventBus>, notifier: Arc<dyn Notifier>, options: NotificationsOptions) -> Self {
        Self::start_checked(bus, vec![Channel::console(notifier)], options)
    }

    /// Starts channels side by side. The group of the channel `console` is [`NotificationsOptions::group`]; the group of
    /// another channel is `<group>.<name>`. No channel waits for another. The options apply to each channel, except
    /// [`NotificationsOptions::buffered_bytes_max`], which all share.
    ///
    /// # Errors
    /// [`InvalidChannel::Duplicate`] if two channels have the same name.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn start_channels(
        bus: Arc<dyn EventBus>,
        channels: Vec<Channel>,
        options: NotificationsOptions,
    ) -> Result<Self, InvalidChannel> {
        check(&channels)?;
        Ok(Self::start_checked(bus, channels, options))
    }

    fn start_checked(bus: Arc<dyn EventBus>, channels: Vec<Channel>, options: NotificationsOptions) -> Self {
        let (drain, draining) = watch::channel(false);
        let options = Arc::new(options);
        let count = u32::try_from(channels.len()).unwrap_or(u32::MAX);
        let limit = options.delivery_limit(bus.partitions().saturating_mul(count));
        let start = |channel: Channel| {
            let stats = Arc::new(DeliveryStats::new(channel.part()));
            let group = channel.group(&options.group);
            let (name, notifier) = channel.into_parts();
            let delivery = ChannelDelivery {
                bus: bus.clone(),
                channel: name.clone(),
                group,
                notifier,
                options: options.clone(),
                limit,
                stats: stats.clone(),
                draining: draining.clone(),
            };
            RunningChannel { name, stats, task: AbortOnDropHandle::new(tokio::spawn(delivery.run())) }
        };
        Self { channels: channels.into_iter().map(start).collect(), drain }
    }

    /// Finishes the current notification of each partition and channel, acknowledges completed notifications and leaves the
    /// groups. Returns within the deadline. A notifier that hangs delays no acknowledgement of other partitions.
    pub async fn drain(mut self, deadline: Duration) -> NotificationsReport {
        self.drain.send_replace(true);
        let until = Instant::now() + deadline;
        let ended =
            join_all(self.channels.iter_mut().map(|channel| timeout_at(until, &mut channel.task))).await;
        let clean = ended.iter().all(|ended| matches!(ended, Ok(Ok(true))));
        NotificationsReport { clean, ..self.report() }
    }

    /// The counts of notifications so far, over all channels.
    pub fn report(&self) -> NotificationsReport {
        let reports = self.channels.iter().map(|channel| channel.stats.report());
        reports.fold(NotificationsReport::default(), NotificationsReport::plus)
    }

    /// The counts of one channel so far. `None` if no channel has this name.
    pub fn channel_report(&self, name: &str) -> Option<NotificationsReport> {
        let channel = self.channels.iter().find(|channel| &*channel.name == name)?;
        Some(channel.stats.report())
    }

    /// The state of each channel, for a scrape of the metrics.
    #[must_use]
    pub fn gauges(&self) -> Arc<dyn Gauges> {
        let channels = self.channels.iter();
        Arc::new(ChannelsGauges(
            channels.map(|channel| (channel.name.clone(), channel.stats.clone())).collect(),
        ))
    }

    /// The same health, for a holder that outlives this handle, such as an HTTP server.
    #[must_use]
    pub fn probe(&self) -> Arc<dyn HealthProbe> {
        Arc::new(ChannelsProbe(self.channels.iter().map(|channel| channel.stats.clone()).collect()))
    }
}

impl HealthProbe for Notifications {
    fn health(&self) -> Health {
        Health { parts: self.channels.iter().map(|channel| channel.stats.part()).collect() }
    }
}

struct ChannelsGauges(Vec<(Arc<str>, Arc<DeliveryStats>)>);

impl Gauges for ChannelsGauges {
    fn read(&self, into: &mut dyn FnMut(Reading)) {
        for (name, stats) in &self.0 {
            into(Reading::Channel(stats.reading(name)));
        }
    }
}

struct ChannelsProbe(Vec<Arc<DeliveryStats>>);

impl HealthProbe for ChannelsProbe {
    fn health(&self) -> Health {
        Health { parts: self.0.iter().map(|stats| stats.part()).collect() }
    }
}
