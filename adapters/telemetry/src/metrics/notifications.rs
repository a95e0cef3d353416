//! Deliveries of notifications, by channel.

use logistics_core::observe::{NotificationEnd, NotificationReport};
use logistics_core::port::NotifyErrorKind;

use super::catalogue::{Family, Label, Subject};
use super::page::{OTHER, Page};
use super::ports;
use super::readings::Readings;
use super::value::{Counter, Histogram, Table};

/// Channels with series of their own.
const CHANNELS_MAX: usize = 64;

/// Like the time in a status, and three buckets for a delivery at once.
const DELAY_BUCKETS: &[f64] = &[
    0.1, 0.25, 0.5, 1.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0, 7200.0, 14400.0,
    86400.0,
];

const OUTCOMES: [&str; 4] = ["delivered", "undeliverable", "undecodable", "gone"];

const CHANNEL: Label =
    Label::new("channel", "a channel of the configuration, such as `console`; `_OTHER` beyond 64");

const NOTIFICATIONS: Family = Family::counter(
    "logistics_notifications_total",
    "notifications",
    &[
        CHANNEL,
        Label::new(
            "outcome",
            "`delivered`; `undeliverable`: rejected for good and skipped; `undecodable`: the record is no notification; `gone`: \
             retention removed it first",
        ),
    ],
    "Notifications that a channel has completed.",
);

const RETRIES: Family = Family::counter(
    "logistics_notification_retries_total",
    "attempts",
    &[CHANNEL, Label::new("kind", "`unavailable`, `rate_limited`, `deferred`, `unauthorized`")],
    "Attempts that failed and that a retry follows.",
);

const ATTEMPT: Family = Family::histogram(
    "logistics_notification_attempt_duration_seconds",
    ("seconds", ports::BUCKETS),
    &[CHANNEL],
    "Duration of an attempt to deliver, from the call of the notifier to its result.",
);

const DELAY: Family = Family::histogram(
    "logistics_notification_delay_seconds",
    ("seconds", DELAY_BUCKETS),
    &[CHANNEL],
    "Time from a fact to the delivery of its notification.",
);

const OLDEST: Family = Family::gauge(
    "logistics_notification_oldest_seconds",
    "seconds",
    &[CHANNEL],
    "Age of the fact of the oldest notification that was read and is not complete; 0 if there is none.",
);

const HALTED: Family = Family::gauge(
    "logistics_notification_halted_partitions",
    "partitions",
    &[CHANNEL],
    "Partitions that halted at a record of a newer release.",
);

const WAITING: Family = Family::gauge(
    "logistics_notification_waiting",
    "notifications",
    &[CHANNEL],
    "Notifications that wait for another attempt, stored in the log. Of channels that store them, such as `webhooks`.",
);

const WAITING_OLDEST: Family = Family::gauge(
    "logistics_notification_waiting_oldest_seconds",
    "seconds",
    &[CHANNEL],
    "Age of the fact of the oldest notification that waits for another attempt; 0 if there is none.",
);

const BREAKERS: Family = Family::gauge(
    "logistics_notification_breakers_open",
    "receivers",
    &[CHANNEL],
    "Receivers, such as webhook endpoints, that failed several times in a row and are only probed.",
);

pub(super) const SUBJECT: Subject = Subject {
    title: "Notifications",
    text: "Of processes that deliver notifications.",
    families: &[NOTIFICATIONS, RETRIES, ATTEMPT, DELAY, OLDEST, HALTED, WAITING, WAITING_OLDEST, BREAKERS],
};

/// The metrics of notifications.
pub(super) struct Notifications {
    channels: Table<String, Channel>,
}

struct Channel {
    outcomes: [Counter; OUTCOMES.len()],
    /// By the place of the kind in [`NotifyErrorKind::ALL`].
    retries: [Counter; NotifyErrorKind::ALL.len()],
    attempt: Histogram,
    delay: Histogram,
}

impl Notifications {
    pub(super) fn new() -> Self {
        let channel = || Channel {
            outcomes: Default::default(),
            retries: Default::default(),
            attempt: Histogram::new(ports::BUCKETS),
            delay: Histogram::new(DELAY_BUCKETS),
        };
        Self { channels: Table::new(CHANNELS_MAX, OTHER.to_owned(), channel) }
    }

    pub(super) fn ended(&self, report: &NotificationReport<'_>) {
        let channel = self.channels.get(report.channel);
        let [delivered, undeliverable, undecodable, gone] = &channel.outcomes;
        match report.end {
            NotificationEnd::Delivered => {
                delivered.add(1);
                channel.delay.observe_duration(report.age);
            }
            NotificationEnd::Retried(kind) => {
                let counts = NotifyErrorKind::ALL.iter().zip(&channel.retries);
                counts.filter(|(one, _)| **one == kind).for_each(|(_, count)| count.add(1));
            }
            NotificationEnd::Undeliverable(_) => undeliverable.add(1),
            NotificationEnd::Undecodable => undecodable.add(1),
            NotificationEnd::Gone(records) => gone.add(records),
            _ => return,
        }
        if report.attempt > 0 {
            channel.attempt.observe_duration(report.elapsed);
        }
    }

    pub(super) fn expose(&self, readings: &Readings, page: &mut Page) {
        // From its first reading on, a channel has a value of every counter: an increase needs a 0 before it.
        for name in readings.channels.keys() {
            self.channels.get(name.as_str());
        }
        let mut series = page.family(&NOTIFICATIONS);
        for (name, channel) in self.channels.iter() {
            for (outcome, count) in OUTCOMES.into_iter().zip(&channel.outcomes) {
                series.count(&[name, outcome], count.value());
            }
        }
        let mut series = page.family(&RETRIES);
        for (name, channel) in self.channels.iter() {
            let kinds = NotifyErrorKind::ALL.into_iter().zip(&channel.retries);
            for (kind, count) in kinds.filter(|(kind, count)| kind.is_retryable() || count.value() > 0) {
                series.count(&[name, kind.code()], count.value());
            }
        }
        let mut series = page.family(&ATTEMPT);
        for (name, channel) in self.channels.iter() {
            series.histogram(&[name], &channel.attempt.snapshot(), &[]);
        }
        let mut series = page.family(&DELAY);
        for (name, channel) in self.channels.iter() {
            series.histogram(&[name], &channel.delay.snapshot(), &[]);
        }
        expose_readings(readings, page);
    }
}

fn expose_readings(readings: &Readings, page: &mut Page) {
    let mut series = page.family(&OLDEST);
    for (name, channel) in readings.channels.iter().take(CHANNELS_MAX) {
        series.value(&[name], readings.age(channel.oldest_at));
    }
    let mut series = page.family(&HALTED);
    for (name, channel) in readings.channels.iter().take(CHANNELS_MAX) {
        series.count(&[name], u64::try_from(channel.halted).unwrap_or(u64::MAX));
    }
    let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    let storing = || {
        let channels = readings.channels.iter().take(CHANNELS_MAX);
        channels.filter_map(|(name, channel)| channel.waiting.map(|waiting| (name, channel, waiting)))
    };
    let mut series = page.family(&WAITING);
    for (name, _, waiting) in storing() {
        series.count(&[name], count(waiting));
    }
    let mut series = page.family(&WAITING_OLDEST);
    for (name, channel, _) in storing() {
        series.value(&[name], readings.age(channel.waiting_since));
    }
    let mut series = page.family(&BREAKERS);
    for (name, channel, _) in storing() {
        series.count(&[name], count(channel.breakers_open.unwrap_or_default()));
    }
}
