//! Reports of deliveries, their spans, and readings of channels.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use logistics_core::notify::Notification;
use logistics_core::observe::{
    ChannelReading, Gauges, NotificationEnd, NotificationReport, Observer, Observers, Reading,
};
use logistics_core::port::{
    Clock, MockNotifier, MockSubscription, Notifier, NotifyErrorKind, SubscriptionEvent,
};
use logistics_core::{Offset, OrderId, Partition, Status, Timestamp, TraceContext, Version, wire};

use super::{
    HOME, OTHER, acknowledging, bus, delivery, delivery_in, failing, newer, options, payload, recording,
    recording_positions, subscription,
};
use crate::tests::support::until;
use crate::{Notifications, NotificationsOptions, SystemClock};

/// A report without its borrowed and measured parts.
#[derive(Debug, Clone, PartialEq)]
struct Seen {
    at: (String, Partition, Offset),
    end: NotificationEnd,
    attempt: u32,
    age: Duration,
    order: Option<(OrderId, Version, Status)>,
    span: Option<TraceContext>,
    parent: Option<TraceContext>,
}

/// Records reports. With `spans`, each attempt gets the span 100 of its parent's trace.
#[derive(Default)]
struct Recorder {
    spans: bool,
    seen: Mutex<Vec<Seen>>,
}

impl Observer for Recorder {
    fn notification(&self, report: &NotificationReport<'_>) {
        self.seen.lock().unwrap().push(Seen {
            at: (report.channel.to_owned(), report.partition, report.offset),
            end: report.end,
            attempt: report.attempt,
            age: report.age,
            order: report.order.map(|(order_id, version, status)| (order_id.clone(), version, status)),
            span: report.span,
            parent: report.parent,
        });
    }

    fn new_span(&self, parent: Option<TraceContext>) -> Option<TraceContext> {
        parent.filter(|_| self.spans).and_then(|parent| parent.with_span_id(100))
    }
}

impl Recorder {
    /// The offset and the end of each report.
    fn ends(&self) -> Vec<(u64, NotificationEnd)> {
        self.seen.lock().unwrap().iter().map(|seen| (seen.at.2.0, seen.end)).collect()
    }
}

fn observed(
    bus: impl logistics_core::port::EventBus + 'static,
    notifier: impl Notifier + 'static,
    spans: bool,
) -> (Notifications, Arc<Recorder>) {
    let recorder = Arc::new(Recorder { spans, ..Recorder::default() });
    let observers = Observers::default().with(recorder.clone());
    let options = NotificationsOptions { observers, ..options() };
    (Notifications::start(Arc::new(bus), Arc::new(notifier), options), recorder)
}

fn reading(gauges: &dyn Gauges) -> ChannelReading {
    let mut readings = Vec::new();
    gauges.read(&mut |reading| readings.push(reading));
    assert_eq!(readings.len(), 1, "one channel");
    let Reading::Channel(reading) = readings.remove(0) else { panic!("a channel") };
    reading
}

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// A notification of a fact at `at`, with a trace.
fn traced(name: &str, at: Timestamp) -> Bytes {
    let order_id = OrderId::parse(name).unwrap();
    let mut notification = Notification::new(order_id, Version(2), Status::Confirmed, at);
    notification.trace = Some(PARENT.parse().unwrap());
    wire::encode_notification(&notification)
}

#[tokio::test(start_paused = true)]
async fn each_attempt_and_each_skipped_record_is_reported() {
    let (mock, acknowledged) = acknowledging(MockSubscription::new());
    let (subscription, deliveries) = subscription(mock);
    let mut notifier = MockNotifier::new();
    failing(&mut notifier, "a", 2, NotifyErrorKind::Unavailable);
    failing(&mut notifier, "b", 1, NotifyErrorKind::Rejected);
    let (_notifications, recorder) = observed(bus(vec![Ok(subscription)]), recording(notifier).0, false);
    let broken = Bytes::from_static(b"{}");
    let at = Timestamp::from_millis(SystemClock.now().as_millis() - 5000);
    deliveries.send(delivery(0, vec![traced("a", at), payload("b"), broken])).unwrap();
    until("acknowledged", || *acknowledged.lock().unwrap() == [Offset(4)]).await;
    use NotificationEnd::*;
    let retried = Retried(NotifyErrorKind::Unavailable);
    let undeliverable = Undeliverable(NotifyErrorKind::Rejected);
    let ends = [(0, retried), (0, retried), (0, Delivered), (1, undeliverable), (2, Undecodable)];
    assert_eq!(recorder.ends(), ends);
    let seen = recorder.seen.lock().unwrap().clone();
    assert_eq!(seen[..4].iter().map(|seen| seen.attempt).collect::<Vec<_>>(), [1, 2, 3, 1]);
    let delivered = &seen[2];
    assert_eq!(delivered.at, ("console".to_owned(), Partition(3), Offset(0)));
    assert_eq!(delivered.order, Some((OrderId::parse("a").unwrap(), Version(2), Status::Confirmed)));
    assert!((5000..605_000).contains(&delivered.age.as_millis()), "{:?}", delivered.age);
    assert_eq!((delivered.span, delivered.parent), (None, TraceContext::parse(PARENT)));
    assert_eq!((seen[4].order.clone(), seen[4].attempt), (None, 0));
}

#[tokio::test(start_paused = true)]
async fn a_notifier_receives_the_span_of_its_attempt() {
    for spans in [true, false] {
        let (mock, acknowledged) = acknowledging(MockSubscription::new());
        let (subscription, deliveries) = subscription(mock);
        let traces = Arc::new(Mutex::new(Vec::new()));
        let (mut notifier, noted) = (MockNotifier::new(), traces.clone());
        notifier.expect_notify().returning(move |notification| {
            noted.lock().unwrap().push(notification.trace.as_ref().and_then(|trace| trace.context()));
            Ok(())
        });
        let (_notifications, recorder) = observed(bus(vec![Ok(subscription)]), notifier, spans);
        deliveries.send(delivery(0, vec![traced("a", Timestamp::default())])).unwrap();
        until("acknowledged", || !acknowledged.lock().unwrap().is_empty()).await;
        let parent = TraceContext::parse(PARENT);
        let span = parent.and_then(|parent| parent.with_span_id(100)).filter(|_| spans);
        let seen = recorder.seen.lock().unwrap()[0].clone();
        assert_eq!((seen.span, seen.parent), (span, parent));
        assert_eq!(*traces.lock().unwrap(), [span.or(parent)]);
    }
}

#[tokio::test(start_paused = true)]
async fn removed_records_are_reported_with_their_number() {
    let (mock, recorded) = recording_positions(MockSubscription::new());
    let (subscription, events) = subscription(mock);
    let (_notifications, recorder) =
        observed(bus(vec![Ok(subscription)]), recording(MockNotifier::new()).0, false);
    events.send(Ok(SubscriptionEvent::Moved { partition: HOME, from: Offset(5), to: Offset(12) })).unwrap();
    until("acknowledged", || *recorded.lock().unwrap() == ["3@12"]).await;
    assert_eq!(recorder.ends(), [(5, NotificationEnd::Gone(7))]);
    // A log that ends before the position has removed nothing.
    events.send(Ok(SubscriptionEvent::Moved { partition: HOME, from: Offset(12), to: Offset(2) })).unwrap();
    until("acknowledged", || recorded.lock().unwrap().len() == 2).await;
    assert_eq!(recorder.ends().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_reading_shows_the_oldest_incomplete_notification_retries_and_halts() {
    let (mock, _) = acknowledging(MockSubscription::new());
    let (subscription, deliveries) = subscription(mock);
    let mut notifier = MockNotifier::new();
    failing(&mut notifier, "a", 3, NotifyErrorKind::Unavailable);
    let (notifications, _) = observed(bus(vec![Ok(subscription)]), recording(notifier).0, false);
    let gauges = notifications.gauges();
    let idle = reading(&*gauges);
    assert_eq!((&*idle.channel, idle.oldest_at, idle.retrying, idle.halted), ("console", None, 0, 0));

    let at = Timestamp::from_millis(1_000_000);
    deliveries.send(delivery_in(OTHER, 0, vec![traced("a", at)])).unwrap();
    until("retrying", || reading(&*gauges).retrying == 1).await;
    assert_eq!(reading(&*gauges).oldest_at, Some(at));
    until("delivered", || notifications.report().delivered == 1).await;
    until("complete", || reading(&*gauges).oldest_at.is_none()).await;
    assert_eq!(reading(&*gauges).retrying, 0);

    deliveries.send(delivery_in(HOME, 0, vec![newer("b")])).unwrap();
    until("halted", || reading(&*gauges).halted == 1).await;
    assert_eq!(reading(&*gauges).oldest_at, Some(Timestamp::default()), "when the log accepted it");
    deliveries.send(Ok(SubscriptionEvent::Lost(vec![HOME]))).unwrap();
    until("lost", || reading(&*gauges).halted == 0).await;
    assert_eq!(reading(&*gauges).oldest_at, None);
}
