//! Logs that cannot be read.

use bytes::Bytes;
use futures::stream::StreamExt;
use logistics_core::port::{PortErrorKind, Topic};
use logistics_core::{Offset, Partition, wire};
use logistics_feed::{FeedError, FeedEvent, Filter, HubOptions, Positions};
use logistics_testkit::Faults;

use crate::counted_bus::{CountedBus, fact, is_quiet, order, take};

#[tokio::test(start_paused = true)]
async fn a_reader_continues_at_its_position_once_the_log_is_back() {
    let counted = CountedBus::new();
    let hub = counted.hub(HubOptions::default());
    let id = order(0, 0);
    let mut all = hub.subscribe(Filter::All).await.expect("nothing fails");
    let first = counted.append(&id, 1);
    assert_eq!(take(&mut all, 1).await, [first]);
    // The waiting read ends with the next record; every later call fails.
    counted.bus.set_faults(Faults { unavailable_before: 1000, ..Faults::none() });
    let mut expected: Vec<_> = (2..=5).map(|version| counted.append(&id, version)).collect();
    let waiting = take(&mut all, 4).await;
    assert_eq!(waiting, expected);
    expected = (6..=9).map(|version| counted.append(&id, version)).collect();
    let outage = std::time::Duration::from_secs(60);
    assert!(tokio::time::timeout(outage, all.next()).await.is_err(), "no event while the log is away");
    counted.bus.set_faults(Faults::none());
    assert_eq!(take(&mut all, 4).await, expected);
    assert!(is_quiet(&mut all).await);
    assert!(counted.opened() > 3, "the reader was opened again");
}

#[tokio::test(start_paused = true)]
async fn a_subscription_begins_once_the_log_is_back() {
    let counted = CountedBus::new();
    let hub = counted.hub(HubOptions::default());
    let id = order(0, 0);
    counted.append(&id, 1);
    counted.bus.set_faults(Faults { unavailable_before: 1000, ..Faults::none() });
    let mut begins = std::pin::pin!(hub.subscribe(Filter::All));
    let outage = std::time::Duration::from_secs(60);
    assert!(tokio::time::timeout(outage, &mut begins).await.is_err());
    counted.bus.set_faults(Faults::none());
    let mut all = begins.await.expect("the log is back");
    let fact = counted.append(&id, 2);
    assert_eq!(take(&mut all, 1).await, [fact]);
}

#[tokio::test(start_paused = true)]
async fn a_position_that_the_log_no_longer_has_ends_the_subscription_and_no_other() {
    let counted = CountedBus::new();
    let hub = counted.hub(HubOptions::default());
    let id = order(0, 0);
    (1..=3).for_each(|version| drop(counted.append(&id, version)));
    counted.bus.with_broker(|broker| broker.truncate(Topic::Orders, Partition(0), Offset(2)));
    let mut other = hub.subscribe(Filter::All).await.expect("nothing fails");
    let from = Positions::from([(Partition(0), Offset(0))]);
    let mut all = hub.subscribe_from(Filter::All, &from).await.expect("the read finds it");
    match all.next().await {
        Some(FeedEvent::Closed(FeedError::Log { partition: Partition(0), error })) => {
            assert_eq!(error.kind(), PortErrorKind::Truncated);
        }
        other => panic!("{other:?}"),
    }
    assert!(all.next().await.is_none());
    let fact = counted.append(&id, 4);
    assert_eq!(take(&mut other, 1).await, [fact]);
}

#[tokio::test(start_paused = true)]
async fn a_record_of_a_newer_release_is_never_skipped() {
    let counted = CountedBus::new();
    let hub = counted.hub(HubOptions::default());
    let id = order(0, 0);
    let mut live = hub.subscribe(Filter::All).await.expect("nothing fails");
    let before = counted.append(&id, 1);
    let text = String::from_utf8(wire::encode_fact(&fact(&id, 2)).to_vec()).expect("JSON");
    let newer = text.replace(wire::DATA_SCHEMA, "urn:logistics:order:5");
    assert_ne!(newer, text);
    counted.append_bytes(&id, Bytes::from(newer));
    counted.append(&id, 3);
    let from = Positions::from([(Partition(0), Offset(0))]);
    let mut catching_up = hub.subscribe_from(Filter::Order(id), &from).await.expect("nothing fails");
    for subscription in [&mut live, &mut catching_up] {
        assert_eq!(take(subscription, 1).await, std::slice::from_ref(&before));
        let event = subscription.next().await;
        let newer = matches!(&event, Some(FeedEvent::Closed(FeedError::Newer { offset: Offset(1), .. })));
        assert!(newer, "{event:?}");
        assert!(subscription.next().await.is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn a_catch_up_continues_behind_the_last_fact_after_a_failure() {
    // More than one read returns, so that reads fail between two others.
    const FACTS: u64 = 5000;
    let counted = CountedBus::new();
    let hub = counted.hub(HubOptions::default());
    let id = order(0, 0);
    let expected: Vec<_> = (1..=FACTS).map(|version| counted.append(&id, version)).collect();
    counted.bus.set_faults(Faults { unavailable_before: 400, ..Faults::none() });
    let from = Positions::from([(Partition(0), Offset(0))]);
    let mut of_order = hub.subscribe_from(Filter::Order(id), &from).await.expect("no call yet");
    assert_eq!(take(&mut of_order, expected.len()).await, expected);
    assert!(is_quiet(&mut of_order).await);
}
