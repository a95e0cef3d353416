//! Reading a partition: the worker's log, and tails.

use super::BusCase;
use super::steps::{HOME, OTHER, PLENTY, strings, texts};
use crate::executor::both;
use logistics_core::Offset;
use logistics_core::port::{ReadLimit, Topic};

pub(super) async fn a_read_waits_until_there_is_something(case: BusCase) {
    let member = case.member().await;
    let log = case.acquired(&*member, HOME).await;
    case.waits("a read of an empty log", log.read(Offset(0), PLENTY)).await;
    let reading = case.read(&*log, Offset(0), 1);
    let (records, offset) = both(reading, case.append(HOME, "woken")).await;
    case.same("the texts", &texts(&records), &strings(&["woken"]));
    case.waits("a read behind the last record", log.read(offset.next(), PLENTY)).await;
}

pub(super) async fn a_cancelled_read_loses_nothing(case: BusCase) {
    let member = case.member().await;
    let log = case.acquired(&*member, HOME).await;
    for text in ["a", "b"] {
        let end = case.works("extent", log.extent()).await.bounds.end;
        case.waits("a read at the end", log.read(end, PLENTY)).await;
        case.append(HOME, text).await;
        case.same("the texts", &texts(&case.read(&*log, end, 1).await), &strings(&[text]));
    }
    case.same("the texts", &texts(&case.read(&*log, Offset(0), 2).await), &strings(&["a", "b"]));
}

pub(super) async fn reads_go_on_behind_what_they_showed_and_respect_their_limits(case: BusCase) {
    let member = case.member().await;
    let log = case.acquired(&*member, HOME).await;
    let wanted = ["aaaa", "bbbb", "cccc"];
    for text in wanted {
        case.append(HOME, text).await;
    }
    for limit in [ReadLimit { records: 1, bytes: 1000 }, ReadLimit { records: 1000, bytes: 1 }] {
        let (mut found, mut from) = (Vec::new(), Offset(0));
        while found.len() < wanted.len() {
            let batch = case.works("a read", log.read(from, limit)).await;
            case.holds("a read respects its limit", batch.records.len() <= 1);
            case.holds("a batch's `next` is greater than `from`", batch.next > from);
            from = batch.next;
            found.extend(texts(&batch.records));
        }
        case.same("the texts", &found, &strings(&wanted));
    }
}

pub(super) async fn two_readers_see_the_same_order(case: BusCase) {
    let member = case.member().await;
    let log = case.acquired(&*member, HOME).await;
    for n in 0..10_u64 {
        let input = case.append(HOME, &format!("in-{n}")).await;
        let fact = format!("fact-{n}");
        case.commit(&*log, case.records(Topic::Orders, HOME, &[&fact]), input.next()).await;
    }
    let one = case.tail(Topic::Orders, HOME, Offset(0), 20).await;
    let other = case.tail(Topic::Orders, HOME, Offset(0), 20).await;
    case.same("what the second reader saw", &other, &one);
    case.same("what the worker saw", &case.read(&*log, Offset(0), 20).await, &one);
}

pub(super) async fn a_tail_begins_at_its_position_and_waits_at_the_end(case: BusCase) {
    let first = case.append(HOME, "a").await;
    let second = case.append(HOME, "b").await;
    case.holds("offsets rise", first < second);
    let bus = case.bus();
    let mut tail = case.works("tail", bus.tail(Topic::Orders, HOME, second)).await;
    case.same("the texts", &texts(&case.tail_on(&mut *tail, second, 1).await), &strings(&["b"]));
    case.waits("a tail at the end", tail.next(PLENTY)).await;
    case.append(HOME, "c").await;
    let more = case.tail_on(&mut *tail, second.next(), 1).await;
    case.same("the texts after a cancelled wait", &texts(&more), &strings(&["c"]));
    let (woken, _) = both(case.tail_on(&mut *tail, second.next(), 1), case.append(HOME, "d")).await;
    case.same("the texts", &texts(&woken), &strings(&["d"]));
}

pub(super) async fn partitions_are_read_apart(case: BusCase) {
    let member = case.member().await;
    let other = case.acquired(&*member, OTHER).await;
    case.append(HOME, "home").await;
    case.waits("a read of the other partition", other.read(Offset(0), PLENTY)).await;
    case.append(OTHER, "other").await;
    case.same("the texts", &texts(&case.read(&*other, Offset(0), 1).await), &strings(&["other"]));
}
