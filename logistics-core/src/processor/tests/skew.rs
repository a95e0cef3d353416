//! Clocks that are off, and clocks that step.

use proptest::prelude::*;

use super::*;

const HOUR_MS: u64 = 3_600_000;
const MAX_MS: u64 = 5000;

/// The clock of this owner is set; the log's goes on as before.
fn set_clock(world: &mut World, by_ms: i64) {
    world.now.wall = Timestamp::from_millis(world.now.wall.as_millis() + by_ms);
    world.log_ahead_ms -= by_ms;
}

fn events(world: &World) -> (usize, usize) {
    let count = |is: fn(&ProcessorEvent) -> bool| world.events.iter().filter(|event| is(event)).count();
    (
        count(|event| matches!(event, ProcessorEvent::ClockSkew(_))),
        count(|event| matches!(event, ProcessorEvent::ClocksAgree)),
    )
}

#[test]
fn a_clock_that_steps_two_hours_ahead_expires_no_order() {
    let (mut world, mut processor) = started(Policy::manual());
    world.store_has_clock = true;
    world.place("a");
    world.settle(&mut processor);
    set_clock(&mut world, 2 * HOUR_MS as i64);
    for _ in 0..5 {
        world.pass(1000);
        world.settle(&mut processor);
    }
    assert_eq!(world.order("a").status, Status::Placed);
    let skew = processor.skew().expect("the step was seen");
    assert_eq!(skew.ours.millis_since(skew.log), 2 * HOUR_MS);
    // Requests are still decided, at a time that is close to the log's.
    world.place("b");
    world.settle(&mut processor);
    let b = world.order("b");
    assert!(b.created_at.millis_since(world.log_time()) <= MAX_MS, "{b:?} at {}", world.log_time());
    // The clock is set right: what is due fires at its time.
    set_clock(&mut world, -2 * (HOUR_MS as i64));
    for _ in 0..3 {
        world.settle(&mut processor);
        world.pass(1000);
    }
    assert_eq!((processor.skew(), processor.phase()), (None, &Phase::Live));
    world.pass(9 * 60_000);
    world.settle(&mut processor);
    assert_eq!(world.order("a").status, Status::Placed);
    world.pass(2 * 60_000);
    world.settle(&mut processor);
    assert_eq!((world.order("a").status, world.order("b").status), (Status::Expired, Status::Expired));
}

#[test]
fn a_machine_that_was_suspended_goes_on() {
    for store_has_clock in [false, true] {
        let (mut world, mut processor) = started(Policy::manual());
        world.store_has_clock = store_has_clock;
        world.place("a");
        world.settle(&mut processor);
        // An hour passes, and the clock that never steps does not know.
        world.now.wall = world.now.wall.after_millis(HOUR_MS);
        for _ in 0..3 {
            world.settle(&mut processor);
            world.pass(1000);
        }
        assert_eq!((world.order("a").status, processor.skew()), (Status::Expired, None));
    }
}

#[test]
fn an_owner_that_starts_with_a_clock_ahead_expires_no_order() {
    let (mut world, mut processor) = started(Policy::manual());
    world.place("a");
    world.settle(&mut processor);
    drop(processor);
    world.store_has_clock = true;
    set_clock(&mut world, 2 * HOUR_MS as i64);
    let mut processor = restarted(&mut world, Policy::manual());
    world.pass(1000);
    world.settle(&mut processor);
    assert_eq!((world.order("a").status, events(&world).0), (Status::Placed, 1));
    assert!(processor.skew().is_some_and(|skew| !skew.by_log));
    // The log's clock takes precedence over the store's, which is wrong.
    world.log_ahead_ms = 0;
    world.place("b");
    for _ in 0..3 {
        world.settle(&mut processor);
        world.pass(1000);
    }
    assert_eq!((processor.skew(), world.order("a").status), (None, Status::Expired));
}

#[test]
fn a_clock_behind_the_log_leaves_no_deadline_in_the_past() {
    let (mut world, mut processor) = started(Policy::manual());
    set_clock(&mut world, -2 * (HOUR_MS as i64));
    world.place("a");
    world.settle(&mut processor);
    world.place("b");
    world.settle(&mut processor);
    assert!(processor.skew().is_some());
    assert!(world.log_time().millis_since(world.order("b").created_at) <= MAX_MS);
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
        let mut world = World { store_has_clock: true, ..World::default() };
        // Room for a clock that steps back.
        world.pass(1000 * HOUR_MS);
        let mut processor = restarted(&mut world, Policy::simulate(20_000));
        for (n, (turn, pass_ms, restart)) in turns.into_iter().enumerate() {
            match turn {
                Turn::SetClock(by_ms) => set_clock(&mut world, by_ms),
                Turn::Place => world.place(&format!("o{n}")),
                Turn::Pass => {}
            }
            world.pass(pass_ms);
            world.settle(&mut processor);
            if restart {
                processor = restarted(&mut world, Policy::simulate(20_000));
            }
        }
        let ahead_ms = world.log_ahead_ms;
        set_clock(&mut world, ahead_ms);
        for _ in 0..20 {
            world.pass(20_000);
            world.settle(&mut processor);
        }
        let mut deadlines = BTreeMap::new();
        for record in &world.log {
            let Ok(Record::Fact(fact)) = wire::decode(record, HERE) else { continue };
            if let (crate::fact::Cause::Timer { .. }, Some(Some(due))) =
                (&fact.cause, deadlines.get(&fact.order_id))
            {
                let early_ms = Timestamp::millis_since(*due, record.at);
                assert!(early_ms <= MAX_MS, "{fact:?} came {early_ms} ms early");
            }
            deadlines.insert(fact.order_id.clone(), fact.deadline.map(|deadline| deadline.at));
        }
        let waiting = world
            .documents
            .values()
            .filter(|json| Order::from_document(json).is_ok_and(|order| order.status != Status::Delivered));
        assert_eq!(waiting.count(), 0, "a timer was lost");
    }
}
