//! Groups of readers.

use std::collections::{BTreeMap, BTreeSet};

use super::BusCase;
use super::steps::{HOME, OTHER, PLENTY, strings, texts};
use crate::executor::{First, both, race};
use logistics_core::port::{Delivery, PortError, ReadLimit, StartAt, Subscription, SubscriptionEvent, Topic};
use logistics_core::{Offset, Partition, Timestamp};

type Member<'a> = &'a mut dyn Subscription;
type Found = BTreeMap<Partition, (Vec<String>, Offset)>;

impl BusCase {
    async fn subscribe(&self, group: &str) -> Box<dyn Subscription> {
        self.subscribe_from(group, StartAt::Start).await
    }

    async fn subscribe_from(&self, group: &str, from: StartAt) -> Box<dyn Subscription> {
        self.works("subscribe", self.bus().subscribe(Topic::Orders, group, from)).await
    }

    async fn event(&self, subscription: Member<'_>) -> SubscriptionEvent {
        self.works("an event of the subscription", subscription.next(PLENTY, &BTreeSet::new())).await
    }

    /// The next records; skips events of the group.
    async fn delivery(&self, subscription: Member<'_>, held: &BTreeSet<Partition>) -> Delivery {
        let delivery = async { next_delivery(subscription, held).await };
        self.works("a delivery", delivery).await
    }

    /// The texts of the next records, by partition, and the position behind them.
    async fn deliveries(&self, subscription: Member<'_>, records: usize) -> Found {
        let (mut found, mut count) = (Found::new(), 0);
        while count < records {
            let Delivery { partition, batch } = self.delivery(subscription, &BTreeSet::new()).await;
            count += batch.records.len();
            let (so_far, next) = found.entry(partition).or_default();
            so_far.extend(texts(&batch.records));
            self.holds("deliveries of a partition go forward", batch.next > *next);
            *next = batch.next;
        }
        found
    }

    /// Checks that no records are delivered.
    async fn no_delivery(&self, what: &str, subscription: Member<'_>, held: &BTreeSet<Partition>) {
        self.waits(what, next_delivery(subscription, held)).await;
    }

    /// The group's start in every partition. Checks that each start precedes the first record.
    async fn starts(&self, subscription: Member<'_>) -> BTreeMap<Partition, Offset> {
        let mut started = BTreeMap::new();
        while started.len() < self.bus().partitions() as usize {
            match self.event(subscription).await {
                SubscriptionEvent::Started(starts) => started.extend(starts),
                SubscriptionEvent::Records(Delivery { partition, .. }) => {
                    self.holds("a start precedes the first record", started.contains_key(&partition));
                }
                other => panic!("case `{}`: {other:?} instead of a start", self.name),
            }
        }
        started
    }
}

async fn next_delivery(
    subscription: &mut dyn Subscription,
    held: &BTreeSet<Partition>,
) -> Result<Delivery, PortError> {
    loop {
        match subscription.next(PLENTY, held).await? {
            SubscriptionEvent::Records(delivery) => return Ok(delivery),
            SubscriptionEvent::Revoked(partitions) => subscription.release(&partitions).await?,
            _ => {}
        }
    }
}

pub(super) async fn everything_is_delivered_in_order(case: BusCase) {
    let mut subscription = case.subscribe("readers").await;
    let nothing_held = BTreeSet::new();
    case.no_delivery("a delivery of nothing", &mut *subscription, &nothing_held).await;
    let partitions = [HOME, OTHER, HOME, OTHER, HOME];
    for (n, partition) in partitions.into_iter().enumerate() {
        case.append(partition, &n.to_string()).await;
    }
    let found = case.deliveries(&mut *subscription, partitions.len()).await;
    let of = |partition| found.get(&partition).map(|(texts, _)| texts.clone()).unwrap_or_default();
    case.same("one partition", &of(HOME), &strings(&["0", "2", "4"]));
    case.same("the other", &of(OTHER), &strings(&["1", "3"]));
    case.no_delivery("a delivery behind everything", &mut *subscription, &nothing_held).await;
    let (more, _) = both(case.deliveries(&mut *subscription, 1), case.append(HOME, "5")).await;
    case.same("what came later", &more[&HOME].0, &strings(&["5"]));
}

pub(super) async fn notifications_are_delivered_too(case: BusCase) {
    let member = case.member().await;
    let log = case.acquired(&*member, HOME).await;
    let subscribing = case.bus();
    let mut subscription = case
        .works("subscribe", subscribing.subscribe(Topic::Notifications, "notifiers", StartAt::Start))
        .await;
    let mut records = case.records(Topic::Orders, HOME, &["fact"]);
    records.extend(case.records(Topic::Notifications, HOME, &["notification-1", "notification-2"]));
    case.commit(&*log, records, Offset(0)).await;
    let found = case.deliveries(&mut *subscription, 2).await;
    case.same("the notifications", &found[&HOME].0, &strings(&["notification-1", "notification-2"]));
}

pub(super) async fn unacknowledged_records_are_delivered_again_to_the_next_member_only(case: BusCase) {
    for text in ["a", "b"] {
        case.append(HOME, text).await;
    }
    let mut first = case.subscribe("readers").await;
    let next = case.deliveries(&mut *first, 2).await[&HOME].1;
    case.works("acknowledge", first.acknowledge(HOME, next)).await;
    let unacknowledged = case.append(HOME, "c").await;
    case.same("the texts", &case.deliveries(&mut *first, 1).await[&HOME].0, &strings(&["c"]));
    case.no_delivery("what this member was given already", &mut *first, &BTreeSet::new()).await;
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

pub(super) async fn groups_have_positions_of_their_own(case: BusCase) {
    case.append(HOME, "a").await;
    for group in ["one", "another"] {
        let mut subscription = case.subscribe(group).await;
        let (found, next) = case.deliveries(&mut *subscription, 1).await.remove(&HOME).unwrap_or_default();
        case.same("what the group reads", &found, &strings(&["a"]));
        case.works("acknowledge", subscription.acknowledge(HOME, next)).await;
    }
}

pub(super) async fn a_cancelled_wait_for_a_delivery_loses_nothing(case: BusCase) {
    let mut subscription = case.subscribe("readers").await;
    for text in ["a", "b", "c"] {
        case.no_delivery("a delivery of nothing new", &mut *subscription, &BTreeSet::new()).await;
        case.append(HOME, text).await;
        case.same("the texts", &case.deliveries(&mut *subscription, 1).await[&HOME].0, &strings(&[text]));
    }
}

pub(super) async fn positions_survive_a_restart(mut case: BusCase) {
    case.append(HOME, "a").await;
    let second = case.append(HOME, "b").await;
    let mut subscription = case.subscribe("readers").await;
    case.deliveries(&mut *subscription, 2).await;
    case.works("acknowledge", subscription.acknowledge(HOME, second)).await;
    drop(subscription);
    case.harness.restart().await;
    let mut subscription = case.subscribe("readers").await;
    let found = case.deliveries(&mut *subscription, 1).await;
    case.same("what was not acknowledged", &found[&HOME].0, &strings(&["b"]));
}

pub(super) async fn two_members_read_everything_between_them(case: BusCase) {
    let mut first = case.subscribe("readers").await;
    let mut second = case.subscribe("readers").await;
    let mut wanted = BTreeSet::new();
    for n in 0..10 {
        let text = n.to_string();
        case.append(Partition(n % 2), &text).await;
        wanted.insert(text);
    }
    // During the rebalance, records may be delivered twice. None may be missing.
    let mut found = BTreeSet::new();
    while found != wanted {
        let held = BTreeSet::new();
        let either = race(next_delivery(&mut *first, &held), next_delivery(&mut *second, &held));
        let delivery = case.soon("every record", either).await;
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

pub(super) async fn a_group_without_a_position_starts_where_its_reader_requests(case: BusCase) {
    let mut end = Offset(0);
    for text in ["before", "at", "last"] {
        end = case.append(HOME, text).await.next();
        // Where there is a clock, the times differ.
        case.harness.pause().await;
    }
    let records = case.tail(Topic::Orders, HOME, Offset(0), 3).await;
    let at = records[1].at;
    let earliest = StartAt::Time(Timestamp::default());
    let latest = StartAt::Time(at.after_millis(3_600_000));
    for (group, from) in
        [("start", StartAt::Start), ("earliest", earliest), ("latest", latest), ("end", StartAt::End)]
    {
        let mut subscription = case.subscribe_from(group, from).await;
        let starts = case.starts(&mut *subscription).await;
        let wanted = if group == "start" || group == "earliest" { Offset(0) } else { end };
        case.same(&format!("where the group `{group}` starts"), &starts[&HOME], &wanted);
        case.same("where it starts in a partition without records", &starts[&OTHER], &Offset(0));
    }
    let mut subscription = case.subscribe_from("time", StartAt::Time(at)).await;
    let start = case.starts(&mut *subscription).await[&HOME];
    let wanted = records.iter().find(|record| record.at >= at).map(|record| record.offset);
    case.same("the first record of that time or later", &Some(start), &wanted);
}

pub(super) async fn a_group_that_started_at_the_end_loses_nothing_of_what_comes_then(case: BusCase) {
    case.append(HOME, "old").await;
    let mut first = case.subscribe_from("readers", StartAt::End).await;
    case.starts(&mut *first).await;
    // Nothing is acknowledged by the member that is gone before the next record comes.
    drop(first);
    case.append(HOME, "new").await;
    let mut second = case.subscribe_from("readers", StartAt::End).await;
    let (found, _) = case.deliveries(&mut *second, 1).await.remove(&HOME).unwrap_or_default();
    case.same("what came in between", &found, &strings(&["new"]));
}

pub(super) async fn a_group_with_a_position_goes_on_there_wherever_it_would_start(case: BusCase) {
    case.append(HOME, "a").await;
    let mut first = case.subscribe("readers").await;
    let next = case.deliveries(&mut *first, 1).await[&HOME].1;
    case.works("acknowledge", first.acknowledge(HOME, next)).await;
    drop(first);
    case.append(HOME, "b").await;
    for from in [StartAt::End, StartAt::Time(Timestamp::default().after_millis(u64::MAX)), StartAt::Start] {
        let mut subscription = case.subscribe_from("readers", from).await;
        let (found, _) = case.deliveries(&mut *subscription, 1).await.remove(&HOME).unwrap_or_default();
        case.same("what the group goes on with", &found, &strings(&["b"]));
    }
}

pub(super) async fn a_held_partition_waits_and_the_others_go_on(case: BusCase) {
    let mut subscription = case.subscribe("readers").await;
    for partition in [HOME, OTHER] {
        case.append(partition, "1").await;
        case.append(partition, "2").await;
    }
    let held = BTreeSet::from([HOME]);
    let one = ReadLimit { records: 1, ..PLENTY };
    let mut found = Vec::new();
    while found.len() < 2 {
        match case.works("an event", subscription.next(one, &held)).await {
            SubscriptionEvent::Records(Delivery { partition, batch }) => {
                case.same("the partition that is not held", &partition, &OTHER);
                case.same("the records of a limit of one", &batch.records.len(), &1);
                found.extend(texts(&batch.records));
            }
            SubscriptionEvent::Started(_) => {}
            other => panic!("case `{}`: {other:?} instead of records", case.name),
        }
    }
    case.same("what is not held", &found, &strings(&["1", "2"]));
    case.no_delivery("what is held", &mut *subscription, &held).await;
    let found = case.deliveries(&mut *subscription, 2).await;
    case.same("what was held", &found[&HOME].0, &strings(&["1", "2"]));
}

pub(super) async fn an_assignment_shows_without_records(case: BusCase) {
    let held = BTreeSet::new();
    for _ in 0..2 {
        // The second member finds positions and nothing to read.
        let mut subscription = case.subscribe("readers").await;
        let assigned = async {
            while subscription.assigned() != case.all_partitions() {
                match race(subscription.next(PLENTY, &held), case.harness.pause()).await {
                    First::Left(Ok(SubscriptionEvent::Started(_))) | First::Right(()) => {}
                    First::Left(Err(error)) if error.kind().is_retryable() => case.harness.pause().await,
                    First::Left(other) => panic!("case `{}`: {other:?} of an empty topic", case.name),
                }
            }
        };
        case.soon("the assignment", assigned).await;
    }
}

pub(super) async fn a_revoked_partition_moves_once_it_is_released_and_not_before(case: BusCase) {
    let mut first = case.subscribe("readers").await;
    let partitions = case.all_partitions();
    for partition in &partitions {
        case.append(*partition, "1").await;
    }
    let given = case.deliveries(&mut *first, partitions.len()).await;
    let mut second = case.subscribe("readers").await;
    let held = BTreeSet::new();
    // The new member is polled too: a rebalance needs all members.
    let revoked = loop {
        let both = race(first.next(PLENTY, &held), next_delivery(&mut *second, &held));
        match case.soon("the revocation", both).await {
            First::Left(Ok(SubscriptionEvent::Revoked(revoked))) => break revoked,
            First::Left(Ok(SubscriptionEvent::Started(_))) => {}
            First::Left(Err(error)) if error.kind().is_retryable() => case.harness.pause().await,
            other => panic!("case `{}`: {other:?} instead of a revocation", case.name),
        }
    };
    let moving = revoked[0];
    case.holds("a revoked partition is assigned no longer", !first.assigned().contains(&moving));
    let late = case.append(moving, "2").await;
    let unreleased = race(first.next(PLENTY, &held), next_delivery(&mut *second, &held));
    case.waits("a record of what is revoked and not released", unreleased).await;
    case.works("acknowledge before the release", first.acknowledge(moving, given[&moving].1)).await;
    case.works("release", first.release(&revoked)).await;
    let delivery = loop {
        let both = race(next_delivery(&mut *second, &held), first.next(PLENTY, &held));
        match case.soon("the record", both).await {
            First::Left(Ok(delivery)) if delivery.partition == moving => break delivery,
            First::Left(Ok(_)) | First::Right(Ok(_)) => {}
            First::Left(Err(error)) | First::Right(Err(error)) if error.kind().is_retryable() => {
                case.harness.pause().await;
            }
            other => panic!("case `{}`: {other:?} instead of a record", case.name),
        }
    };
    case.same("the first record behind the position", &delivery.batch.records[0].offset, &late);
    let refused = case.soon("an answer", first.acknowledge(moving, late.next())).await;
    case.holds("a member that released a partition acknowledges nothing there", refused.is_err());
}
