//! The number of readers, and how long they run.

use std::time::Duration;

use futures::stream::StreamExt;
use logistics_feed::{FeedError, FeedEvent, Filter, HubOptions};

use crate::counted_bus::{CountedBus, PARTITIONS, is_quiet, order, take, until};

const LINGER: Duration = Duration::from_millis(5000);

#[tokio::test(start_paused = true)]
async fn a_partition_has_one_reader_for_all_its_subscribers() {
    let counted = CountedBus::new();
    let hub = counted.hub(HubOptions::default());
    assert_eq!((hub.readers(), counted.opened()), (0, 0), "no call before the first subscription");
    let mut of_one = Vec::new();
    for n in 0..20 {
        of_one.push(hub.subscribe(Filter::Order(order(1, n))).await.expect("nothing fails"));
    }
    until("one is open", || counted.open() == 1).await;
    assert_eq!((hub.readers(), counted.opened()), (1, 1));
    let mut of_all = Vec::new();
    for _ in 0..20 {
        of_all.push(hub.subscribe(Filter::All).await.expect("nothing fails"));
    }
    until("all are open", || counted.open() == PARTITIONS as usize).await;
    assert_eq!((hub.readers(), counted.opened()), (PARTITIONS as usize, PARTITIONS as usize));
    let fact = counted.append(&order(1, 0), 1);
    assert_eq!(take(&mut of_one[0], 1).await, std::slice::from_ref(&fact));
    for subscription in &mut of_all {
        assert_eq!(take(subscription, 1).await, std::slice::from_ref(&fact));
    }
    assert!(is_quiet(&mut of_one[1]).await);
}

#[tokio::test(start_paused = true)]
async fn a_reader_ends_when_no_subscription_has_needed_it_for_the_linger() {
    let counted = CountedBus::new();
    let hub = counted.hub(HubOptions::default());
    let id = order(0, 0);
    let first = hub.subscribe(Filter::Order(id.clone())).await.expect("nothing fails");
    until("the reader is open", || counted.open() == 1).await;
    drop(first);
    tokio::time::sleep(LINGER - Duration::from_millis(1)).await;
    assert_eq!((hub.readers(), counted.open()), (1, 1), "it lingers");
    let mut second = hub.subscribe(Filter::Order(id.clone())).await.expect("nothing fails");
    tokio::time::sleep(2 * LINGER).await;
    assert_eq!((hub.readers(), counted.opened()), (1, 1), "the same reader serves another subscriber");
    let fact = counted.append(&id, 1);
    assert_eq!(take(&mut second, 1).await, [fact]);
    drop(second);
    tokio::time::sleep(LINGER + Duration::from_millis(1)).await;
    until("the reader ends", || hub.readers() == 0 && counted.open() == 0).await;
    let mut third = hub.subscribe(Filter::Order(id.clone())).await.expect("nothing fails");
    let fact = counted.append(&id, 2);
    assert_eq!(take(&mut third, 1).await, [fact], "another reader starts");
    assert_eq!((hub.readers(), counted.opened()), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn a_subscription_that_is_dropped_before_it_began_keeps_no_reader() {
    let counted = CountedBus::new();
    let hub = counted.hub(HubOptions::default());
    let begins = hub.subscribe(Filter::All);
    drop(begins);
    {
        let mut begins = std::pin::pin!(hub.subscribe(Filter::All));
        assert!(futures::poll!(&mut begins).is_pending());
    }
    tokio::time::sleep(LINGER + Duration::from_millis(1)).await;
    until("all readers end", || hub.readers() == 0 && counted.open() == 0).await;
}

#[tokio::test(start_paused = true)]
async fn closing_ends_readers_and_subscriptions() {
    let counted = CountedBus::new();
    let hub = counted.hub(HubOptions::default());
    let id = order(0, 0);
    let mut open = hub.subscribe(Filter::All).await.expect("nothing fails");
    let mut peer = hub.subscribe(Filter::Order(id.clone())).await.expect("nothing fails");
    let fact = counted.append(&id, 1);
    take(&mut peer, 1).await;
    hub.clone().close();
    assert_eq!(take(&mut open, 1).await, [fact], "queued facts come first");
    for subscription in [&mut open, &mut peer] {
        let event = subscription.next().await;
        assert!(matches!(event, Some(FeedEvent::Closed(FeedError::ShutDown))), "{event:?}");
        assert!(subscription.next().await.is_none());
    }
    until("all readers end", || hub.readers() == 0 && counted.open() == 0).await;
    assert!(matches!(hub.subscribe(Filter::All).await, Err(FeedError::ShutDown)));
}
