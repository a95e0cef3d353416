//! Checkpoints of other logs, and documents that the store has lost.

use super::*;

/// A log with two orders, the store up to it, and nothing running.
fn stopped() -> World {
    let (mut world, mut processor) = started(Policy::manual());
    for name in ["a", "b"] {
        world.place(name);
        world.settle(&mut processor);
    }
    world.ask("a", Command::Transition { to: Status::Confirmed });
    world.settle(&mut processor);
    for _ in 0..3 {
        world.pass(1000);
        world.settle(&mut processor);
    }
    world
}

fn rebuilding(world: &World) -> Option<&String> {
    world.events.iter().find_map(|event| match event {
        ProcessorEvent::Rebuilding { reason } => Some(reason),
        _ => None,
    })
}

/// The log of `world` was created anew, and is longer than the old one by now.
fn created_anew(world: &mut World) {
    world.log.clear();
    for n in 0..30 {
        world.place(&format!("new{n}"));
    }
}

#[test]
fn a_log_that_was_created_anew_is_not_taken_for_the_old_one() {
    let mut world = stopped();
    created_anew(&mut world);
    world.identity = "-2".to_owned();
    restarted(&mut world, Policy::manual());
    assert!(rebuilding(&world).is_some_and(|reason| reason.contains("log-2")), "{:?}", world.events);
    assert_eq!(world.facts().len(), 30, "every order is decided");
    assert_eq!((world.documents.len(), world.timers.len()), (30, 30), "what was of the other log is gone");
}

#[test]
fn a_store_that_was_being_cleared_is_cleared_to_the_end() {
    let mut world = stopped();
    created_anew(&mut world);
    world.identity = "-2".to_owned();
    let mut processor = Processor::new(HERE, Settings::new(1, Policy::manual()), world.now);
    // It dies after the first step.
    while let Some((call, effect)) = processor.poll_effect(world.now) {
        let is_clear = matches!(effect, Effect::Clear { .. });
        let reply = world.carry_out(call, effect).expect("nothing waits yet");
        if is_clear {
            break;
        }
        processor.handle(world.now, call, reply);
    }
    assert_eq!((world.clears, world.documents.len()), (1, 1));
    restarted(&mut world, Policy::manual());
    assert_eq!(world.documents.len(), 30);
}

#[test]
fn a_log_that_lost_records_and_has_grown_past_the_checkpoint_is_found() {
    let mut world = stopped();
    let checkpoint = world.checkpoint.clone().expect("a checkpoint").offset;
    // The brokers lost the confirmation, and other orders came since.
    world.log.truncate(4);
    for n in 0..30 {
        world.place(&format!("new{n}"));
    }
    assert!(world.log.len() as u64 > checkpoint.0);
    restarted(&mut world, Policy::manual());
    assert!(rebuilding(&world).is_some_and(|reason| reason.contains("lost records")), "{:?}", world.events);
    assert_eq!((world.order("a").status, world.documents.len()), (Status::Placed, 32));
    assert_eq!(world.facts().len(), 32, "no order is skipped, and none is placed twice");
}

#[test]
fn a_log_that_lacks_its_first_records_replaces_no_store() {
    let mut world = stopped();
    world.identity = "-2".to_owned();
    let documents = world.documents.clone();
    let mut processor = Processor::new(HERE, Settings::new(1, Policy::manual()), world.now);
    while let Some((call, effect)) = processor.poll_effect(world.now) {
        let reply = match world.carry_out(call, effect).expect("nothing waits") {
            Reply::End(Ok(extent)) => {
                let bounds = Bounds { start: Offset(2), ..extent.bounds };
                Reply::End(Ok(LogExtent { bounds, ..extent }))
            }
            reply => reply,
        };
        processor.handle(world.now, call, reply);
    }
    let Phase::Halted(reason) = processor.phase() else { panic!("{:?}", processor.phase()) };
    assert!(reason.contains("begins at offset 2") && reason.contains("log import"), "{reason}");
    assert_eq!(world.documents, documents);
}

#[test]
fn a_checkpoint_of_an_earlier_release_is_replayed_once() {
    let mut world = stopped();
    world.checkpoint.as_mut().expect("a checkpoint").basis = None;
    let (documents, timers) = (world.documents.clone(), world.timers.clone());
    let end = world.log.len();
    restarted(&mut world, Policy::manual());
    assert_eq!((&world.documents, &world.timers, world.log.len()), (&documents, &timers, end));
    let replayed = |world: &World| {
        let live = |event: &ProcessorEvent| match event {
            ProcessorEvent::Live { replayed, .. } => Some(*replayed),
            _ => None,
        };
        world.events.iter().rev().find_map(live)
    };
    assert_eq!(replayed(&world), Some(3));
    restarted(&mut world, Policy::manual());
    assert_eq!(replayed(&world), Some(0));
}

fn lose(world: &mut World, name: &str) -> OrderId {
    let order_id = OrderId::parse(name).unwrap();
    assert!(world.documents.remove(&order_id).is_some());
    world.lost.insert(order_id.clone());
    order_id
}

#[test]
fn an_order_whose_document_is_lost_is_not_placed_a_second_time() {
    let mut world = stopped();
    let before = world.order("a");
    let mut processor = restarted(&mut world, Policy::manual());
    lose(&mut world, "a");
    world.place("a");
    for _ in 0..5 {
        world.settle(&mut processor);
        world.pass(1000);
    }
    assert_eq!(processor.phase(), &Phase::Live);
    assert_eq!(world.order("a"), before);
    assert_eq!(world.facts().len(), 3, "no second placement");
}

#[test]
fn a_document_that_a_reader_missed_is_rebuilt() {
    let mut world = stopped();
    let before = world.order("b");
    let mut processor = restarted(&mut world, Policy::manual());
    let order_id = lose(&mut world, "b");
    world.reported.insert(order_id);
    for _ in 0..10 {
        world.settle(&mut processor);
        world.pass(1000);
    }
    assert_eq!((world.order("b"), processor.phase()), (before, &Phase::Live));
}

#[test]
fn a_replay_that_finds_no_document_under_a_later_fact_begins_at_the_logs_start() {
    let mut world = stopped();
    let (mut processor, before) = (restarted(&mut world, Policy::manual()), world.order("b"));
    world.ask("b", Command::Transition { to: Status::Confirmed });
    // The confirmation is committed, and the store does not hear of it.
    world.deliver_read(&mut processor);
    while let Some((call, effect)) = processor.poll_effect(world.now) {
        if matches!(&effect, Effect::Write(write) if !write.documents.is_empty()) {
            break;
        }
        if let Some(reply) = world.carry_out(call, effect) {
            processor.handle(world.now, call, reply);
        }
    }
    // Neither the document nor the index has it any more.
    world.documents.remove(&before.order_id);
    let mut processor = Processor::new(HERE, Settings::new(1, Policy::manual()), world.now);
    for _ in 0..5 {
        world.settle(&mut processor);
        world.pass(1000);
    }
    assert_eq!((world.order("b").status, world.order("b").version), (Status::Confirmed, Version(2)));
}

#[test]
fn an_index_entry_of_an_order_that_the_log_does_not_have_is_looked_for_once() {
    let mut world = stopped();
    let mut processor = restarted(&mut world, Policy::manual());
    let ghost = OrderId::parse("ghost").unwrap();
    for _ in 0..5 {
        world.reported.insert(ghost.clone());
        world.settle(&mut processor);
        world.pass(1000);
    }
    assert_eq!((processor.phase(), world.acquisitions), (&Phase::Live, 3));
    // It can be placed, and the entry goes with that.
    world.lost.insert(ghost.clone());
    world.place("ghost");
    world.settle(&mut processor);
    assert_eq!(world.order("ghost").version, Version(1));
    assert_eq!(world.rebuilt, BTreeSet::from([ghost]));
}
