//! The facts of a subscriber, and their order.

use bytes::Bytes;
use futures::future::FutureExt;
use logistics_core::port::{CommitOutcome, EventBus, Topic};
use logistics_core::{Offset, Partition, wire};
use logistics_feed::{Filter, HubOptions, Positions};
use logistics_testkit::{CommitFate, sample};

use crate::counted_bus::{CountedBus, fact, home, is_quiet, order, take};

#[tokio::test(start_paused = true)]
async fn every_subscriber_gets_its_facts_in_the_order_of_the_log() {
    let counted = CountedBus::new();
    let hub = counted.hub(HubOptions::default());
    let (a, b, c) = (order(0, 0), order(0, 1), order(2, 0));
    counted.append(&a, 1);
    let mut all = hub.subscribe(Filter::All).await.expect("nothing fails");
    let mut others = hub.subscribe(Filter::All).await.expect("nothing fails");
    let mut of_a = hub.subscribe(Filter::Order(a.clone())).await.expect("nothing fails");
    let mut expected = Vec::new();
    for version in 2..50 {
        for id in [&a, &b, &c] {
            expected.push(counted.append(id, version));
        }
    }
    for subscription in [&mut all, &mut others] {
        let seen = take(subscription, expected.len()).await;
        for partition in (0..3).map(Partition) {
            let of_partition = |facts: &[crate::counted_bus::Seen]| {
                facts.iter().filter(|fact| fact.0 == partition).cloned().collect::<Vec<_>>()
            };
            assert_eq!(of_partition(&seen), of_partition(&expected));
        }
        assert!(is_quiet(subscription).await);
    }
    expected.retain(|fact| fact.2 == a);
    assert_eq!(take(&mut of_a, expected.len()).await, expected);
    assert!(is_quiet(&mut of_a).await);
}

#[tokio::test(start_paused = true)]
async fn records_other_than_facts_are_omitted() {
    let counted = CountedBus::new();
    let hub = counted.hub(HubOptions::default());
    let id = order(1, 0);
    let mut all = hub.subscribe(Filter::All).await.expect("nothing fails");
    let mut request = sample::place();
    request.order_id = id.clone();
    counted.append_bytes(&id, wire::encode_request(&request));
    counted.append_bytes(&id, Bytes::from_static(b"\x00 no event of this system"));
    let fact = counted.append(&id, 1);
    assert_eq!(take(&mut all, 1).await, [fact]);
    assert_eq!(all.positions().get(&Partition(1)), Some(&Offset(3)));
    assert!(is_quiet(&mut all).await);
}

#[tokio::test(start_paused = true)]
async fn a_fact_in_an_open_transaction_belongs_to_the_subscription_or_is_visible_when_it_begins() {
    let counted = CountedBus::new();
    let hub = counted.hub(HubOptions::default());
    let (id, partition) = (order(0, 0), Partition(0));
    let write = |version| {
        let payload = wire::encode_fact(&fact(&id, version));
        counted.bus.with_broker(|broker| {
            let epoch = broker.epoch(partition).unwrap_or_else(|| broker.acquire(partition));
            let record = sample::record(Topic::Orders, partition, &id, payload);
            broker.write(partition, epoch, &[record]).expect("nothing fences it");
        });
    };
    let commit = || {
        counted.bus.with_broker(|broker| {
            let epoch = broker.epoch(partition).expect("it was acquired");
            assert_eq!(broker.commit(partition, epoch, CommitFate::Answered), CommitOutcome::Committed);
        });
    };
    write(1);
    {
        let mut begins = Box::pin(hub.subscribe(Filter::All));
        let waits = tokio::time::timeout(std::time::Duration::from_secs(1), &mut begins).await;
        assert!(waits.is_err(), "a fact that is committed later would be missed");
    }
    commit();
    let mut first = hub.subscribe(Filter::All).await.expect("nothing fails");
    assert!(is_quiet(&mut first).await, "the fact was visible before");
    write(2);
    let mut second = hub.subscribe(Filter::All).now_or_never().expect("a reader is there").expect("it reads");
    commit();
    for subscription in [&mut first, &mut second] {
        let seen = take(subscription, 1).await;
        assert_eq!(seen, [(partition, Offset(2), id.clone(), 2)]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_subscription_from_positions_reads_past_facts_and_continues_with_new_ones() {
    let counted = CountedBus::new();
    let hub = counted.hub(HubOptions::default());
    let (a, b) = (order(0, 0), order(1, 0));
    let mut expected: Vec<_> = (1..=2000).map(|version| counted.append(&a, version)).collect();
    counted.append(&b, 1);
    let end = counted.bus.bounds(Topic::Orders, home(&b)).await.expect("nothing fails").end;
    let from = Positions::from([(home(&a), Offset(10)), (home(&b), end)]);
    let mut all = hub.subscribe_from(Filter::All, &from).await.expect("nothing fails");
    let mut of_a = hub.subscribe_from(Filter::Order(a.clone()), &from).await.expect("nothing fails");
    let (mut seen, mut seen_of_a) = (take(&mut all, 500).await, take(&mut of_a, 500).await);
    expected.extend((2001..=2500).map(|version| counted.append(&a, version)));
    let left = expected.len() - 10 - 500;
    seen.extend(take(&mut all, left).await);
    seen_of_a.extend(take(&mut of_a, left).await);
    assert_eq!(seen, expected[10..]);
    assert_eq!(seen_of_a, expected[10..]);
    let live = counted.append(&a, 2501);
    assert_eq!(take(&mut all, 1).await, std::slice::from_ref(&live));
    assert_eq!(take(&mut of_a, 1).await, [live]);
}
