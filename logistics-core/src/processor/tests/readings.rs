//! What a scrape of the metrics shows of a processor in each phase.

use super::*;
use crate::observe::ProcessorReading;

fn update(processor: &Processor, reading: &mut ProcessorReading) {
    processor.update_reading(reading);
}

#[test]
fn each_phase_has_its_code_until_the_partition_is_live() {
    let mut partition = TestPartition::default();
    let mut processor = Processor::new(HERE, Settings::new(1, Policy::manual()), partition.now);
    let (mut reading, mut phases) = (ProcessorReading::default(), vec![processor.phase().code()]);
    while let Some((call, effect)) = processor.poll_effect(partition.now) {
        let Some(reply) = partition.carry_out(call, effect) else { break };
        processor.handle(partition.now, call, reply);
        update(&processor, &mut reading);
        phases.push(reading.phase);
    }
    phases.dedup();
    assert_eq!(phases, ["acquiring", "recovering", "reading_end", "replaying", "live"]);
    assert_eq!(reading.memory_limit_bytes, processor.settings().memory_bytes_max);
    processor.stop(partition.now, true);
    update(&processor, &mut reading);
    assert_eq!(reading.phase, "dropped");
    let names = [Phase::AskingGroup, Phase::Clearing, Phase::Stopping, Phase::Halted(String::new())];
    assert_eq!(names.map(|phase| phase.code()), ["asking_group", "clearing", "stopping", "halted"]);
}

/// The effects up to and with a commit; its call stays open.
fn until_commit(partition: &mut TestPartition, processor: &mut Processor) -> (CallId, Transaction) {
    loop {
        partition.deliver_read(processor);
        let (call, effect) = processor.poll_effect(partition.now).expect("a commit");
        match effect {
            Effect::Commit(transaction) => return (call, transaction),
            effect => {
                if let Some(reply) = partition.carry_out(call, effect) {
                    processor.handle(partition.now, call, reply);
                }
            }
        }
    }
}

#[test]
fn an_input_waits_until_its_transaction_is_committed() {
    let (mut partition, mut processor) = started(Policy::simulate(100));
    let mut reading = ProcessorReading::default();
    let placed_at = partition.now.wall;
    partition.place("a");
    let (call, transaction) = until_commit(&mut partition, &mut processor);
    partition.pass(40);
    update(&processor, &mut reading);
    assert_eq!((reading.phase, reading.waiting_inputs), ("live", 1));
    assert_eq!((reading.oldest_input_at, reading.answered), (Some(placed_at), Offset(0)));
    assert!(processor.memory_bytes() > 0);

    let reply = partition.carry_out(call, Effect::Commit(transaction)).unwrap();
    processor.handle(partition.now, call, reply);
    partition.settle(&mut processor);
    update(&processor, &mut reading);
    assert_eq!((reading.waiting_inputs, reading.oldest_input_at), (0, None));
    // The input and its fact.
    assert_eq!((reading.answered, reading.read_position), (Offset(1), Offset(2)));
    assert_eq!((reading.timers, reading.next_due), (1, Some(placed_at.after_millis(100))));
}

#[test]
fn a_timer_stays_due_while_its_transaction_hangs() {
    let (mut partition, mut processor) = started(Policy::simulate(100));
    let mut reading = ProcessorReading::default();
    partition.place("a");
    partition.settle(&mut processor);
    let due = partition.now.wall.after_millis(100);
    partition.pass(150);
    until_commit(&mut partition, &mut processor);
    update(&processor, &mut reading);
    assert_eq!((reading.timers, reading.next_due), (1, Some(due)));
}

#[test]
fn what_waited_before_an_interrupt_still_waits() {
    let (mut partition, mut processor) = started(Policy::manual());
    let mut reading = ProcessorReading::default();
    let placed_at = partition.now.wall;
    partition.place("a");
    let (call, _) = until_commit(&mut partition, &mut processor);
    update(&processor, &mut reading);
    processor.handle(partition.now, call, Reply::Committed(Ok(CommitOutcome::Unknown)));
    partition.reading = None;
    update(&processor, &mut reading);
    assert_eq!((reading.phase, reading.waiting_inputs), ("waiting", 1));
    assert_eq!((reading.oldest_input_at, reading.read_position), (Some(placed_at), Offset(1)));
}

#[test]
fn a_clock_that_is_ahead_has_a_positive_skew() {
    let mut partition = TestPartition {
        now: Now { wall: Timestamp::from_millis(100_000_000), elapsed_ms: 0 },
        store_has_clock: true,
        log_ahead_ms: -60_000,
        ..TestPartition::default()
    };
    let mut processor = Processor::new(HERE, Settings::new(1, Policy::manual()), partition.now);
    partition.settle(&mut processor);
    let mut reading = ProcessorReading::default();
    update(&processor, &mut reading);
    assert_eq!(reading.clock_skew_ms, Some(60_000));
}
