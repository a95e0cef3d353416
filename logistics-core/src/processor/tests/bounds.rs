//! Memory in bytes, and transactions that the log does not take.

use super::*;
use crate::details::Details;

fn large(world: &mut World, name: &str, bytes: usize) {
    let details = Details::parse(&format!("\"{}\"", "x".repeat(bytes))).expect("details");
    world.ask(name, Command::Place(Placement { details: Some(details), ..Placement::default() }));
}

/// Steps one effect at a time, and answers the largest estimate that was seen.
fn settle_watched(world: &mut World, processor: &mut Processor) -> usize {
    let mut most = 0;
    loop {
        world.deliver_some(processor);
        most = most.max(processor.memory_bytes());
        let Some((call, effect)) = processor.poll_effect(world.now) else { break };
        most = most.max(processor.memory_bytes());
        if let Some(reply) = world.carry_out(call, effect) {
            processor.handle(world.now, call, reply);
            most = most.max(processor.memory_bytes());
        }
    }
    while processor.poll_event().is_some() {}
    most
}

#[test]
fn a_backlog_of_large_orders_stays_within_the_memory() {
    const BYTES: usize = 50_000;
    const MEMORY: usize = 8 * 1024 * 1024;
    let mut world = World::default();
    for n in 0..1200 {
        large(&mut world, &format!("o{n}"), BYTES);
    }
    let settings = || Settings { memory_bytes_max: MEMORY, ..Settings::new(1, Policy::simulate(1000)) };
    let mut processor = Processor::new(HERE, settings(), world.now);
    let most = settle_watched(&mut world, &mut processor);
    assert!(most <= MEMORY && most > 10 * BYTES, "{most} bytes");
    assert_eq!(world.facts().len(), 1200);
    // All of them are due at once, after a restart that knows none of them.
    world.pass(1000);
    let mut processor = Processor::new(HERE, settings(), world.now);
    let most = settle_watched(&mut world, &mut processor);
    assert!(most <= MEMORY, "{most} bytes");
    assert!(world.loaded_bytes_max <= MEMORY / 2, "{} bytes were loaded at once", world.loaded_bytes_max);
    let confirmed = world.facts().into_iter().filter(|(_, _, status)| *status == Status::Confirmed).count();
    assert_eq!(confirmed, 1200);
}

#[test]
fn a_single_order_is_decided_however_little_memory_there_is() {
    let mut world = World::default();
    large(&mut world, "a", 60_000);
    large(&mut world, "b", 60_000);
    let settings = Settings { memory_bytes_max: 1, ..Settings::new(1, Policy::manual()) };
    let mut processor = Processor::new(HERE, settings, world.now);
    settle_watched(&mut world, &mut processor);
    world.ask("a", Command::Transition { to: Status::Confirmed });
    settle_watched(&mut world, &mut processor);
    assert_eq!((world.order("a").version, world.order("b").version), (Version(2), Version(1)));
}

fn settle_patiently(world: &mut World, processor: &mut Processor) {
    for _ in 0..60 {
        world.settle(processor);
        let Phase::Waiting(_) = processor.phase() else { return };
        world.pass(processor.wake_in_ms(world.now).unwrap_or_default());
    }
}

#[test]
fn a_transaction_that_is_too_large_is_decided_in_smaller_ones() {
    let (mut world, mut processor) = started(Policy::manual());
    world.transaction_bytes_max = 40_000;
    for n in 0..60 {
        large(&mut world, &format!("o{n}"), 9_000);
    }
    settle_patiently(&mut world, &mut processor);
    assert_eq!((processor.phase(), world.facts().len()), (&Phase::Live, 60));
    // The next backlog begins small, and grows with each success.
    world.transaction_bytes_max = 0;
    for n in 60..400 {
        large(&mut world, &format!("o{n}"), 9);
    }
    let before = world.acquisitions;
    settle_patiently(&mut world, &mut processor);
    assert_eq!((world.facts().len(), world.acquisitions), (400, before));
}

#[test]
fn the_steps_of_one_order_are_split_too() {
    let (mut world, mut processor) = started(Policy::simulate(0));
    world.transaction_bytes_max = 2_000;
    world.place("a");
    settle_patiently(&mut world, &mut processor);
    assert_eq!((processor.phase(), world.order("a").status), (&Phase::Live, Status::Delivered));
}

#[test]
fn one_input_that_the_log_does_not_take_names_the_setting() {
    let (mut world, mut processor) = started(Policy::manual());
    world.transaction_bytes_max = 5_000;
    large(&mut world, "a", 9_000);
    settle_patiently(&mut world, &mut processor);
    let Phase::Halted(reason) = processor.phase() else { panic!("{:?}", processor.phase()) };
    assert!(reason.contains("max.message.bytes"), "{reason}");
    assert_eq!(world.halt_code(), Some(HaltCode::InputTooLarge));
    assert!(world.interrupt_codes().iter().all(|code| *code == InterruptCode::TransactionTooLarge));
}
