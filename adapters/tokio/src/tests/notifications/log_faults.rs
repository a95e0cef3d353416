//! Logs that lost records.

use std::sync::Arc;
use std::time::Duration;

use logistics_core::port::{MockNotifier, MockSubscription, StartAt, SubscriptionEvent, Topic};
use logistics_core::{Offset, Partition};
use logistics_testkit::{Broker, MemoryBus};

use super::{HOME, bus, delivery_in, options, payload, recording, recording_positions, start, subscription};

use crate::tests::support::{detail, is_ready, until};
use crate::{Notifications, NotificationsOptions};

#[tokio::test(start_paused = true)]
async fn removed_records_are_counted_and_the_position_moves_behind_them() {
    let (mock, recorded) = recording_positions(MockSubscription::new());
    let (subscription, events) = subscription(mock);
    let (notifier, notified) = recording(MockNotifier::new());
    let notifications = start(bus(vec![Ok(subscription)]), notifier);
    events.send(Ok(SubscriptionEvent::Moved { partition: HOME, from: Offset(5), to: Offset(12) })).unwrap();
    until("acknowledged", || *recorded.lock().unwrap() == ["3@12"]).await;
    events.send(delivery_in(HOME, 12, vec![payload("a")])).unwrap();
    until("delivered", || recorded.lock().unwrap().contains(&"3@14".to_owned())).await;
    assert_eq!(*notified.lock().unwrap(), ["a"]);
    assert_eq!(notifications.report().gone, 7);
    assert_eq!(
        detail(&notifications, "notifier"),
        "delivering; 1 delivered, 7 removed from the log before they were read"
    );
    assert!(is_ready(&notifications, "notifier"));
}

#[tokio::test(start_paused = true)]
async fn reading_continues_in_a_log_that_was_shortened_past_the_position_and_counts_removed_records() {
    let bus = MemoryBus::new(1);
    let append = |name: &str| {
        bus.with_broker(|broker| broker.append(Topic::Notifications, Partition(0), None, payload(name)));
    };
    let start = || {
        let options = NotificationsOptions { from: Some(StartAt::Start), ..options() };
        let (notifier, notified) = recording(MockNotifier::new());
        (Notifications::start(Arc::new(bus.clone()), Arc::new(notifier), options), notified)
    };
    append("a");
    let (first, _) = start();
    until("delivered", || first.report().delivered == 1).await;
    assert!(first.drain(Duration::from_secs(1)).await.clean);
    ["b", "c", "d"].into_iter().for_each(append);
    bus.with_broker(|broker| broker.truncate(Topic::Notifications, Partition(0), Offset(3)));
    let (second, notified) = start();
    until("delivered", || second.report().delivered == 1).await;
    assert_eq!(*notified.lock().unwrap(), ["d"]);
    let report = second.drain(Duration::from_secs(1)).await;
    assert_eq!((report.gone, report.clean), (2, true));
    let position =
        |broker: &mut Broker| broker.position(Topic::Notifications, "notification-service", Partition(0));
    assert_eq!(bus.with_broker(position), Some(Offset(4)));
}
