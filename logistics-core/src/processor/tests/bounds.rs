//! Memory in bytes, and transactions that the log does not take.

use super::*;
use crate::details::Details;

fn large(partition: &mut TestPartition, name: &str, bytes: usize) {
    let details = Details::parse(&format!("\"{}\"", "x".repeat(bytes))).expect("details");
    partition.ask(name, Command::Place(Placement { details: Some(details), ..Placement::default() }));
}

/// Steps one effect at a time, and answers the largest estimate that was seen.
fn settle_watched(partition: &mut TestPartition, processor: &mut Processor) -> usize {
    let mut most = 0;
    loop {
        partition.deliver_some(processor);
        most = most.max(processor.memory_bytes());
        let Some((call, effect)) = processor.poll_effect(partition.now) else { break };
        most = most.max(processor.memory_bytes());
        if let Some(reply) = partition.carry_out(call, effect) {
            processor.handle(partition.now, call, reply);
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
    let mut partition = TestPartition::default();
    for n in 0..1200 {
        large(&mut partition, &format!("o{n}"), BYTES);
    }
    let settings = || Settings { memory_bytes_max: MEMORY, ..Settings::new(1, Policy::simulate(1000)) };
    let mut processor = Processor::new(HERE, settings(), partition.now);
    let most = settle_watched(&mut partition, &mut processor);
    assert!(most <= MEMORY && most > 10 * BYTES, "{most} bytes");
    assert_eq!(partition.facts().len(), 1200);
    // All of them are due at once, after a restart that knows none of them.
    partition.pass(1000);
    let mut processor = Processor::new(HERE, settings(), partition.now);
    let most = settle_watched(&mut partition, &mut processor);
    assert!(most <= MEMORY, "{most} bytes");
    assert!(
        partition.loaded_bytes_max <= MEMORY / 2,
        "{} bytes were loaded at once",
        partition.loaded_bytes_max
    );
    let confirmed =
        partition.facts().into_iter().filter(|(_, _, status)| *status == Status::Confirmed).count();
    assert_eq!(confirmed, 1200);
}

#[test]
fn a_single_order_is_decided_however_little_memory_there_is() {
    let mut partition = TestPartition::default();
    large(&mut partition, "a", 60_000);
    large(&mut partition, "b", 60_000);
    let settings = Settings { memory_bytes_max: 1, ..Settings::new(1, Policy::manual()) };
    let mut processor = Processor::new(HERE, settings, partition.now);
    settle_watched(&mut partition, &mut processor);
    partition.ask("a", Command::Transition { to: Status::Confirmed });
    settle_watched(&mut partition, &mut processor);
    assert_eq!((partition.order("a").version, partition.order("b").version), (Version(2), Version(1)));
}

fn settle_patiently(partition: &mut TestPartition, processor: &mut Processor) {
    for _ in 0..60 {
        partition.settle(processor);
        let Phase::Waiting(_) = processor.phase() else { return };
        partition.pass(processor.wake_in_ms(partition.now).unwrap_or_default());
    }
}

#[test]
fn a_transaction_that_is_too_large_is_decided_in_smaller_ones() {
    let (mut partition, mut processor) = started(Policy::manual());
    partition.transaction_bytes_max = 40_000;
    for n in 0..60 {
        large(&mut partition, &format!("o{n}"), 9_000);
    }
    settle_patiently(&mut partition, &mut processor);
    assert_eq!((processor.phase(), partition.facts().len()), (&Phase::Live, 60));
    // The next backlog begins small, and grows with each success.
    partition.transaction_bytes_max = 0;
    for n in 60..400 {
        large(&mut partition, &format!("o{n}"), 9);
    }
    let before = partition.acquisitions;
    settle_patiently(&mut partition, &mut processor);
    assert_eq!((partition.facts().len(), partition.acquisitions), (400, before));
}

#[test]
fn the_steps_of_one_order_are_split_too() {
    let (mut partition, mut processor) = started(Policy::simulate(0));
    partition.transaction_bytes_max = 2_000;
    partition.place("a");
    settle_patiently(&mut partition, &mut processor);
    assert_eq!((processor.phase(), partition.order("a").status), (&Phase::Live, Status::Delivered));
}

#[test]
fn one_input_that_the_log_does_not_take_names_the_setting() {
    let (mut partition, mut processor) = started(Policy::manual());
    partition.transaction_bytes_max = 5_000;
    large(&mut partition, "a", 9_000);
    settle_patiently(&mut partition, &mut processor);
    let Phase::Halted(reason) = processor.phase() else { panic!("{:?}", processor.phase()) };
    assert!(reason.contains("max.message.bytes"), "{reason}");
    assert_eq!(partition.halt_code(), Some(HaltCode::InputTooLarge));
    assert!(partition.interrupt_codes().iter().all(|code| *code == InterruptCode::TransactionTooLarge));
}
