//! Crashes, lost answers and failing endpoints in any order: what was promised holds.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::super::{AttemptOutcome, Input, Settings};
use super::world::{Key, World, failed};
use crate::ids::EndpointId;
use crate::ids::{Offset, OrderId};

/// A small generator: one seed repeats a run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides.max(1)
    }

    fn index(&mut self, len: usize) -> usize {
        usize::try_from(self.roll(len as u64)).unwrap()
    }
}

const ORDERS: u64 = 6;

fn settings() -> Settings {
    Settings {
        in_flight_endpoint_max: 2,
        in_flight_max: 3,
        held_endpoint_max: 3,
        held_partition_max: 6,
        retry_delays_ms: vec![5_000; 500],
        disable_after_ms: u64::MAX,
        breaker_open_ms_max: 20_000,
        ..Settings::default()
    }
}

/// Steps at random, and then quiet, in which everything must settle. Returns the world and the number of crashes.
fn run(seed: u64, crashes: bool, unknown: bool) -> (World, u32) {
    let (mut dice, mut crashed) = (Dice(seed | 1), 0);
    let mut world = World::new(settings(), &["a", "b", "c"]);
    let mut versions: BTreeMap<u64, u64> = BTreeMap::new();
    for _ in 0..400 {
        match dice.roll(21) {
            0..=4 => {
                let order = dice.roll(ORDERS);
                let version = versions.entry(order).or_default();
                *version += 1;
                let version = *version;
                let mut notification = super::notification(&format!("o{order}"), version);
                notification.at = world.now;
                world.notifications.push(notification);
            }
            5..=7 => _ = world.read_next(),
            8..=11 if !world.flights.is_empty() => {
                let index = dice.index(world.flights.len());
                let broken = world.flights[index].key.0.as_str() == "b" && dice.roll(4) > 0;
                let outcome =
                    if broken || dice.roll(8) == 0 { failed(500) } else { AttemptOutcome::Delivered };
                world.answer(index, outcome);
            }
            12..=14 if !world.publishes.is_empty() => {
                let index = dice.index(world.publishes.len());
                if dice.roll(6) > 0 {
                    world.store(index);
                } else {
                    let (publish, record) = world.publishes.remove(index);
                    if unknown && dice.roll(2) == 0 {
                        world.log.push(record);
                    }
                    world.handle(Input::Published { publish, offset: None });
                }
            }
            15 => _ = world.follow(),
            16 => world.acknowledge(),
            17 | 18 => world.wait(dice.roll(1500)),
            19 if crashes && dice.roll(4) == 0 => {
                crashed += 1;
                // An endpoint may have accepted what has no answer yet.
                let lost: Vec<Key> = world.flights.iter().map(|flight| flight.key.clone()).collect();
                world.accepted.extend(lost.into_iter().filter(|_| dice.roll(2) == 0));
                world.recover();
            }
            20 => world.store_foreign(),
            _ => world.wait(1),
        }
    }
    for _ in 0..5000 {
        while world.read_next() {}
        while !world.flights.is_empty() {
            world.answer(0, AttemptOutcome::Delivered);
        }
        world.store_all();
        while world.follow() {}
        world.acknowledge();
        let end = Offset(world.notifications.len() as u64);
        if world.position == end && world.deliveries.reading().waiting == 0 && world.deliveries.is_idle() {
            break;
        }
        world.wait(1000);
    }
    (world, crashed)
}

fn check(world: &World, seed: u64) {
    let mut firsts: BTreeMap<(EndpointId, OrderId), u64> = BTreeMap::new();
    let mut seen: BTreeSet<Key> = BTreeSet::new();
    for (endpoint, order, version) in &world.accepted {
        if seen.insert((endpoint.clone(), order.clone(), *version)) {
            let last = firsts.entry((endpoint.clone(), order.clone())).or_default();
            assert_eq!(version.0, *last + 1, "seed {seed}: {endpoint} {order} out of order");
            *last = version.0;
        }
    }
    let wanted = world.notifications.len() * world.endpoints.len();
    assert_eq!(seen.len(), wanted, "seed {seed}: each message is delivered at least once");
    assert_eq!(world.position, Offset(world.notifications.len() as u64), "seed {seed}: the position");
    assert_eq!(world.deliveries.reading().waiting, 0, "seed {seed}: nothing waits at the end");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn messages_are_delivered_in_order_over_crashes_at_any_step(seed: u64) {
        let (world, _) = run(seed, true, true);
        check(&world, seed);
    }

    #[test]
    fn without_a_crash_each_message_is_delivered_exactly_once(seed: u64) {
        let (world, _) = run(seed, false, false);
        check(&world, seed);
        prop_assert_eq!(world.accepted.len(), world.notifications.len() * world.endpoints.len());
    }
}
