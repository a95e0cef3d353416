//! Clocks that are off, and clocks that step.

use proptest::prelude::*;

use super::*;

const HOUR_MS: u64 = 3_600_000;
const MAX_MS: u64 = 5000;

/// The clock of this owner is set; the log's goes on as before.
fn set_clock(partition: &mut TestPartition, by_ms: i64) {
    partition.now.wall = Timestamp::from_millis(partition.now.wall.as_millis() + by_ms);
    partition.log_ahead_ms -= by_ms;
}

fn events(partition: &TestPartition) -> (usize, usize) {
    let count = |is: fn(&ProcessorEvent) -> bool| partition.events.iter().filter(|event| is(event)).count();
    (
        count(|event| matches!(event, ProcessorEvent::ClockSkew(_))),
        count(|event| matches!(event, ProcessorEvent::ClocksAgree)),
    )
}

#[test]
fn a_clock_that_steps_two_hours_ahead_expires_no_order() {
    let (mut partition, mut processor) = started(Policy::manual());
    partition.store_has_clock = true;
    partition.place("a");
    partition.settle(&mut processor);
    set_clock(&mut partition, 2 * HOUR_MS as i64);
    for _ in 0..5 {
        partition.pass(1000);
        partition.settle(&mut processor);
    }
    assert_eq!(partition.order("a").status, Status::Placed);
    let skew = processor.skew().expect("the step was seen");
    assert_eq!(skew.ours.millis_since(skew.log), 2 * HOUR_MS);
    // Requests are still decided, at a time that is close to the log's.
    partition.place("b");
    partition.settle(&mut processor);
    let b = partition.order("b");
    assert!(b.created_at.millis_since(partition.log_time()) <= MAX_MS, "{b:?} at {}", partition.log_time());
    // The clock is set right: what is due fires at its time.
    set_clock(&mut partition, -2 * (HOUR_MS as i64));
    for _ in 0..3 {
        partition.settle(&mut processor);
        partition.pass(1000);
    }
    assert_eq!((processor.skew(), processor.phase()), (None, &Phase::Live));
    partition.pass(9 * 60_000);
    partition.settle(&mut processor);
    assert_eq!(partition.order("a").status, Status::Placed);
    partition.pass(2 * 60_000);
    partition.settle(&mut processor);
    assert_eq!(
        (partition.order("a").status, partition.order("b").status),
        (Status::Expired, Status::Expired)
    );
}

#[test]
fn a_machine_that_was_suspended_goes_on() {
    for store_has_clock in [false, true] {
        let (mut partition, mut processor) = started(Policy::manual());
        partition.store_has_clock = store_has_clock;
        partition.place("a");
        partition.settle(&mut processor);
        // An hour passes, and the clock that never steps does not know.
        partition.now.wall = partition.now.wall.after_millis(HOUR_MS);
        for _ in 0..3 {
            partition.settle(&mut processor);
            partition.pass(1000);
        }
        assert_eq!((partition.order("a").status, processor.skew()), (Status::Expired, None));
    }
}

#[test]
fn an_owner_that_starts_with_a_clock_ahead_expires_no_order() {
    let (mut partition, mut processor) = started(Policy::manual());
    partition.place("a");
    partition.settle(&mut processor);
    drop(processor);
    partition.store_has_clock = true;
    set_clock(&mut partition, 2 * HOUR_MS as i64);
    let mut processor = restarted(&mut partition, Policy::manual());
    partition.pass(1000);
    partition.settle(&mut processor);
    assert_eq!((partition.order("a").status, events(&partition).0), (Status::Placed, 1));
    assert!(processor.skew().is_some_and(|skew| !skew.by_log));
    // The log's clock takes precedence over the store's, which is wrong.
    partition.log_ahead_ms = 0;
    partition.place("b");
    for _ in 0..3 {
        partition.settle(&mut processor);
        partition.pass(1000);
    }
    assert_eq!((processor.skew(), partition.order("a").status), (None, Status::Expired));
}

#[test]
fn a_clock_behind_the_log_leaves_no_deadline_in_the_past() {
    let (mut partition, mut processor) = started(Policy::manual());
    set_clock(&mut partition, -2 * (HOUR_MS as i64));
    partition.place("a");
    partition.settle(&mut processor);
    partition.place("b");
    partition.settle(&mut processor);
    assert!(processor.skew().is_some());
    assert!(partition.log_time().millis_since(partition.order("b").created_at) <= MAX_MS);
}

/// One turn of the test below.
#[derive(Debug, Clone)]
enum Turn {
    SetClock(i64),
    Place,
    Pass,
}

fn turns() -> impl Strategy<Value = Vec<(Turn, u64, bool)>> {
    let hours_ms = 2 * HOUR_MS as i64;
    let turn = prop_oneof![
        1 => (-hours_ms..hours_ms).prop_map(Turn::SetClock),
        1 => Just(Turn::Place),
        2 => Just(Turn::Pass),
    ];
    proptest::collection::vec((turn, 0..30_000_u64, proptest::bool::weighted(0.05)), 60)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn whatever_the_clocks_do_no_timer_fires_early_and_every_one_fires(turns in turns()) {
        let mut partition = TestPartition { store_has_clock: true, ..TestPartition::default() };
        // Room for a clock that steps back.
        partition.pass(1000 * HOUR_MS);
        let mut processor = restarted(&mut partition, Policy::simulate(20_000));
        for (n, (turn, pass_ms, restart)) in turns.into_iter().enumerate() {
            match turn {
                Turn::SetClock(by_ms) => set_clock(&mut partition, by_ms),
                Turn::Place => partition.place(&format!("o{n}")),
                Turn::Pass => {}
            }
            partition.pass(pass_ms);
            partition.settle(&mut processor);
            if restart {
                processor = restarted(&mut partition, Policy::simulate(20_000));
            }
        }
        let ahead_ms = partition.log_ahead_ms;
        set_clock(&mut partition, ahead_ms);
        for _ in 0..20 {
            partition.pass(20_000);
            partition.settle(&mut processor);
        }
        let mut deadlines = BTreeMap::new();
        for record in &partition.log {
            let Ok(Record::Fact(fact)) = wire::decode(record, HERE) else { continue };
            if let (crate::fact::Cause::Timer { .. }, Some(Some(due))) =
                (&fact.cause, deadlines.get(&fact.order_id))
            {
                let early_ms = Timestamp::millis_since(*due, record.at);
                assert!(early_ms <= MAX_MS, "{fact:?} came {early_ms} ms early");
            }
            deadlines.insert(fact.order_id.clone(), fact.deadline.map(|deadline| deadline.at));
        }
        let waiting = partition
            .documents
            .values()
            .filter(|json| Order::from_document(json).is_ok_and(|order| order.status != Status::Delivered));
        assert_eq!(waiting.count(), 0, "a timer was lost");
    }
}
