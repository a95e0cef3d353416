//! Explores the partition protocol: every interleaving of actions, with a few faults at any point.
//!
//! Each scenario has a budget of faults. It is explored breadth first until it is exhausted or its time is over; then random
//! walks go deeper with larger budgets. The state machine is the core's `Processor`.

use std::time::Duration;

use logistics_core::processor::{Effect, Phase, Settings};
use logistics_core::{Partition, Policy, Status};
use logistics_testkit::CommitFate;
use logistics_tests::invariants::{check_second_writer, check_settled};
use logistics_tests::workload::{assign, forged_fact, forged_outcome, order_in, place, step};
use logistics_tests::world::{Action, Fault, Input, World};
use stateright::{Checker, Model, Property, UniformChooser};

/// How often each fault, and each action that multiplies states, may occur.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
struct Budget {
    crashes: u8,
    /// Sessions that expire while the process continues (zombies).
    expiries: u8,
    moves: u8,
    /// Commits without a clear reply.
    unknown_commits: u8,
    /// Calls that fail without effect.
    refusals: u8,
    /// Store writes that arrive late, or whose reply is lost.
    late_writes: u8,
    wipes: u8,
    restores: u8,
    offset_expiries: u8,
    /// Transactions that the broker ends.
    ends: u8,
    /// Advances of a worker's clock to its wake-up.
    wakes: u8,
    passes: u8,
    /// Copies of an owner's records.
    copies: u8,
    /// Outcomes of another group's owner.
    second_answers: u8,
    /// Documents that the store loses.
    losses: u8,
    /// Changes of the log's identity.
    renames: u8,
    /// Settings of a process's clock.
    clock_steps: u8,
}

#[derive(Clone)]
struct Protocol {
    processes: u32,
    settings: Settings,
    inputs: Vec<Input>,
    budget: Budget,
    /// The actions before the exploration.
    before: fn(&mut World),
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct State {
    world: World,
    budget: Budget,
}

impl Model for Protocol {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let mut world = World::new(self.processes, self.settings.clone(), self.inputs.clone());
        (0..self.processes).for_each(|process| world.apply(Action::Poll(process as usize)));
        (self.before)(&mut world);
        vec![State { world, budget: self.budget }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        let State { world, budget } = state;
        for (process, partition, call) in world.steps() {
            let faults = faults(world, budget, (process, partition, call));
            actions.extend(faults.into_iter().map(|fault| Action::Step(process, partition, call, fault)));
        }
        if !world.inputs.is_empty() {
            actions.push(Action::Append);
        }
        if budget.wakes > 0 {
            actions.extend(world.sleepers().map(|(process, partition)| Action::Wake(process, partition)));
        }
        actions.extend((budget.passes > 0).then_some(Action::Pass(DWELL_MS)));
        for (index, process) in world.processes.iter().enumerate() {
            let member = world.broker.is_member(process.member);
            if world.broker.clone().poll_group(process.member).is_some() {
                actions.push(Action::Poll(index));
            } else if !member {
                actions.push(Action::Restart(index));
            }
            if budget.clock_steps > 0 {
                let steps = CLOCK_STEPS_MS.into_iter().filter(|ahead_ms| *ahead_ms != process.ahead_ms);
                actions.extend(steps.map(|ahead_ms| Action::SetClock(index, ahead_ms)));
            }
            if member && process.up {
                actions.extend((budget.crashes > 0).then_some(Action::Crash(index)));
                actions.extend((budget.expiries > 0).then_some(Action::Expire(index)));
            }
        }
        for partition in (0..world.partitions()).map(Partition) {
            if budget.moves > 0 {
                actions.extend((0..world.processes.len()).map(|process| Action::Move(partition, process)));
            }
            let open = budget.ends > 0 && world.broker.is_open(partition);
            actions.extend(open.then_some(Action::EndTransaction(partition)));
        }
        for index in 0..world.held().len() {
            actions.extend([Action::Arrive(index), Action::Vanish(index)]);
        }
        actions.extend((budget.wipes > 0).then_some(Action::Wipe));
        if budget.restores > 0 {
            actions.push(if world.snapshot.is_some() { Action::Restore } else { Action::Save });
        }
        actions.extend((budget.copies > 0).then_some(Action::Copy(Partition(0))));
        actions.extend((budget.second_answers > 0).then_some(Action::Answer(Partition(0))));
        actions.extend((budget.losses > 0).then_some(Action::Lose(Partition(0), 0)));
        actions.extend((budget.renames > 0).then_some(Action::Rename(budget.renames.into())));
        actions.extend((budget.offset_expiries > 0).then_some(Action::ExpireOffsets));
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let mut next = state.clone();
        spend(&mut next.budget, &state.world, action);
        next.world.apply(action);
        (next != *state).then_some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("every invariant holds", |_, state: &State| {
                check_second_writer(&state.world).is_ok()
            }),
            Property::always("no partition halts", |_, state: &State| {
                state.world.second.is_some() || halts(&state.world).next().is_none()
            }),
            Property::sometimes(SECOND_WRITER_SEEN, |_, state: &State| {
                halts(&state.world).any(|reason| reason.contains("second group"))
            }),
            // Without progress, the invariants would hold trivially.
            Property::sometimes(SETTLED, |_, state: &State| {
                state.world.inputs.is_empty() && check_settled(&state.world).is_ok()
            }),
        ]
    }
}

/// Progress that must occur in some path.
const SETTLED: &str = "everything is answered and stored";
const SECOND_WRITER_SEEN: &str = "a partition halts since it has a second writer";

/// The reasons of halted partitions.
fn halts(world: &World) -> impl Iterator<Item = &str> {
    let workers = world.processes.iter().flat_map(|process| process.workers.values());
    workers.filter_map(|worker| match worker.processor.phase() {
        Phase::Halted(reason) => Some(reason.as_str()),
        _ => None,
    })
}

const DWELL_MS: u64 = 40;
/// The possible settings of a process's clock, in milliseconds ahead of the log's.
const CLOCK_STEPS_MS: [i64; 3] = [-HOUR_MS, 0, HOUR_MS];
const HOUR_MS: i64 = 60 * 60 * 1000;

fn faults(world: &World, budget: &Budget, at: (usize, Partition, usize)) -> Vec<Fault> {
    let mut faults = vec![Fault::None];
    match world.effect(at.0, at.1, at.2) {
        Some((Effect::Commit(_), 2)) if budget.unknown_commits > 0 => {
            faults.extend(CommitFate::ALL.into_iter().skip(1).map(Fault::Commit));
        }
        Some((Effect::Write(_), _)) if budget.late_writes > 0 => {
            faults.extend([Fault::AnswerLost, Fault::Late]);
        }
        Some((Effect::Acquire | Effect::Load { .. } | Effect::AskGroup, _)) if budget.refusals > 0 => {
            faults.push(Fault::Refused);
        }
        _ => {}
    }
    faults
}

fn spend(budget: &mut Budget, world: &World, action: Action) {
    let account = match action {
        Action::Step(.., Fault::None) => return,
        Action::Step(.., Fault::Commit(_)) => &mut budget.unknown_commits,
        Action::Step(.., Fault::AnswerLost | Fault::Late) => &mut budget.late_writes,
        Action::Step(.., Fault::Refused) => &mut budget.refusals,
        Action::Wake(..) => &mut budget.wakes,
        Action::Pass(_) => &mut budget.passes,
        Action::SetClock(..) => &mut budget.clock_steps,
        Action::Crash(_) => &mut budget.crashes,
        Action::Expire(_) => &mut budget.expiries,
        Action::Move(..) => &mut budget.moves,
        Action::Wipe => &mut budget.wipes,
        Action::Restore => &mut budget.restores,
        Action::ExpireOffsets => &mut budget.offset_expiries,
        Action::Copy(_) => &mut budget.copies,
        Action::Answer(_) => &mut budget.second_answers,
        Action::Lose(..) => &mut budget.losses,
        Action::Rename(_) => &mut budget.renames,
        Action::EndTransaction(_) => &mut budget.ends,
        Action::Append | Action::Poll(_) | Action::Restart(_) | Action::Save => return,
        Action::Arrive(_) | Action::Vanish(_) => return,
    };
    assert!(*account > 0, "{action:?} in {world:?} costs what is not there");
    *account -= 1;
}

fn settings(partitions: u32, policy: Policy) -> Settings {
    let mut settings = Settings::new(partitions, policy);
    // Small batches and no cache give the most interleavings and loads.
    settings.batch_inputs_max = 1;
    settings.batch_facts_max = 2;
    settings.cache_orders_max = 0;
    settings.inbox_inputs_max = 1;
    settings.emit_order_events = false;
    settings
}

/// One order: placed and then confirmed.
fn two_inputs() -> Vec<Input> {
    let here = Partition(0);
    let order = order_in(here, 1, 0);
    vec![place(&order, here, "r0"), step(&order, Status::Confirmed, here, "r1")]
}

fn one_partition(processes: u32, budget: Budget) -> Protocol {
    // With one process, its start is explored too. With two, the exploration begins when the first is live.
    let before = if processes == 1 { |_: &mut World| {} } else { all_live };
    Protocol { processes, settings: settings(1, Policy::manual()), inputs: two_inputs(), budget, before }
}

fn all_live(world: &mut World) {
    step_until(world, |_| true, |_| false);
}

/// Partition 1 has begun to forward an input to partition 0. Its open transaction hides later committed records there.
fn forwarding_begun(world: &mut World) {
    all_live(world);
    world.apply(Action::Append);
    world.apply(Action::Append);
    let written = |world: &World| world.broker.is_open(FORWARDER);
    step_until(world, |partition| partition == FORWARDER, written);
}

const FORWARDER: Partition = Partition(1);

/// Performs actions of some partitions without faults until none is left or `enough` holds.
fn step_until(world: &mut World, of: fn(Partition) -> bool, enough: fn(&World) -> bool) {
    loop {
        let next = world.steps().find(|(_, partition, _)| of(*partition));
        match next {
            Some((process, partition, call)) if !enough(world) => {
                world.apply(Action::Step(process, partition, call, Fault::None));
            }
            _ => return,
        }
    }
}

/// The time limit of a scenario. A scenario that is not exhausted by then was explored to a limited depth.
const SCENARIO_S_MAX: u64 = 10;
const WALKS_S: u64 = 3;

fn explore(name: &str, protocol: Protocol) {
    explore_until(name, protocol, &[SETTLED]);
}

/// Explores, and asserts that each expected state was reached.
fn explore_until(name: &str, protocol: Protocol, expected: &[&'static str]) {
    let breadth =
        protocol.clone().checker().threads(2).timeout(Duration::from_secs(SCENARIO_S_MAX)).spawn_bfs().join();
    report(name, "breadth first", &breadth);
    let walks = protocol.checker().timeout(Duration::from_secs(WALKS_S));
    let walks = walks.spawn_simulation(SEED, UniformChooser).join();
    report(name, "random walks", &walks);
    for what in expected {
        let found = breadth.discovery(what).or_else(|| walks.discovery(what));
        assert!(found.is_some(), "{name}: no state was reached in which {what}");
    }
}

const SEED: u64 = 7;

// The reached depth is part of the test's output.
#[allow(clippy::print_stdout)]
fn report(name: &str, how: &str, checker: &impl Checker<Protocol>) {
    for property in ["every invariant holds", "no partition halts"] {
        if let Some(path) = checker.discovery(property) {
            let broken = check_second_writer(&path.last_state().world);
            panic!("{name}, {how}: violated: {property}: {broken:?}\nafter {:#?}", path.into_actions());
        }
    }
    println!(
        "{name}, {how}: {} states, {} of them different, {} steps deep",
        checker.state_count(),
        checker.unique_state_count(),
        checker.max_depth()
    );
}

#[test]
fn one_owner_crashes_at_any_step() {
    let budget = Budget { crashes: 2, late_writes: 1, ..Budget::default() };
    explore("crash", one_partition(1, budget));
}

#[test]
fn a_commit_with_an_unknown_outcome() {
    let budget = Budget { unknown_commits: 2, ends: 1, wakes: 4, ..Budget::default() };
    explore("unknown commit", one_partition(1, budget));
}

#[test]
fn a_zombie_and_its_successor() {
    let budget = Budget { expiries: 1, wakes: 3, ..Budget::default() };
    explore("zombie", one_partition(2, budget));
}

#[test]
fn the_partition_moves_to_and_fro() {
    let budget = Budget { moves: 2, crashes: 1, wakes: 1, ..Budget::default() };
    explore("two owners", one_partition(2, budget));
}

#[test]
fn a_store_that_is_wiped() {
    let budget = Budget { wipes: 1, wakes: 4, late_writes: 1, ..Budget::default() };
    explore("wiped store", one_partition(1, budget));
}

#[test]
fn a_store_that_is_restored() {
    let budget = Budget { restores: 1, wakes: 4, crashes: 1, ..Budget::default() };
    explore("restored store", one_partition(1, budget));
}

#[test]
fn a_late_write_of_a_fenced_owner() {
    let budget = Budget { expiries: 1, late_writes: 2, wipes: 1, wakes: 2, ..Budget::default() };
    explore("late write", one_partition(2, budget));
}

#[test]
fn inputs_in_the_wrong_partition() {
    let (here, there) = (Partition(0), Partition(1));
    let order = order_in(there, 2, 0);
    let inputs = vec![place(&order, here, "r0"), step(&order, Status::Confirmed, here, "r1")];
    let budget = Budget { crashes: 1, unknown_commits: 1, ends: 1, wakes: 2, ..Budget::default() };
    explore(
        "forwarded",
        Protocol { processes: 1, settings: settings(2, Policy::manual()), inputs, budget, before: |_| {} },
    );
}

#[test]
fn facts_that_an_open_transaction_of_a_forwarder_hides() {
    let here = Partition(0);
    let order = order_in(here, 2, 0);
    let inputs = vec![place(&order, here, "r0"), step(&order, Status::Confirmed, FORWARDER, "r1")];
    let budget = Budget { crashes: 1, wakes: 1, ..Budget::default() };
    let settings = settings(2, Policy::manual());
    explore("hidden facts", Protocol { processes: 2, settings, inputs, budget, before: forwarding_begun });
}

#[test]
fn timers_and_requests_of_one_order() {
    let here = Partition(0);
    let order = order_in(here, 1, 0);
    let inputs = vec![place(&order, here, "r0"), step(&order, Status::Cancelled, here, "r1")];
    let budget = Budget { crashes: 1, unknown_commits: 1, passes: 2, wakes: 2, ..Budget::default() };
    let settings = settings(1, Policy::simulate(DWELL_MS));
    explore("timers", Protocol { processes: 1, settings, inputs, budget, before: |_| {} });
}

#[test]
fn timers_and_assignments_of_one_order() {
    let here = Partition(0);
    let order = order_in(here, 1, 0);
    let inputs =
        vec![place(&order, here, "r0"), assign(&order, 1, here, "r1"), assign(&order, 2, here, "r2")];
    let budget = Budget { crashes: 1, unknown_commits: 1, passes: 2, wakes: 2, ..Budget::default() };
    let settings = settings(1, Policy::simulate(DWELL_MS));
    explore("assignments", Protocol { processes: 1, settings, inputs, budget, before: |_| {} });
}

#[test]
fn clocks_that_are_set_while_timers_run() {
    let here = Partition(0);
    let order = order_in(here, 1, 0);
    let inputs = vec![place(&order, here, "r0")];
    let budget = Budget { clock_steps: 2, passes: 2, wakes: 3, crashes: 1, ..Budget::default() };
    let settings = settings(1, Policy::simulate(DWELL_MS));
    explore("clock steps", Protocol { processes: 1, settings, inputs, budget, before: |_| {} });
}

#[test]
fn deleted_group_offsets_and_refused_calls() {
    let budget = Budget { offset_expiries: 1, refusals: 2, crashes: 1, wakes: 3, ..Budget::default() };
    explore("deleted offsets", one_partition(1, budget));
}

#[test]
fn records_that_claim_to_be_an_owners() {
    let here = Partition(0);
    let order = order_in(here, 1, 0);
    let inputs = vec![place(&order, here, "r0"), forged_outcome(&order, 50, here), forged_fact(&order, here)];
    let budget = Budget { crashes: 1, copies: 1, wakes: 1, ..Budget::default() };
    let settings = settings(1, Policy::manual());
    explore("foreign records", Protocol { processes: 1, settings, inputs, budget, before: |_| {} });
}

#[test]
fn a_second_writer() {
    let budget = Budget { second_answers: 1, unknown_commits: 1, wakes: 3, ..Budget::default() };
    let protocol = Protocol { processes: 1, before: all_live, ..one_partition(1, budget) };
    explore_until("second writer", protocol, &[SETTLED, SECOND_WRITER_SEEN]);
}

#[test]
fn copies_of_facts_while_owners_change() {
    let here = Partition(0);
    let order = order_in(here, 1, 0);
    let inputs = vec![place(&order, here, "r0")];
    let budget = Budget { expiries: 1, copies: 2, passes: 1, wakes: 3, ..Budget::default() };
    let settings = settings(1, Policy::simulate(DWELL_MS));
    explore("copies", Protocol { processes: 2, settings, inputs, budget, before: all_live });
}

#[test]
fn a_store_that_loses_a_document() {
    let budget = Budget { losses: 1, crashes: 1, wakes: 4, late_writes: 1, ..Budget::default() };
    explore("lost document", one_partition(1, budget));
}

#[test]
fn a_log_of_another_identity() {
    let budget = Budget { renames: 2, crashes: 2, wakes: 3, late_writes: 1, ..Budget::default() };
    explore("another log", one_partition(1, budget));
}
