//! Subscribers that fall behind.

use logistics_core::Offset;
use logistics_feed::{Filter, HubOptions, Positions};

use crate::counted_bus::{CountedBus, home, is_quiet, lagged, order, take, until};

fn options(queue_facts_max: usize) -> HubOptions {
    HubOptions { queue_facts_max, ..HubOptions::default() }
}

#[tokio::test(start_paused = true)]
async fn a_slow_subscriber_resumes_without_a_gap_and_delays_no_other() {
    let counted = CountedBus::new();
    let hub = counted.hub(options(4));
    let id = order(0, 0);
    let mut slow = hub.subscribe(Filter::All).await.expect("nothing fails");
    let mut quick = hub.subscribe(Filter::Order(id.clone())).await.expect("nothing fails");
    let mut expected = Vec::new();
    for version in 1..=10 {
        expected.push(counted.append(&id, version));
        assert_eq!(take(&mut quick, 1).await, expected[expected.len() - 1..]);
    }
    assert_eq!(take(&mut slow, 4).await, expected[..4], "queued facts come first");
    let resume_from = lagged(&mut slow).await;
    assert_eq!(resume_from.get(&home(&id)), Some(&Offset(4)));
    let mut resumed = hub.subscribe_from(Filter::All, &resume_from).await.expect("nothing fails");
    assert_eq!(take(&mut resumed, 6).await, expected[4..]);
    let live = counted.append(&id, 11);
    assert_eq!(take(&mut resumed, 1).await, [live]);
    assert!(is_quiet(&mut resumed).await);
}

#[tokio::test(start_paused = true)]
async fn a_lag_in_one_partition_leaves_no_gap_in_another() {
    let counted = CountedBus::new();
    let hub = counted.hub(options(4));
    let (a, b) = (order(0, 0), order(1, 0));
    let mut slow = hub.subscribe(Filter::All).await.expect("nothing fails");
    let mut quick = hub.subscribe(Filter::All).await.expect("nothing fails");
    let mut expected = Vec::new();
    for version in 1..=6 {
        for id in [&a, &b] {
            expected.push(counted.append(id, version));
            take(&mut quick, 1).await;
        }
    }
    let mut seen = take(&mut slow, 4).await;
    let mut resumed = hub.subscribe_from(Filter::All, &lagged(&mut slow).await).await.expect("nothing fails");
    seen.extend(take(&mut resumed, 8).await);
    seen.sort();
    expected.sort();
    assert_eq!(seen, expected);
}

#[tokio::test(start_paused = true)]
async fn a_queue_has_a_limit_in_bytes_and_takes_one_fact_of_any_size() {
    let counted = CountedBus::new();
    let hub = counted.hub(HubOptions { queue_bytes_max: 1, ..options(1000) });
    let id = order(0, 0);
    let mut slow = hub.subscribe(Filter::All).await.expect("nothing fails");
    let first = counted.append(&id, 1);
    let second = counted.append(&id, 2);
    assert_eq!(take(&mut slow, 1).await, [first]);
    let mut resumed = hub.subscribe_from(Filter::All, &lagged(&mut slow).await).await.expect("nothing fails");
    assert_eq!(take(&mut resumed, 1).await, [second]);
}

#[tokio::test(start_paused = true)]
async fn a_catch_up_waits_for_a_slow_subscriber_and_leaves_room_for_other_partitions() {
    let counted = CountedBus::new();
    let hub = counted.hub(options(8));
    let (old, live) = (order(0, 0), order(1, 0));
    let mut expected: Vec<_> = (1..=100).map(|version| counted.append(&old, version)).collect();
    let from = Positions::from([(home(&old), Offset(0))]);
    let mut slow = hub.subscribe_from(Filter::All, &from).await.expect("nothing fails");
    let mut quick = hub.subscribe(Filter::Order(live.clone())).await.expect("nothing fails");
    until("the read of the old facts waits", || counted.open() == 4).await;
    for version in 1..=4 {
        expected.push(counted.append(&live, version));
        take(&mut quick, 1).await;
    }
    let mut seen = take(&mut slow, expected.len()).await;
    seen.sort();
    expected.sort();
    assert_eq!(seen, expected, "no lag, and no fact is missing");
}
