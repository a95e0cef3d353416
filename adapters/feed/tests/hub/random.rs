//! Subscribers start, end, lag and resume, while transactions commit and abort and reads fail. Each gets every fact of its
//! filter behind its start, once and in the order of the log. `HUB_SEED` repeats a run.
#![allow(clippy::print_stderr, reason = "the seed of a failure is for people")]

use std::time::{Duration, SystemTime};

use futures::stream::{StreamExt, TryStreamExt};
use logistics_core::port::{CommitOutcome, EventBusExt, ReadLimit, Topic};
use logistics_core::wire::Record;
use logistics_core::{Offset, OrderId, Partition, wire};
use logistics_feed::{FeedEvent, Filter, Hub, HubOptions, Positions, Subscription};
use logistics_testkit::{CommitFate, Faults, Rng, sample};

use crate::counted_bus::{CountedBus, PARTITIONS, fact, home, order};

const ROUNDS: u64 = 60;
const STEPS: usize = 250;
const ORDERS_A_PARTITION: usize = 3;
const SUBSCRIBERS_MAX: usize = 12;
/// On the paused clock, this time passes once every task waits for longer.
const A_MOMENT: Duration = Duration::from_millis(20);

struct Subscriber {
    filter: Filter,
    start: Positions,
    subscription: Subscription,
    seen: Vec<(Partition, Offset)>,
    lags: usize,
}

struct Run {
    counted: CountedBus,
    hub: Hub,
    rng: Rng,
    orders: Vec<OrderId>,
    versions: Vec<u64>,
    subscribers: Vec<Subscriber>,
    lags: usize,
}

#[tokio::test(start_paused = true)]
async fn every_subscriber_gets_every_fact_once_under_faults() {
    let clock =
        || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().subsec_nanos();
    let seed: u64 =
        std::env::var("HUB_SEED").map_or_else(|_| clock().into(), |seed| seed.parse().expect("a number"));
    eprintln!("HUB_SEED={seed}");
    let mut lags = 0;
    for round in 0..ROUNDS {
        lags += run(seed.wrapping_add(round)).await;
    }
    assert!(lags > 50, "the queues are small: {lags} lags");
}

async fn run(seed: u64) -> usize {
    let mut run = Run::new(seed);
    for _ in 0..STEPS {
        run.step().await;
    }
    run.counted.bus.set_faults(Faults::none());
    for partition in (0..PARTITIONS).map(Partition) {
        run.finish_transaction(partition, true);
    }
    let log = log(&run.counted).await;
    while let Some(mut subscriber) = run.subscribers.pop() {
        while subscriber.take(&run.hub, usize::MAX).await {}
        let seen = |partition| subscriber.seen.iter().filter(move |fact| fact.0 == partition);
        for (partition, start) in &subscriber.start {
            let wanted = |fact: &&(Partition, Offset, OrderId)| {
                let of_filter = match &subscriber.filter {
                    Filter::Order(order_id) => fact.2 == *order_id,
                    _ => true,
                };
                of_filter && fact.0 == *partition && fact.1 >= *start
            };
            let expected: Vec<_> = log.iter().filter(wanted).map(|fact| fact.1).collect();
            let seen: Vec<_> = seen(*partition).map(|fact| fact.1).collect();
            assert_eq!(seen, expected, "partition {partition} from {start} for {:?}", subscriber.filter);
        }
        run.lags += subscriber.lags;
    }
    run.lags
}

/// The facts of every partition.
async fn log(counted: &CountedBus) -> Vec<(Partition, Offset, OrderId)> {
    let limit = ReadLimit { records: 100, bytes: 1 << 20 };
    let mut log = Vec::new();
    for partition in (0..PARTITIONS).map(Partition) {
        let mut records = counted.bus.read_to_end(Topic::Orders, partition, Offset(0), limit);
        while let Some(record) = records.try_next().await.expect("the faults are off") {
            if let Ok(Record::Fact(fact)) = wire::decode(&record, partition) {
                log.push((partition, record.offset, fact.order_id));
            }
        }
    }
    log
}

impl Subscriber {
    /// Takes up to `count` facts, and resumes after a lag. Returns false if there was no fact.
    async fn take(&mut self, hub: &Hub, count: usize) -> bool {
        for taken in 0..count {
            match tokio::time::timeout(A_MOMENT, self.subscription.next()).await {
                Ok(Some(FeedEvent::Fact(fact))) => self.seen.push((fact.partition, fact.offset)),
                Ok(Some(FeedEvent::Lagged { resume_from })) => {
                    self.lags += 1;
                    let resumed = hub.subscribe_from(self.filter.clone(), &resume_from).await;
                    self.subscription = resumed.expect("a lag has a position for every partition");
                }
                Ok(other) => panic!("{other:?}"),
                Err(_) => return taken > 0,
            }
        }
        true
    }
}

impl Run {
    fn new(seed: u64) -> Self {
        let counted = CountedBus::new();
        let mut rng = Rng::new(seed);
        let options = HubOptions {
            queue_facts_max: 2 + rng.below(8) as usize,
            linger_ms: 1 + rng.below(50),
            retry_delay_ms_min: 1,
            retry_delay_ms_max: 4,
            ..HubOptions::default()
        };
        let hub = counted.hub(options);
        let orders: Vec<_> = (0..PARTITIONS)
            .flat_map(|partition| (0..ORDERS_A_PARTITION).map(move |n| order(partition, n)))
            .collect();
        let versions = vec![0; orders.len()];
        counted.bus.set_faults(Faults { slow: 200, unavailable_before: 150, ..Faults::none() });
        Self { counted, hub, rng, orders, versions, subscribers: Vec::new(), lags: 0 }
    }

    async fn step(&mut self) {
        match self.rng.below(10) {
            0..5 => self.write(),
            5 => self.finish_random(),
            6 => self.subscribe().await,
            7 | 8 => self.take().await,
            _ => self.end_or_wait().await,
        }
    }

    /// Facts of one order in a transaction, which may stay open for a while.
    fn write(&mut self) {
        let index = self.rng.below(self.orders.len() as u64) as usize;
        let (order_id, count) = (self.orders[index].clone(), 1 + self.rng.below(3));
        let partition = home(&order_id);
        let mut record = || {
            self.versions[index] += 1;
            let payload = wire::encode_fact(&fact(&order_id, self.versions[index]));
            sample::record(Topic::Orders, partition, &order_id, payload)
        };
        let records: Vec<_> = (0..count).map(|_| record()).collect();
        self.counted.bus.with_broker(|broker| {
            let epoch = broker.epoch(partition).unwrap_or_else(|| broker.acquire(partition));
            broker.write(partition, epoch, &records).expect("nothing fences it");
        });
        if self.rng.chance(800) {
            let committed = self.rng.chance(800);
            self.finish_transaction(partition, committed);
        }
    }

    fn finish_random(&mut self) {
        let partition = Partition(self.rng.below(u64::from(PARTITIONS)) as u32);
        let committed = self.rng.chance(500);
        self.finish_transaction(partition, committed);
    }

    fn finish_transaction(&mut self, partition: Partition, committed: bool) {
        self.counted.bus.with_broker(|broker| {
            let Some(epoch) = broker.epoch(partition).filter(|_| broker.is_open(partition)) else { return };
            if committed {
                let outcome = broker.commit(partition, epoch, CommitFate::Answered);
                assert_eq!(outcome, CommitOutcome::Committed);
            } else {
                broker.abort(partition, epoch).expect("nothing fences it");
            }
        });
    }

    async fn subscribe(&mut self) {
        if self.subscribers.len() == SUBSCRIBERS_MAX {
            return;
        }
        let index = self.rng.below(self.orders.len() as u64) as usize;
        let filter =
            if self.rng.chance(500) { Filter::All } else { Filter::Order(self.orders[index].clone()) };
        let mut from = Positions::new();
        for partition in (0..PARTITIONS).map(Partition) {
            let end = self.counted.bus.with_broker(|broker| broker.end(Topic::Orders, partition));
            if self.rng.chance(400) {
                from.insert(partition, Offset(self.rng.below(end.0 + 1)));
            }
        }
        // With an open transaction at the end, the subscription does not begin yet.
        let begins = self.hub.subscribe_from(filter.clone(), &from);
        let Ok(subscription) = tokio::time::timeout(A_MOMENT, begins).await else { return };
        let subscription = subscription.expect("all faults are retryable");
        let start = subscription.positions().clone();
        assert!(start.iter().all(|(partition, start)| from.get(partition).is_none_or(|from| from == start)));
        self.subscribers.push(Subscriber { filter, start, subscription, seen: Vec::new(), lags: 0 });
    }

    async fn take(&mut self) {
        let count = self.rng.below(12) as usize;
        if let Some(index) = self.one() {
            self.subscribers[index].take(&self.hub, count).await;
        }
    }

    /// Ends a subscriber, or lets time pass.
    async fn end_or_wait(&mut self) {
        if self.rng.chance(300)
            && let Some(index) = self.one()
        {
            self.lags += self.subscribers.swap_remove(index).lags;
        }
        tokio::time::advance(Duration::from_millis(self.rng.below(60))).await;
    }

    fn one(&mut self) -> Option<usize> {
        let count = self.subscribers.len() as u64;
        (count > 0).then(|| self.rng.below(count) as usize)
    }
}
