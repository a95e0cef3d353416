//! Transactions and their fencing.

use bytes::Bytes;

use super::BusCase;
use super::steps::{HOME, OTHER, PLENTY, strings, texts};
use logistics_core::Offset;
use logistics_core::port::{Membership, NewRecord, PartitionLog, Topic};

pub(super) async fn a_transaction_is_seen_whole_in_every_topic(case: BusCase) {
    let member = case.member().await;
    let log = case.acquired(&*member, HOME).await;
    let input = case.append(HOME, "in").await;
    let mut records = case.records(Topic::Orders, HOME, &["fact-1", "fact-2"]);
    records.extend(case.records(Topic::Notifications, HOME, &["notification-1", "notification-2"]));
    records.extend(case.records(Topic::DeadLetters, HOME, &["dead"]));
    case.commit(&*log, records, input.next()).await;
    let orders = case.texts(Topic::Orders, HOME, 3).await;
    case.same("the orders", &orders, &strings(&["in", "fact-1", "fact-2"]));
    let notifications = case.texts(Topic::Notifications, HOME, 2).await;
    case.same("the notifications", &notifications, &strings(&["notification-1", "notification-2"]));
    case.same("the dead letters", &case.texts(Topic::DeadLetters, HOME, 1).await, &strings(&["dead"]));
}

pub(super) async fn a_transaction_reaches_other_partitions(case: BusCase) {
    let member = case.member().await;
    let log = case.acquired(&*member, HOME).await;
    let input = case.append(HOME, "stray").await;
    let mut records = case.records(Topic::Orders, HOME, &["forwarded"]);
    records.extend(case.records(Topic::Orders, OTHER, &["stray"]));
    case.commit(&*log, records, input.next()).await;
    let home = case.texts(Topic::Orders, HOME, 2).await;
    case.same("its own partition", &home, &strings(&["stray", "forwarded"]));
    case.same("the other partition", &case.texts(Topic::Orders, OTHER, 1).await, &strings(&["stray"]));
}

pub(super) async fn records_without_a_key_and_with_any_key_survive(case: BusCase) {
    let member = case.member().await;
    let log = case.acquired(&*member, HOME).await;
    let keys = [None, Some(Bytes::from_static(b"\x00\xff any")), Some(Bytes::from_static(b"order-1"))];
    let record = |key: &Option<Bytes>| NewRecord {
        topic: Topic::Orders,
        partition: OTHER,
        key: key.clone(),
        payload: Bytes::from_static(b"\xff\x00"),
    };
    case.commit(&*log, keys.iter().map(record).collect(), Offset(0)).await;
    let found = case.tail(Topic::Orders, OTHER, Offset(0), keys.len()).await;
    let found: Vec<_> = found.into_iter().map(|record| record.key).collect();
    case.same("the keys", &found, &keys.to_vec());
}

pub(super) async fn a_transaction_without_records_commits(case: BusCase) {
    let member = case.member().await;
    let log = case.acquired(&*member, HOME).await;
    case.commit(&*log, Vec::new(), Offset(0)).await;
    let input = case.append(HOME, "in").await;
    case.commit(&*log, Vec::new(), input.next()).await;
    case.commit(&*log, case.records(Topic::Orders, HOME, &["fact"]), input.next()).await;
    case.same("the orders", &case.texts(Topic::Orders, HOME, 2).await, &strings(&["in", "fact"]));
}

pub(super) async fn inputs_and_transactions_keep_the_order_in_which_they_came(case: BusCase) {
    let member = case.member().await;
    let log = case.acquired(&*member, HOME).await;
    let mut wanted = Vec::new();
    for n in 0..10 {
        let (input, fact) = (format!("in-{n}"), format!("fact-{n}"));
        let offset = case.append(HOME, &input).await;
        case.commit(&*log, case.records(Topic::Orders, HOME, &[&fact]), offset.next()).await;
        wanted.extend([input, fact]);
    }
    case.same("the orders", &case.texts(Topic::Orders, HOME, wanted.len()).await, &wanted);
}

/// A new owner replays up to the end that it read. If no read reached that end, it would wait for ever.
pub(super) async fn reading_reaches_the_end_that_was_read_before(case: BusCase) {
    let member = case.member().await;
    let log = case.acquired(&*member, HOME).await;
    let input = case.append(HOME, "in").await;
    case.commit(&*log, case.records(Topic::Orders, HOME, &["fact-1", "fact-2"]), input.next()).await;
    let end = case.works("extent", log.extent()).await.bounds.end;
    case.holds("the end is behind every record", end >= Offset(input.0 + 3));
    let bounds = case.works("bounds", case.bus().bounds(Topic::Orders, HOME)).await;
    // Not the same: a broker may write what ends a transaction after it answered.
    case.holds("the end by the bounds, asked later, is not before the end by the log", bounds.end >= end);
    let (mut found, mut from) = (Vec::new(), Offset(0));
    while from < end {
        let batch = case.works("a read up to the end", log.read(from, PLENTY)).await;
        case.holds("a batch's `next` is greater than `from`", batch.next > from);
        found.extend(texts(&batch.records));
        from = batch.next;
    }
    case.same("the orders", &found, &strings(&["in", "fact-1", "fact-2"]));
}

pub(super) async fn a_large_transaction_is_one_transaction(case: BusCase) {
    let member = case.member().await;
    let log = case.acquired(&*member, HOME).await;
    let wanted: Vec<String> = (0..2000).map(|n| format!("fact {n}")).collect();
    let texts: Vec<&str> = wanted.iter().map(String::as_str).collect();
    case.commit(&*log, case.records(Topic::Orders, HOME, &texts), Offset(0)).await;
    case.same("the orders", &case.texts(Topic::Orders, HOME, wanted.len()).await, &wanted);
}

pub(super) async fn acquiring_again_goes_on(case: BusCase) {
    let member = case.member().await;
    let log = case.acquired(&*member, HOME).await;
    case.commit(&*log, case.records(Topic::Orders, HOME, &["one"]), Offset(0)).await;
    for _ in 0..2 {
        case.works("acquire again", log.acquire()).await;
    }
    case.commit(&*log, case.records(Topic::Orders, HOME, &["two"]), Offset(0)).await;
    case.same("the orders", &case.texts(Topic::Orders, HOME, 2).await, &strings(&["one", "two"]));
}

pub(super) async fn a_predecessor_cannot_commit(case: BusCase) {
    let old_member = case.member().await;
    let old = case.acquired(&*old_member, HOME).await;
    case.commit(&*old, case.records(Topic::Orders, HOME, &["old"]), Offset(0)).await;
    case.works("leave", old_member.leave()).await;
    let new_member = case.member().await;
    let new = case.acquired(&*new_member, HOME).await;
    overtaken(&case, &*old).await;
    case.commit(&*new, case.records(Topic::Orders, HOME, &["new"]), Offset(0)).await;
    overtaken(&case, &*old).await;
    case.commit(&*new, case.records(Topic::Orders, HOME, &["newer"]), Offset(0)).await;
    let orders = case.texts(Topic::Orders, HOME, 3).await;
    case.same("the orders", &orders, &strings(&["old", "new", "newer"]));
    let bounds = case.works("bounds", case.bus().bounds(Topic::Notifications, HOME)).await;
    if bounds.end > bounds.start {
        case.commit(&*new, case.records(Topic::Notifications, HOME, &["new"]), Offset(0)).await;
        let notifications = case.texts(Topic::Notifications, HOME, 1).await;
        case.same("the notifications", &notifications, &strings(&["new"]));
    }
}

async fn overtaken(case: &BusCase, old: &dyn PartitionLog) {
    let mut records = case.records(Topic::Orders, HOME, &["too late"]);
    records.extend(case.records(Topic::Notifications, HOME, &["too late"]));
    case.commit_in_vain(old, records).await;
}

/// A member may lose a partition and get it back while its first worker still hangs in a call.
pub(super) async fn an_earlier_worker_of_the_same_member_cannot_commit(case: BusCase) {
    let member = case.member().await;
    let old = case.acquired(&*member, HOME).await;
    let new = case.acquired(&*member, HOME).await;
    overtaken(&case, &*old).await;
    case.commit(&*new, case.records(Topic::Orders, HOME, &["new"]), Offset(0)).await;
    overtaken(&case, &*old).await;
    case.commit(&*new, case.records(Topic::Orders, HOME, &["newer"]), Offset(0)).await;
    case.same("the orders", &case.texts(Topic::Orders, HOME, 2).await, &strings(&["new", "newer"]));
}

pub(super) async fn a_member_that_left_cannot_commit(case: BusCase) {
    let gone: Box<dyn Membership> = case.member().await;
    let log = case.acquired(&*gone, HOME).await;
    case.works("leave", gone.leave()).await;
    case.commit_in_vain(&*log, case.records(Topic::Orders, HOME, &["too late"])).await;
    let member = case.member().await;
    let log = case.acquired(&*member, HOME).await;
    case.commit(&*log, case.records(Topic::Orders, HOME, &["in time"]), Offset(0)).await;
    case.same("the orders", &case.texts(Topic::Orders, HOME, 1).await, &strings(&["in time"]));
}

pub(super) async fn transactions_survive_a_restart(mut case: BusCase) {
    let member = case.member().await;
    let log = case.acquired(&*member, HOME).await;
    case.commit(&*log, case.records(Topic::Orders, HOME, &["before"]), Offset(0)).await;
    case.works("leave", member.leave()).await;
    drop((log, member));
    case.harness.restart().await;
    let member = case.member().await;
    let log = case.acquired(&*member, HOME).await;
    case.commit(&*log, case.records(Topic::Orders, HOME, &["after"]), Offset(0)).await;
    case.same("the orders", &case.texts(Topic::Orders, HOME, 2).await, &strings(&["before", "after"]));
}
