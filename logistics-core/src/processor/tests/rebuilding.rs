//! Checkpoints of other logs, and documents that the store has lost.

use super::*;

/// A log with two orders, the store up to it, and nothing running.
fn stopped() -> TestPartition {
    let (mut partition, mut processor) = started(Policy::manual());
    for name in ["a", "b"] {
        partition.place(name);
        partition.settle(&mut processor);
    }
    partition.ask("a", Command::Transition { to: Status::Confirmed });
    partition.settle(&mut processor);
    for _ in 0..3 {
        partition.pass(1000);
        partition.settle(&mut processor);
    }
    partition
}

fn rebuilding(partition: &TestPartition) -> Option<&String> {
    partition.events.iter().find_map(|event| match event {
        ProcessorEvent::Rebuilding { reason } => Some(reason),
        _ => None,
    })
}

/// The log of `partition` was created anew, and is longer than the old one by now.
fn created_anew(partition: &mut TestPartition) {
    partition.log.clear();
    for n in 0..30 {
        partition.place(&format!("new{n}"));
    }
}

#[test]
fn an_empty_store_is_rebuilt_where_the_log_has_decided_orders() {
    let mut partition = stopped();
    assert_eq!(rebuilding(&partition), None, "the store was new");
    partition.documents.clear();
    partition.timers.clear();
    partition.checkpoint = None;
    restarted(&mut partition, Policy::manual());
    assert!(rebuilding(&partition).is_some_and(|why| why.contains("empty")), "{:?}", partition.events);
    assert_eq!(partition.documents.len(), 2);
}

#[test]
fn a_log_that_was_created_anew_is_not_taken_for_the_old_one() {
    let mut partition = stopped();
    created_anew(&mut partition);
    partition.identity = "-2".to_owned();
    restarted(&mut partition, Policy::manual());
    assert!(rebuilding(&partition).is_some_and(|reason| reason.contains("log-2")), "{:?}", partition.events);
    assert_eq!(partition.facts().len(), 30, "every order is decided");
    assert_eq!(
        (partition.documents.len(), partition.timers.len()),
        (30, 30),
        "what was of the other log is gone"
    );
}

#[test]
fn a_store_that_was_being_cleared_is_cleared_to_the_end() {
    let mut partition = stopped();
    created_anew(&mut partition);
    partition.identity = "-2".to_owned();
    let mut processor = Processor::new(HERE, Settings::new(1, Policy::manual()), partition.now);
    // It dies after the first step.
    while let Some((call, effect)) = processor.poll_effect(partition.now) {
        let is_clear = matches!(effect, Effect::Clear { .. });
        let reply = partition.carry_out(call, effect).expect("nothing waits yet");
        if is_clear {
            break;
        }
        processor.handle(partition.now, call, reply);
    }
    assert_eq!((partition.clears, partition.documents.len()), (1, 1));
    restarted(&mut partition, Policy::manual());
    assert_eq!(partition.documents.len(), 30);
}

#[test]
fn a_log_that_lost_records_and_has_grown_past_the_checkpoint_is_found() {
    let mut partition = stopped();
    let checkpoint = partition.checkpoint.clone().expect("a checkpoint").offset;
    // The brokers lost the confirmation, and other orders came since.
    partition.log.truncate(4);
    for n in 0..30 {
        partition.place(&format!("new{n}"));
    }
    assert!(partition.log.len() as u64 > checkpoint.0);
    restarted(&mut partition, Policy::manual());
    assert!(
        rebuilding(&partition).is_some_and(|reason| reason.contains("lost records")),
        "{:?}",
        partition.events
    );
    assert_eq!((partition.order("a").status, partition.documents.len()), (Status::Placed, 32));
    assert_eq!(partition.facts().len(), 32, "no order is skipped, and none is placed twice");
}

#[test]
fn a_log_that_lacks_its_first_records_replaces_no_store() {
    let mut partition = stopped();
    partition.identity = "-2".to_owned();
    let documents = partition.documents.clone();
    let mut processor = Processor::new(HERE, Settings::new(1, Policy::manual()), partition.now);
    while let Some((call, effect)) = processor.poll_effect(partition.now) {
        let reply = match partition.carry_out(call, effect).expect("nothing waits") {
            Reply::End(Ok(extent)) => {
                let bounds = Bounds { start: Offset(2), ..extent.bounds };
                Reply::End(Ok(LogExtent { bounds, ..extent }))
            }
            reply => reply,
        };
        processor.handle(partition.now, call, reply);
    }
    let Phase::Halted(reason) = processor.phase() else { panic!("{:?}", processor.phase()) };
    assert!(reason.contains("begins at offset 2") && reason.contains("log import"), "{reason}");
    assert_eq!(partition.documents, documents);
}

#[test]
fn a_log_that_lacks_its_first_records_cannot_list_the_parties() {
    let mut partition = stopped();
    unindexed(&mut partition);
    partition.start = 2;
    partition.written.clear();
    let processor = restarted(&mut partition, Policy::manual());
    assert_eq!(processor.phase(), &Phase::Live);
    assert!(partition.events.contains(&ProcessorEvent::NotIndexed { start: Offset(2) }));
    assert_eq!((indexing(&partition), partition.written.len()), (0, 0));
}

#[test]
fn a_checkpoint_of_an_earlier_release_is_replayed_once() {
    let mut partition = stopped();
    partition.checkpoint.as_mut().expect("a checkpoint").basis = None;
    let (documents, timers) = (partition.documents.clone(), partition.timers.clone());
    let end = partition.log.len();
    restarted(&mut partition, Policy::manual());
    assert_eq!((&partition.documents, &partition.timers, partition.log.len()), (&documents, &timers, end));
    let replayed = |partition: &TestPartition| {
        let live = |event: &ProcessorEvent| match event {
            ProcessorEvent::Live { replayed, .. } => Some(*replayed),
            _ => None,
        };
        partition.events.iter().rev().find_map(live)
    };
    assert_eq!(replayed(&partition), Some(3));
    restarted(&mut partition, Policy::manual());
    assert_eq!(replayed(&partition), Some(0));
}

/// The store as a release without lists of parties leaves it.
fn unindexed(partition: &mut TestPartition) {
    let checkpoint = partition.checkpoint.as_mut().expect("a checkpoint");
    let mut basis: serde_json::Value = serde_json::from_slice(checkpoint.basis.as_deref().unwrap()).unwrap();
    assert!(basis.as_object_mut().unwrap().remove("indexed").is_some());
    checkpoint.basis = Some(Bytes::from(basis.to_string()));
}

fn indexing(partition: &TestPartition) -> usize {
    partition.events.iter().filter(|event| **event == ProcessorEvent::Indexing).count()
}

#[test]
fn a_store_without_lists_of_parties_gets_each_document_once_more() {
    let mut partition = stopped();
    let (documents, timers) = (partition.documents.clone(), partition.timers.clone());
    let (ids, end) = (documents.keys().cloned().collect::<Vec<_>>(), partition.log.len());
    for round in 1..=2 {
        unindexed(&mut partition);
        for _ in 0..2 {
            partition.written.clear();
            restarted(&mut partition, Policy::manual());
            assert_eq!((&partition.documents, &partition.timers), (&documents, &timers));
            assert_eq!((partition.log.len(), partition.rebuilt.len(), partition.clears), (end, 0, 0));
            assert_eq!(indexing(&partition), round);
            let wanted = if partition.written.is_empty() { &[][..] } else { &ids[..] };
            assert_eq!(partition.written, wanted);
        }
        assert!(partition.written.is_empty(), "the second start has nothing to do");
    }
}

#[test]
fn an_owner_that_dies_while_it_indexes_leaves_its_progress() {
    let mut partition = stopped();
    unindexed(&mut partition);
    partition.written.clear();
    let settings = || {
        let mut settings = Settings::new(1, Policy::manual());
        settings.read.records = 2;
        settings
    };
    let mut processor = Processor::new(HERE, settings(), partition.now);
    // It dies after its first write: the log has placement and confirmation of `a` behind the fact of `b`.
    while let Some((call, effect)) = processor.poll_effect(partition.now) {
        let writes = matches!(effect, Effect::Write(_));
        match partition.carry_out(call, effect) {
            Some(_) if writes => break,
            Some(reply) => processor.handle(partition.now, call, reply),
            None => partition.deliver_some(&mut processor),
        }
    }
    let first = std::mem::take(&mut partition.written);
    let offset = partition.checkpoint.as_ref().expect("a checkpoint").offset;
    assert!(offset.0 < partition.log.len() as u64, "{offset}");
    let events = partition.events.len();
    restarted(&mut partition, Policy::manual());
    let again = partition.events[events..].contains(&ProcessorEvent::Indexing);
    assert!(!again, "the second owner continues");
    let mut all = [first, partition.written.clone()].concat();
    all.sort();
    assert_eq!(all, partition.documents.keys().cloned().collect::<Vec<_>>());
}

fn lose(partition: &mut TestPartition, name: &str) -> OrderId {
    let order_id = OrderId::parse(name).unwrap();
    assert!(partition.documents.remove(&order_id).is_some());
    partition.lost.insert(order_id.clone());
    order_id
}

#[test]
fn an_order_whose_document_is_lost_is_not_placed_a_second_time() {
    let mut partition = stopped();
    let before = partition.order("a");
    let mut processor = restarted(&mut partition, Policy::manual());
    lose(&mut partition, "a");
    partition.place("a");
    for _ in 0..5 {
        partition.settle(&mut processor);
        partition.pass(1000);
    }
    assert_eq!(processor.phase(), &Phase::Live);
    assert_eq!(partition.order("a"), before);
    assert_eq!(partition.facts().len(), 3, "no second placement");
}

#[test]
fn a_document_that_a_reader_missed_is_rebuilt() {
    let mut partition = stopped();
    let before = partition.order("b");
    let mut processor = restarted(&mut partition, Policy::manual());
    let order_id = lose(&mut partition, "b");
    partition.reported.insert(order_id);
    for _ in 0..10 {
        partition.settle(&mut processor);
        partition.pass(1000);
    }
    assert_eq!((partition.order("b"), processor.phase()), (before, &Phase::Live));
}

#[test]
fn a_replay_that_finds_no_document_under_a_later_fact_begins_at_the_logs_start() {
    let mut partition = stopped();
    let (mut processor, before) = (restarted(&mut partition, Policy::manual()), partition.order("b"));
    partition.ask("b", Command::Transition { to: Status::Confirmed });
    // The confirmation is committed, and the store does not hear of it.
    partition.deliver_read(&mut processor);
    while let Some((call, effect)) = processor.poll_effect(partition.now) {
        if matches!(&effect, Effect::Write(write) if !write.documents.is_empty()) {
            break;
        }
        if let Some(reply) = partition.carry_out(call, effect) {
            processor.handle(partition.now, call, reply);
        }
    }
    // Neither the document nor the index has it any more.
    partition.documents.remove(&before.order_id);
    let mut processor = Processor::new(HERE, Settings::new(1, Policy::manual()), partition.now);
    for _ in 0..5 {
        partition.settle(&mut processor);
        partition.pass(1000);
    }
    assert_eq!((partition.order("b").status, partition.order("b").version), (Status::Confirmed, Version(2)));
}

#[test]
fn an_index_entry_of_an_order_that_the_log_does_not_have_is_looked_for_once() {
    let mut partition = stopped();
    let mut processor = restarted(&mut partition, Policy::manual());
    let ghost = OrderId::parse("ghost").unwrap();
    for _ in 0..5 {
        partition.reported.insert(ghost.clone());
        partition.settle(&mut processor);
        partition.pass(1000);
    }
    assert_eq!((processor.phase(), partition.acquisitions), (&Phase::Live, 3));
    // It can be placed, and the entry goes with that.
    partition.lost.insert(ghost.clone());
    partition.place("ghost");
    partition.settle(&mut processor);
    assert_eq!(partition.order("ghost").version, Version(1));
    assert_eq!(partition.rebuilt, BTreeSet::from([ghost]));
}
