//! Runs the protocol under faults from a seed, then without faults until it settles.
//!
//! `SIMULATION_SEED` runs one seed; otherwise `SIMULATION_RUNS` is the number of seeds. Some
//! processes write as a release without lists of parties. A failure prints its seed. With the
//! feature `allows-lost`, each process runs one of two releases, and a restarted one may run the other.

use logistics_core::lifecycle::STATUSES;
use logistics_core::processor::{Effect, Phase, Settings};
use logistics_core::wire::LogKeys;
use logistics_core::{Command, OrderId, Partition, Policy};
use logistics_testkit::{CommitFate, Rng};
use logistics_tests::invariants::{check, check_settled};
use logistics_tests::workload::{
    ask, assign, forged_fact, forged_outcome, garbage, order_in, place_for_parties, signed, step, unsigned,
};
use logistics_tests::world::{Action, Fault, Input, World};

const PARTITIONS: u32 = 2;
const PROCESSES: u32 = 2;
const CHECKED_EVERY_STEPS: usize = 5;
const FAULTY_STEPS: usize = 3000;
const SETTLING_ROUNDS_MAX: usize = 4000;
const RUNS: u64 = 200;
/// Longer than any deadline of the policies.
/// How far the clocks advance at once while the world settles.
const PAUSE_MS_MAX: u64 = 10_000;
const HOUR_MS: i64 = 60 * 60 * 1000;
const DEADLINES_MS: u64 = 2 * 24 * 60 * 60 * 1000;

fn settings(rng: &mut Rng) -> Settings {
    let policy = match rng.below(3) {
        0 => Policy::manual(),
        1 => Policy::simulate(0),
        _ => Policy::simulate(40),
    };
    let mut settings = Settings::new(PARTITIONS, policy);
    settings.batch_inputs_max = 1 + rng.below(4) as usize;
    settings.batch_facts_max = settings.batch_inputs_max + rng.below(6) as usize;
    // Without a cache, every state comes from the store; with one, none does.
    settings.cache_orders_max = if rng.chance(500) { 0 } else { 100 };
    settings.read.records = 1 + rng.below(8) as usize;
    settings.inbox_inputs_max = 1 + rng.below(5) as usize;
    settings.unwritten_orders_max = 1 + rng.below(4) as usize;
    settings
}

/// Brings orders to DELIVERY_FAILED and requests LOST, which one of the releases does not allow.
#[cfg(feature = "allows-lost")]
fn losing_workload(rng: &mut Rng) -> Vec<Input> {
    use logistics_core::Status::{Confirmed, DeliveryFailed, Lost, OutForDelivery, Preparing};
    let orders: Vec<OrderId> =
        (0..8).map(|n| order_in(Partition(n % PARTITIONS), PARTITIONS, (n / PARTITIONS) as usize)).collect();
    let path = [Confirmed, Preparing, OutForDelivery, DeliveryFailed, Lost, Lost, OutForDelivery];
    let mut done = vec![0; orders.len()];
    let mut inputs = Vec::new();
    while let Some(n) = any(rng, (0..orders.len()).filter(|n| done[*n] <= path.len())) {
        let (order, name) = (&orders[n], format!("r{}", inputs.len()));
        let here = logistics_core::partition_of(order, PARTITIONS);
        inputs.push(match done[n].checked_sub(1) {
            None => place_for_parties(order, here, &name),
            Some(at) => step(order, path[at], here, &name),
        });
        done[n] += 1;
    }
    inputs
}

#[cfg(feature = "allows-lost")]
fn inputs(rng: &mut Rng) -> Vec<Input> {
    if rng.chance(500) { losing_workload(rng) } else { workload(rng) }
}

#[cfg(not(feature = "allows-lost"))]
fn inputs(rng: &mut Rng) -> Vec<Input> {
    workload(rng)
}

fn workload(rng: &mut Rng) -> Vec<Input> {
    let orders: Vec<OrderId> =
        (0..8).map(|n| order_in(Partition(n % PARTITIONS), PARTITIONS, (n / PARTITIONS) as usize)).collect();
    let mut inputs = Vec::new();
    for n in 0..60 {
        let order = &orders[rng.below(orders.len() as u64) as usize];
        let here = logistics_core::partition_of(order, PARTITIONS);
        let misplaced = rng.chance(250);
        let partition = if misplaced { Partition((here.0 + 1) % PARTITIONS) } else { here };
        let name = format!("r{n}");
        inputs.push(match rng.below(11) {
            0..=3 => place_for_parties(order, partition, &name),
            4..=7 => {
                let to = STATUSES[rng.below(STATUSES.len() as u64) as usize];
                step(order, to, partition, &name)
            }
            8 => ask(order, Command::Cancel, partition, &name),
            9 => assign(order, rng.below(4), partition, &name),
            _ => match rng.below(5) {
                0 => forged_outcome(order, 1_000_000, partition),
                1 => forged_fact(order, partition),
                _ => garbage(partition),
            },
        });
    }
    inputs
}

/// The log gets a key, which the clients have. A producer without the key requests transitions as an operator.
fn with_log_key(rng: &mut Rng, settings: &mut Settings, inputs: Vec<Input>) -> Vec<Input> {
    let keys = LogKeys::new(&[[7; 32]]).expect("a key");
    let mut all = Vec::new();
    for (n, input) in inputs.into_iter().enumerate() {
        if rng.chance(300) {
            let to = STATUSES[rng.below(STATUSES.len() as u64) as usize];
            all.extend(unsigned(&input, to, n));
        }
        all.push(signed(input, &keys, PARTITIONS));
    }
    settings.log_keys = Some(keys);
    all
}

fn any<T>(rng: &mut Rng, items: impl Iterator<Item = T>) -> Option<T> {
    let mut items: Vec<T> = items.collect();
    (!items.is_empty()).then(|| items.swap_remove(rng.below(items.len() as u64) as usize))
}

fn fault(rng: &mut Rng, world: &World, at: (usize, Partition, usize)) -> Fault {
    if !rng.chance(60) {
        return Fault::None;
    }
    match world.effect(at.0, at.1, at.2) {
        Some((Effect::Commit(_), _)) => Fault::Commit(CommitFate::ALL[rng.below(5) as usize]),
        Some((Effect::Write(_), _)) => {
            [Fault::Refused, Fault::AnswerLost, Fault::Late][rng.below(3) as usize]
        }
        Some((Effect::Acquire, _)) => [Fault::Refused, Fault::AnswerLost][rng.below(2) as usize],
        _ => Fault::Refused,
    }
}

fn next_action(rng: &mut Rng, world: &World) -> Option<Action> {
    let process = rng.below(u64::from(PROCESSES)) as usize;
    let partition = Partition(rng.below(u64::from(PARTITIONS)) as u32);
    let held = world.held().len() as u64;
    Some(match rng.below(1000) {
        0..=599 => {
            let (process, partition, call) = any(rng, world.steps())?;
            Action::Step(process, partition, call, fault(rng, world, (process, partition, call)))
        }
        600..=719 => Action::Poll(process),
        720..=819 => {
            let (process, partition) = any(rng, world.sleepers())?;
            Action::Wake(process, partition)
        }
        820..=869 => Action::Append,
        870..=917 => Action::Pass(1 + rng.below(60)),
        918..=919 => {
            Action::SetClock(process, [-2 * HOUR_MS, -3000, 0, 3000, 2 * HOUR_MS][rng.below(5) as usize])
        }
        920..=924 => Action::Crash(process),
        925..=954 if !world.broker.is_member(world.processes[process].member) => Action::Restart(process),
        955..=959 => Action::Expire(process),
        960..=966 => Action::Move(partition, process),
        967..=979 if held > 0 => Action::Arrive(rng.below(held) as usize),
        980..=984 if held > 0 => Action::Vanish(rng.below(held) as usize),
        985..=986 => Action::Wipe,
        987..=989 => Action::Save,
        990..=991 => Action::Restore,
        992..=993 => Action::ExpireOffsets,
        994..=996 => Action::EndTransaction(partition),
        997 => Action::Copy(partition),
        998 => Action::Lose(partition, rng.below(8) as usize),
        999 if rng.below(4) == 0 => Action::Rename(rng.below(1000) as u32),
        _ => return None,
    })
}

/// Performs all possible actions without faults.
fn settle(world: &mut World, seed: u64) {
    let mut last = Ok(());
    for _ in 0..SETTLING_ROUNDS_MAX {
        for process in 0..world.processes.len() {
            if !world.broker.is_member(world.processes[process].member) {
                world.apply(Action::Poll(process));
                world.apply(Action::Restart(process));
            }
            world.apply(Action::Poll(process));
        }
        (0..PARTITIONS).for_each(|partition| {
            // Only transactions without a live worker are ended.
            let owned =
                world.processes.iter().any(|process| process.workers.contains_key(&Partition(partition)));
            if !owned {
                world.apply(Action::EndTransaction(Partition(partition)));
            }
        });
        while !world.held().is_empty() {
            world.apply(Action::Arrive(0));
        }
        for (process, partition, call) in world.steps().collect::<Vec<_>>().into_iter().rev() {
            world.apply(Action::Step(process, partition, call, Fault::None));
        }
        world.read_every_order();
        world.apply(Action::Append);
        world.apply(Action::Pass(world.next_wake_ms().unwrap_or(0).clamp(7, PAUSE_MS_MAX)));
        if world.inputs.is_empty() {
            last = check_settled(world);
            if last.is_ok() {
                return;
            }
        }
    }
    panic!("seed {seed}: it did not settle after the faults ended: {last:?}");
}

/// A process that starts runs one of the releases.
#[cfg(feature = "allows-lost")]
fn choose_release(rng: &mut Rng, world: &mut World, process: usize) {
    use logistics_tests::world::Release;
    world.processes[process].release = if rng.chance(500) { Release::Before } else { Release::This };
}

/// Both releases find the settled world in order. The result is the number of orders in LOST.
#[cfg(feature = "allows-lost")]
fn lost_orders(world: &World) -> usize {
    use logistics_core::{Order, Status};
    use logistics_tests::world::Release;
    for release in [Release::Before, Release::This] {
        let settled = release.run(|| check_settled(world));
        assert_eq!(settled, Ok(()), "{release:?}");
    }
    let documents = (0..PARTITIONS).flat_map(|partition| world.store.documents(Partition(partition)));
    let orders = documents.map(|(_, json)| Order::from_document(json).expect("a document"));
    orders.filter(|order| order.status == Status::Lost).count()
}

#[cfg(not(feature = "allows-lost"))]
fn choose_release(_: &mut Rng, _: &mut World, _: usize) {}

fn run(seed: u64) -> World {
    let mut rng = Rng::new(seed);
    let mut settings = settings(&mut rng);
    let mut inputs = inputs(&mut rng);
    if rng.chance(300) {
        inputs = with_log_key(&mut rng, &mut settings, inputs);
    }
    let mut world = World::new(PROCESSES, settings, inputs);
    (0..world.processes.len()).for_each(|process| choose_release(&mut rng, &mut world, process));
    for step in 0..FAULTY_STEPS {
        let Some(action) = next_action(&mut rng, &world) else { continue };
        if let Action::Restart(process) = action
            && !world.processes[process].up
        {
            choose_release(&mut rng, &mut world, process);
            world.processes[process].lists_no_parties = rng.chance(250);
        }
        world.apply(action);
        if step % CHECKED_EVERY_STEPS == 0
            && let Err(broken) = check(&world)
        {
            panic!("seed {seed}, step {step}, after {action:?}: {broken}");
        }
        for worker in world.processes.iter().flat_map(|process| process.workers.values()) {
            if let Phase::Halted(reason) = worker.processor.phase() {
                panic!("seed {seed}, step {step}, after {action:?}: halted: {reason}");
            }
        }
    }
    (0..world.processes.len()).for_each(|process| world.apply(Action::SetClock(process, 0)));
    // The upgrade ends: no process writes without lists of parties.
    for process in 0..world.processes.len() {
        if world.processes[process].lists_no_parties {
            world.apply(Action::Crash(process));
            world.processes[process].lists_no_parties = false;
        }
    }
    settle(&mut world, seed);
    // Every deadline passes, so a lost timer leaves its order behind.
    world.apply(Action::Pass(DEADLINES_MS));
    settle(&mut world, seed);
    world
}

/// Runs the seeds from 0, on every core.
fn run_all(seeds: u64) {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for first in 0..threads as u64 {
            scope.spawn(move || (first..seeds).step_by(threads).for_each(|seed| _ = run(seed)));
        }
    });
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

#[test]
fn the_invariants_hold_under_faults_and_the_system_settles_without() {
    match number("SIMULATION_SEED") {
        Some(seed) => _ = run(seed),
        None => run_all(number("SIMULATION_RUNS").unwrap_or(RUNS)),
    }
}

#[cfg(feature = "allows-lost")]
#[test]
fn two_releases_keep_a_status_that_one_of_them_only_knows() {
    let lost: Vec<usize> = (0..20).map(|seed| lost_orders(&run(seed))).collect();
    assert!(lost.iter().any(|lost| *lost > 0), "{lost:?}");
}
