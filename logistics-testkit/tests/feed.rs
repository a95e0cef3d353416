//! Streams over the bus in memory.

use std::pin::pin;

use bytes::Bytes;
use futures::stream::{StreamExt, TryStreamExt};

use logistics_core::port::{
    Batch, CommitOutcome, EventBus, EventBusExt, PortError, PortErrorKind, ReadLimit, Records, Topic,
};
use logistics_core::{Offset, Partition};
use logistics_testkit::executor::poll_once;
use logistics_testkit::{Broker, CommitFate, Faults, MemoryBus, Rng, block_on, sample};

const P: Partition = Partition(1);
const LIMIT: ReadLimit = ReadLimit { records: 2, bytes: 1 << 20 };

/// A bus with so many records in one of its two partitions.
fn bus(records: usize) -> MemoryBus {
    let bus = MemoryBus::new(2);
    append(&bus, records);
    bus
}

fn append(bus: &MemoryBus, records: usize) {
    bus.with_broker(|broker| {
        for _ in 0..records {
            broker.append(Topic::Orders, P, None, Bytes::from_static(b"a record"));
        }
    });
}

/// Writes records that stay open.
fn write(broker: &mut Broker, records: usize) {
    let epoch = broker.epoch(P).unwrap_or_else(|| broker.acquire(P));
    let record = sample::record(Topic::Orders, P, &sample::order_id(1), "in a transaction");
    broker.write(P, epoch, &vec![record; records]).expect("nothing fences it");
}

/// Writes records, and the marker that commits them.
fn commit(broker: &mut Broker, records: usize) {
    write(broker, records);
    let epoch = broker.epoch(P).expect("it was acquired");
    assert_eq!(broker.commit(P, epoch, CommitFate::Answered), CommitOutcome::Committed);
}

/// Writes records, and the marker that aborts them.
fn abort(broker: &mut Broker, records: usize) {
    write(broker, records);
    broker.abort(P, broker.epoch(P).expect("it was acquired")).expect("nothing fences it");
}

fn read(records: Records<'_>) -> Result<Vec<u64>, PortErrorKind> {
    let read = block_on(records.map_ok(|record| record.offset.0).try_collect());
    read.map_err(|error: PortError| error.kind())
}

#[test]
fn a_partition_is_read_to_the_end_that_it_had_also_in_small_reads() {
    let bus = bus(5);
    let dynamic: &dyn EventBus = &bus;
    assert_eq!(read(dynamic.read_to_end(Topic::Orders, P, Offset(1), LIMIT)), Ok(vec![1, 2, 3, 4]));
    let mut records = bus.read_to_end(Topic::Orders, P, Offset(0), LIMIT);
    let first = block_on(records.next()).expect("there is one").expect("it is read");
    append(&bus, 3);
    assert_eq!(first.offset, Offset(0));
    assert_eq!(read(records), Ok(vec![1, 2, 3, 4]), "later records are not part of the stream");
}

#[test]
fn empty_partitions_and_empty_ranges_end_at_once() {
    let bus = bus(3);
    assert_eq!(read(bus.read_to_end(Topic::Orders, Partition(0), Offset(0), LIMIT)), Ok(vec![]));
    assert_eq!(read(bus.read_to_end(Topic::Orders, P, Offset(3), LIMIT)), Ok(vec![]));
    assert_eq!(read(bus.read_to_end(Topic::Orders, P, Offset(9), LIMIT)), Ok(vec![]));
    // It makes no call: a bus that fails every call changes nothing.
    bus.set_faults(Faults { unavailable_before: 1000, ..Faults::none() });
    assert_eq!(read(bus.read_range(Topic::Orders, P, Offset(2)..Offset(2), LIMIT)), Ok(vec![]));
}

#[test]
fn a_range_ends_before_its_end() {
    let bus = bus(6);
    assert_eq!(read(bus.read_range(Topic::Orders, P, Offset(1)..Offset(4), LIMIT)), Ok(vec![1, 2, 3]));
    let all_at_once = ReadLimit { records: 100, bytes: 1 << 20 };
    assert_eq!(read(bus.read_range(Topic::Orders, P, Offset(1)..Offset(4), all_at_once)), Ok(vec![1, 2, 3]));
}

#[test]
fn gaps_at_the_end_end_the_stream() {
    let bus = bus(2);
    bus.with_broker(|broker| {
        commit(broker, 1);
        abort(broker, 2);
    });
    // 0, 1, 2, the marker, two aborted records and their marker.
    assert_eq!(bus.with_broker(|broker| broker.end(Topic::Orders, P)), Offset(7));
    assert_eq!(read(bus.read_to_end(Topic::Orders, P, Offset(0), LIMIT)), Ok(vec![0, 1, 2]));
    assert_eq!(read(bus.read_to_end(Topic::Orders, P, Offset(4), LIMIT)), Ok(vec![]));
}

#[test]
fn an_open_transaction_holds_the_stream_up_until_it_ends() {
    let bus = bus(1);
    bus.with_broker(|broker| write(broker, 1));
    let mut records = bus.read_to_end(Topic::Orders, P, Offset(0), LIMIT);
    assert_eq!(block_on(records.next()).expect("one").expect("is read").offset, Offset(0));
    assert!(poll_once(pin!(records.next())).is_none(), "the end was read uncommitted");
    bus.with_broker(|broker| commit(broker, 0));
    assert_eq!(read(records), Ok(vec![1]));
}

#[test]
fn a_position_before_a_start_that_moved_is_an_error_after_which_the_stream_has_ended() {
    let bus = bus(4);
    bus.with_broker(|broker| broker.truncate(Topic::Orders, P, Offset(2)));
    for mut records in
        [bus.read_to_end(Topic::Orders, P, Offset(1), LIMIT), bus.follow(Topic::Orders, P, Offset(1), LIMIT)]
    {
        let first = block_on(records.next()).expect("an item");
        assert_eq!(first.map_err(|error| error.kind()), Err(PortErrorKind::Truncated));
        assert!(block_on(records.next()).is_none());
    }
    assert_eq!(read(bus.read_to_end(Topic::Orders, P, Offset(2), LIMIT)), Ok(vec![2, 3]));
}

#[test]
fn following_waits_at_the_end_and_goes_on() {
    let bus = bus(1);
    let mut records = bus.follow(Topic::Orders, P, Offset(0), LIMIT);
    assert_eq!(block_on(records.next()).expect("one").expect("is read").offset, Offset(0));
    assert!(poll_once(pin!(records.next())).is_none());
    bus.with_broker(|broker| commit(broker, 1));
    assert_eq!(block_on(records.next()).expect("one").expect("is read").offset, Offset(1));
    assert!(poll_once(pin!(records.next())).is_none(), "the marker is no record");
}

#[test]
fn an_empty_batch_leads_behind_invisible_records() {
    let bus = bus(1);
    bus.with_broker(|broker| abort(broker, 1));
    let mut batches = bus.follow_batches(Topic::Orders, P, Offset(1), LIMIT);
    let batch = block_on(batches.next()).expect("one").expect("is read");
    assert_eq!(batch, Batch { records: vec![], next: Offset(3) });
}

#[test]
fn an_error_comes_once_and_a_reader_that_opens_another_stream_behind_it_misses_nothing() {
    for seed in 0..200 {
        let mut rng = Rng::new(seed);
        let bus = bus(0);
        bus.with_broker(|broker| {
            for _ in 0..rng.below(6) {
                let records = 1 + rng.below(3) as usize;
                if rng.chance(500) { commit(broker, records) } else { abort(broker, records) }
            }
        });
        let expected = read(bus.read_to_end(Topic::Orders, P, Offset(0), LIMIT)).expect("no faults yet");
        bus.set_faults(Faults { slow: 200, unavailable_before: 300, ..Faults::none() });
        let (mut seen, mut from, mut complete) = (Vec::new(), Offset(0), false);
        while !complete {
            let mut records = bus.read_to_end(Topic::Orders, P, from, LIMIT);
            complete = loop {
                match block_on(records.next()) {
                    None => break true,
                    Some(Ok(record)) => {
                        from = record.offset.next();
                        seen.push(record.offset.0);
                    }
                    Some(Err(error)) => {
                        assert_eq!(error.kind(), PortErrorKind::Unavailable);
                        assert!(block_on(records.next()).is_none(), "seed {seed}: not fused");
                        break false;
                    }
                }
            };
        }
        assert_eq!(seen, expected, "seed {seed}");
    }
}
