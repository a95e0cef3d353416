//! The invariants of the broker and the store.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use logistics_core::port::{Batch, ListQuery, OrderParties, PartyFilter, ReadLimit, Topic};
use logistics_core::processor::Phase;
use logistics_core::wire::{self, Record};
use logistics_core::{
    Cause, Fact, Offset, Order, OrderId, Outcome, OutcomeKind, Partition, Timestamp, evolve, partition_of,
};
use logistics_testkit::Broker;

use crate::workload::UNSIGNED;
use crate::world::World;

/// One partition's committed records.
#[derive(Debug, Default)]
pub struct Committed {
    /// Offsets of inputs and of forged records.
    pub inputs: Vec<Offset>,
    /// Facts with their offsets and log timestamps.
    pub facts: Vec<(Offset, Timestamp, Fact)>,
    /// The input offsets that outcomes answer, facts included.
    pub answers: Vec<Offset>,
}

/// Checks the invariants that hold at every moment.
///
/// # Errors
/// A sentence that names the first violated invariant.
pub fn check(world: &World) -> Result<(), String> {
    if let Some(broken) = &world.broken {
        return Err(broken.clone());
    }
    let broker = ended(world);
    for partition in (0..world.partitions()).map(Partition) {
        let committed = committed(world, &broker, partition)?;
        one_outcome_an_input(&committed)?;
        answered_in_order(world, partition, &committed)?;
        let orders = fold(world, partition, &committed)?;
        one_notification_a_fact(&broker, partition, &committed)?;
        documents_are_folds(world, partition, &committed, &orders)?;
    }
    Ok(())
}

/// Checks that no owner passes a record of a second writer. A log with two writers has no other guarantee.
///
/// # Errors
/// A sentence, if an earlier owner passed such a record.
pub fn check_second_writer(world: &World) -> Result<(), String> {
    let Some(second) = world.second else { return check(world) };
    let workers = world.processes.iter().filter_map(|process| process.workers.get(&second.partition));
    for worker in workers.filter(|worker| worker.epoch.is_some() && worker.epoch == second.owner) {
        if let Some(answered) = worker.processor.committed().filter(|answered| *answered > second.offset) {
            return Err(format!(
                "an owner went past {}, which it did not write, to {answered}",
                second.offset
            ));
        }
    }
    Ok(())
}

/// Checks the invariants that hold at rest.
///
/// # Errors
/// A sentence that names the first violated invariant.
pub fn check_settled(world: &World) -> Result<(), String> {
    check(world)?;
    for partition in (0..world.partitions()).map(Partition) {
        let committed = committed(world, &ended(world), partition)?;
        let answered: BTreeSet<_> = committed.answers.iter().collect();
        if let Some(input) = committed.inputs.iter().find(|input| !answered.contains(input)) {
            return Err(format!("I2: the input at {partition}/{input} was never answered"));
        }
        let orders = fold(world, partition, &committed)?;
        for (order_id, states) in &orders {
            let document = world.store.documents(partition).find(|(id, _)| *id == order_id);
            let version =
                document.and_then(|(_, json)| Order::from_document(json).ok()).map(|order| order.version);
            if version != states.last().map(|order| order.version) {
                return Err(format!(
                    "I10: the document of {order_id} is at {version:?}, not at the end of its facts"
                ));
            }
        }
        let timers = world.store.recover(partition).timers;
        if let Some((order_id, due)) = timers.iter().find(|(_, due)| *due <= world.wall) {
            return Err(format!("I12: {order_id} was due at {due}, but its timer did not fire"));
        }
        let workers = world.processes.iter().filter_map(|process| process.workers.get(&partition));
        let live = workers.filter(|worker| *worker.processor.phase() == Phase::Live).count();
        if live != 1 {
            return Err(format!("partition {partition} has {live} live owners at rest"));
        }
    }
    parties_have_their_orders(world)
}

/// I10: the list of a party has exactly the orders whose documents name the party.
fn parties_have_their_orders(world: &World) -> Result<(), String> {
    let mut expected: BTreeMap<PartyFilter, BTreeSet<OrderId>> = BTreeMap::new();
    for (order_id, json) in (0..world.partitions()).flat_map(|p| world.store.documents(Partition(p))) {
        let order = Order::from_document(json).map_err(|error| format!("I6: {order_id}: {error}"))?;
        for (role, id) in OrderParties::from(&order).iter() {
            let party = PartyFilter { role, id: id.clone() };
            expected.entry(party).or_default().insert(order_id.clone());
        }
    }
    for (party, orders) in expected {
        let query = ListQuery { party: Some(party.clone()), limit: usize::MAX, ..ListQuery::default() };
        let listed = world.store.list(&query).documents;
        let ids = listed.iter().filter_map(|json| Some(Order::from_document(json).ok()?.order_id));
        let ids: BTreeSet<_> = ids.collect();
        if listed.len() != orders.len() || ids != orders {
            return Err(format!("I10: {party:?} has {orders:?}, and the list has {ids:?}"));
        }
    }
    Ok(())
}

/// The broker after the end of every transaction: decided ones are committed, open ones aborted. This shows facts that
/// an open transaction hides from readers.
fn ended(world: &World) -> Broker {
    let mut broker = world.broker.clone();
    for partition in (0..world.partitions()).map(Partition) {
        broker.complete(partition);
        broker.time_out(partition);
    }
    broker
}

fn read_all(broker: &Broker, topic: Topic, partition: Partition) -> Vec<logistics_core::port::LogRecord> {
    let limit = ReadLimit { records: usize::MAX, bytes: usize::MAX };
    let (mut from, mut records) = (Offset(0), Vec::new());
    while let Ok(Some(Batch { records: read, next })) = broker.read_committed(topic, partition, from, limit) {
        records.extend(read);
        from = next;
    }
    records
}

/// I14, I16: every record of an owner is readable and plausible. A forged record is an input.
fn committed(world: &World, broker: &Broker, partition: Partition) -> Result<Committed, String> {
    let mut committed = Committed::default();
    let (mut open, mut copies) = (VecDeque::new(), BTreeSet::new());
    for record in read_all(broker, Topic::Orders, partition) {
        let here = record.offset;
        let answers = match wire::decode(&record, partition) {
            Ok(Record::Input(_)) => None,
            Ok(Record::Fact(fact)) if world.forged.contains(&(partition, here)) => {
                // A new owner cannot distinguish a timer's fact from its copy, and skips the copy.
                if fact.version.0 < 90 && fact.cause.answers().is_none() {
                    copies.insert(here);
                    continue;
                }
                None
            }
            Ok(Record::Outcome(Outcome { result: OutcomeKind::DeadLettered { .. }, .. }))
                if world.forged.contains(&(partition, here)) =>
            {
                copies.insert(here);
                continue;
            }
            Ok(Record::Fact(fact)) => {
                by_the_logs_clock(world, &fact, record.at)?;
                signed(&fact, here)?;
                let answers = fact.cause.answers();
                committed.facts.push((here, record.at, fact));
                let Some(answers) = answers else { continue };
                Some(answers)
            }
            Ok(Record::Outcome(_)) if world.forged.contains(&(partition, here)) => None,
            Ok(Record::Outcome(outcome)) if copies.remove(&outcome.offset) => continue,
            Ok(Record::Outcome(outcome)) => Some(outcome.offset),
            Err(error) if error.from_processor => return Err(format!("I14: {error}")),
            Err(_) => None,
        };
        match answers {
            None => {
                committed.inputs.push(here);
                open.push_back(here);
            }
            Some(answers) if open.pop_front_if(|next| *next == answers).is_some() => {
                committed.answers.push(answers);
            }
            Some(answers) => {
                return Err(format!(
                    "I2, I3: the record at {here} answers {answers}, the next input is {open:?}"
                ));
            }
        }
    }
    Ok(committed)
}

/// I16: no request of a producer without the log key causes a fact.
fn signed(fact: &Fact, here: Offset) -> Result<(), String> {
    match &fact.cause {
        Cause::Request { request, .. } if request.as_str().starts_with(UNSIGNED) => {
            Err(format!("I16: the fact at {here} is caused by {request}, which the log key did not sign"))
        }
        _ => Ok(()),
    }
}

/// I19: a fact's time does not pass the log's by more than clocks may differ. What was measured may be out by what passed
/// meanwhile, so the permitted difference counts twice.
fn by_the_logs_clock(world: &World, fact: &Fact, at: Timestamp) -> Result<(), String> {
    let latest = at.after_millis(2 * world.clock_skew_ms_max());
    if fact.at <= latest {
        return Ok(());
    }
    Err(format!(
        "I19: the log took {} version {} at {at}, and its time is {}",
        fact.order_id, fact.version, fact.at
    ))
}

/// I19: a deadline of an order passes by the log's clock. The log took the fact that ends a wait at `at`.
fn not_early(world: &World, before: Option<&Order>, fact: &Fact, at: Timestamp) -> Result<(), String> {
    let due = before.and_then(Order::due).filter(|_| fact.cause.answers().is_none());
    match due {
        Some(due) if due > at.after_millis(2 * world.clock_skew_ms_max()) => {
            Err(format!("I19: {} was due at {due}, and the log took its timer's fact at {at}", fact.order_id))
        }
        _ => Ok(()),
    }
}

/// I2: an input has at most one outcome.
fn one_outcome_an_input(committed: &Committed) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    match committed.answers.iter().find(|answer| !seen.insert(**answer)) {
        Some(twice) => Err(format!("I2: the input at {twice} was answered twice")),
        None => Ok(()),
    }
}

/// I3: an input is answered if and only if its offset is below the answered offset: the answered ones come first, and a
/// live owner has answered every input before its position.
fn answered_in_order(world: &World, partition: Partition, committed: &Committed) -> Result<(), String> {
    let answered: BTreeSet<_> = committed.answers.iter().collect();
    let open = committed.inputs.iter().find(|input| !answered.contains(input));
    let Some(open) = open else { return Ok(()) };
    if let Some(later) = committed.answers.iter().find(|answer| *answer > open) {
        return Err(format!("I3: the input at {later} was answered before that at {open}"));
    }
    let positions =
        world.processes.iter().filter_map(|process| process.workers.get(&partition)?.processor.committed());
    let stored = world.checkpoint(partition).map(|(_, answered)| answered);
    match positions.chain(stored).find(|position| position > open) {
        Some(position) => {
            Err(format!("I3: the input at {open} is not answered, and an owner is at {position}"))
        }
        None => Ok(()),
    }
}

/// I1: an order's facts have versions 1, 2, 3 ... with no gap and no duplicate, all in its partition. Answers each order's
/// states.
fn fold(
    world: &World,
    partition: Partition,
    committed: &Committed,
) -> Result<BTreeMap<OrderId, Vec<Order>>, String> {
    let mut orders: BTreeMap<OrderId, Vec<Order>> = BTreeMap::new();
    for (offset, at, fact) in &committed.facts {
        if partition_of(&fact.order_id, world.partitions()) != partition {
            return Err(format!("I1: a fact of {} in partition {partition}", fact.order_id));
        }
        let states = orders.entry(fact.order_id.clone()).or_default();
        not_early(world, states.last(), fact, *at)?;
        let before = states.last().map(|order| order.version);
        let order = evolve(states.last().cloned(), fact).map_err(|gap| format!("I1: {gap} at {offset}"))?;
        if before == Some(order.version) {
            return Err(format!("I1: version {} of {} occurs twice", fact.version, fact.order_id));
        }
        states.push(order);
    }
    Ok(orders)
}

/// I9: each committed fact has one notification, and there are no others.
fn one_notification_a_fact(
    broker: &Broker,
    partition: Partition,
    committed: &Committed,
) -> Result<(), String> {
    let mut notified = Vec::new();
    for record in read_all(broker, Topic::Notifications, partition) {
        let notification =
            wire::decode_notification(&record.payload).map_err(|error| format!("I9: {error}"))?;
        notified.push((notification.order_id, notification.version));
    }
    let facts: Vec<_> =
        committed.facts.iter().map(|(.., fact)| (fact.order_id.clone(), fact.version)).collect();
    if notified == facts { Ok(()) } else { Err(format!("I9: facts {facts:?}, notifications {notified:?}")) }
}

/// I6, I7, I12: each document is the fold of its order's first facts, the checkpoint does not pass what is folded, and the
/// timers are those of the documents.
fn documents_are_folds(
    world: &World,
    partition: Partition,
    committed: &Committed,
    orders: &BTreeMap<OrderId, Vec<Order>>,
) -> Result<(), String> {
    let mut stored = BTreeMap::new();
    for (order_id, json) in world.store.documents(partition) {
        let document = Order::from_document(json).map_err(|error| format!("I6: {order_id}: {error}"))?;
        let states = orders.get(order_id).map(Vec::as_slice).unwrap_or_default();
        if !states.contains(&document) {
            return Err(format!("I6: the document of {order_id} is not a fold of its facts: {document:?}"));
        }
        stored.insert(order_id.clone(), document);
    }
    if let Some((checkpoint, _)) = world.checkpoint(partition) {
        if checkpoint > world.broker.end(Topic::Orders, partition) {
            return Err(format!("I7: the checkpoint {checkpoint} passes the log's end"));
        }
        let before = committed.facts.iter().filter(|(offset, ..)| *offset < checkpoint);
        for (offset, _, fact) in before {
            let document = stored.get(&fact.order_id);
            let lost = document.is_none() && world.store.has_lost(&fact.order_id);
            if !lost && document.is_none_or(|document| document.version < fact.version) {
                return Err(format!(
                    "I7: the checkpoint {checkpoint} passes the fact at {offset}, which is not stored"
                ));
            }
        }
    }
    let due: BTreeMap<_, _> =
        stored.values().filter_map(|order| Some((order.order_id.clone(), order.due()?))).collect();
    let timers = world.store.recover(partition).timers.into_iter();
    let timers: BTreeMap<_, _> = timers.filter(|(order_id, _)| !world.store.has_lost(order_id)).collect();
    if due == timers {
        Ok(())
    } else {
        Err(format!("I12: documents are due at {due:?}, timers at {timers:?}"))
    }
}
