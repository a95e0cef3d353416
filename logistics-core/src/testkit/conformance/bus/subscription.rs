//! Groups of readers.

use std::collections::{BTreeMap, BTreeSet};

use super::BusCase;
use super::steps::{HOME, OTHER, strings, texts};
use crate::ids::{Offset, Partition};
use crate::port::{Delivery, StartAt, Subscription, Topic};
use crate::testkit::executor::{First, both, race};

impl BusCase<'_> {
    async fn subscribe(&self, group: &str) -> Box<dyn Subscription> {
        self.works("subscribe", self.bus().subscribe(Topic::Orders, group, StartAt::Start)).await
    }

    /// The texts of the next records, by partition, and where each partition goes on.
    async fn deliveries(
        &self,
        subscription: &mut dyn Subscription,
        records: usize,
    ) -> BTreeMap<Partition, (Vec<String>, Offset)> {
        let (mut found, mut count) = (BTreeMap::<_, (Vec<String>, Offset)>::new(), 0);
        while count < records {
            let Delivery { partition, batch } = self.works("a delivery", subscription.next()).await;
            count += batch.records.len();
            let (so_far, next) = found.entry(partition).or_default();
            so_far.extend(texts(&batch.records));
            self.holds("deliveries of a partition go forward", batch.next > *next);
            *next = batch.next;
        }
        found
    }
}

pub(super) async fn everything_is_delivered_in_order(case: BusCase<'_>) {
    let mut subscription = case.subscribe("readers").await;
    case.waits("a delivery of nothing", subscription.next()).await;
    let partitions = [HOME, OTHER, HOME, OTHER, HOME];
    for (n, partition) in partitions.into_iter().enumerate() {
        case.append(partition, &n.to_string()).await;
    }
    let found = case.deliveries(&mut *subscription, partitions.len()).await;
    let of = |partition| found.get(&partition).map(|(texts, _)| texts.clone()).unwrap_or_default();
    case.same("one partition", &of(HOME), &strings(&["0", "2", "4"]));
    case.same("the other", &of(OTHER), &strings(&["1", "3"]));
    case.waits("a delivery behind everything", subscription.next()).await;
    let (more, _) = both(case.deliveries(&mut *subscription, 1), case.append(HOME, "5")).await;
    case.same("what came later", &more[&HOME].0, &strings(&["5"]));
}

pub(super) async fn notifications_are_delivered_too(case: BusCase<'_>) {
    let member = case.member().await;
    let log = case.acquired(&*member, HOME).await;
    let subscribing = case.bus();
    let mut subscription = case
        .works("subscribe", subscribing.subscribe(Topic::Notifications, "notifiers", StartAt::Start))
        .await;
    let mut records = case.records(Topic::Orders, HOME, &["fact"]);
    records.extend(case.records(Topic::Notifications, HOME, &["told-1", "told-2"]));
    case.commit(&*log, records, Offset(0)).await;
    let found = case.deliveries(&mut *subscription, 2).await;
    case.same("the notifications", &found[&HOME].0, &strings(&["told-1", "told-2"]));
}

pub(super) async fn what_was_not_acknowledged_comes_again_to_the_next_member_only(case: BusCase<'_>) {
    for text in ["a", "b"] {
        case.append(HOME, text).await;
    }
    let mut first = case.subscribe("readers").await;
    let next = case.deliveries(&mut *first, 2).await[&HOME].1;
    case.works("acknowledge", first.acknowledge(HOME, next)).await;
    let unacknowledged = case.append(HOME, "c").await;
    case.same("the texts", &case.deliveries(&mut *first, 1).await[&HOME].0, &strings(&["c"]));
    case.waits("what this member was given already", first.next()).await;
    drop(first);

    let mut second = case.subscribe("readers").await;
    let (again, next) = case.deliveries(&mut *second, 1).await.remove(&HOME).unwrap_or_default();
    case.same("what comes again", &again, &strings(&["c"]));
    case.holds("`next` is behind it", next > unacknowledged);
    case.works("acknowledge", second.acknowledge(HOME, next)).await;
    drop(second);

    let mut third = case.subscribe("readers").await;
    case.append(HOME, "d").await;
    case.same("what is new", &case.deliveries(&mut *third, 1).await[&HOME].0, &strings(&["d"]));
}

pub(super) async fn groups_have_positions_of_their_own(case: BusCase<'_>) {
    case.append(HOME, "a").await;
    for group in ["one", "another"] {
        let mut subscription = case.subscribe(group).await;
        let (found, next) = case.deliveries(&mut *subscription, 1).await.remove(&HOME).unwrap_or_default();
        case.same("what the group reads", &found, &strings(&["a"]));
        case.works("acknowledge", subscription.acknowledge(HOME, next)).await;
    }
}

pub(super) async fn a_cancelled_wait_for_a_delivery_loses_nothing(case: BusCase<'_>) {
    let mut subscription = case.subscribe("readers").await;
    for text in ["a", "b", "c"] {
        case.waits("a delivery of nothing new", subscription.next()).await;
        case.append(HOME, text).await;
        case.same("the texts", &case.deliveries(&mut *subscription, 1).await[&HOME].0, &strings(&[text]));
    }
}

pub(super) async fn positions_survive_a_restart(mut case: BusCase<'_>) {
    case.append(HOME, "a").await;
    let second = case.append(HOME, "b").await;
    let mut subscription = case.subscribe("readers").await;
    case.deliveries(&mut *subscription, 2).await;
    case.works("acknowledge", subscription.acknowledge(HOME, second)).await;
    drop(subscription);
    case.fixture.restart().await;
    let mut subscription = case.subscribe("readers").await;
    let found = case.deliveries(&mut *subscription, 1).await;
    case.same("what was not acknowledged", &found[&HOME].0, &strings(&["b"]));
}

pub(super) async fn two_members_read_everything_between_them(case: BusCase<'_>) {
    let mut first = case.subscribe("readers").await;
    let mut second = case.subscribe("readers").await;
    let mut wanted = BTreeSet::new();
    for n in 0..10 {
        let text = n.to_string();
        case.append(Partition(n % 2), &text).await;
        wanted.insert(text);
    }
    // Records may come twice while the members share the partitions out; none may stay away.
    let mut found = BTreeSet::new();
    while found != wanted {
        let delivery = case.soon("every record", race(first.next(), second.next())).await;
        let (First::Left(delivery) | First::Right(delivery)) = delivery;
        match delivery {
            Ok(delivery) => found.extend(texts(&delivery.batch.records)),
            Err(error) => {
                case.holds(&format!("only a retryable error comes ({error})"), error.kind().is_retryable());
                case.harness.pause().await;
            }
        }
    }
}
