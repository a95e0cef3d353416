//! One driver, step by step.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use logistics_core::Partition;
use logistics_core::health::HealthProbe;
use logistics_core::observe::Observers;
use logistics_core::port::{Clock, MockOwnerStore};
use logistics_layers::{Layer, TimeLimit};
use tokio::sync::watch;

use super::support::{Fate, TestClock, TestLog, is_ready, owner, settings, working};
use crate::calls::Ports;
use crate::clock::ProcessorClock;
use crate::processor_driver::{Instruction, ProcessorDriver, Progress};
use crate::processors_health::ProcessorsHealth;

struct Stepped {
    driver: ProcessorDriver,
    health: Arc<ProcessorsHealth>,
    instructions: watch::Sender<Instruction>,
}

fn driver_of(log: &Arc<TestLog>) -> Stepped {
    let health = Arc::new(ProcessorsHealth::new());
    let entry = health.add(Partition(0), TestClock.now());
    let ports = Ports {
        partition: Partition(0),
        membership: Arc::new(owner(std::slice::from_ref(log))),
        log: TimeLimit::new(5000).over(log.clone()),
        store: Arc::new(working(MockOwnerStore::new()).0),
    };
    let (instructions, receiver) = watch::channel(Instruction::Run);
    let clock = ProcessorClock::new(Arc::new(TestClock));
    let driver = ProcessorDriver::new(ports, settings(1), clock, entry, Observers::default(), receiver);
    Stepped { driver, health, instructions }
}

impl Stepped {
    async fn step_until(&mut self, condition: impl Fn(&ProcessorsHealth) -> bool) {
        const STEPS_MAX: usize = 100;
        for _ in 0..STEPS_MAX {
            if condition(&self.health) {
                return;
            }
            assert_eq!(self.driver.step().await, Progress::Continue);
        }
        panic!("not within {STEPS_MAX} steps: {:?}", self.health.health());
    }
}

#[tokio::test(start_paused = true)]
async fn steps_lead_from_the_assignment_to_a_decision() {
    let log = Arc::new(TestLog::default());
    log.place("o-1");
    let mut stepped = driver_of(&log);
    stepped.step_until(|_| log.facts() == 1).await;
    stepped.step_until(|health| is_ready(health, "partition 0")).await;
    assert_eq!(log.acquisitions(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_stopped_driver_waits_for_its_open_transaction_and_no_longer() {
    let log = Arc::new(TestLog::default());
    let mut stepped = driver_of(&log);
    stepped.step_until(|health| is_ready(health, "partition 0")).await;
    log.place("o-1");
    log.commits.lock().unwrap().push_back(Fate::Hang);
    while log.committing.load(Ordering::SeqCst) == 0 {
        tokio::select! {
            biased;
            progress = stepped.driver.step() => assert_eq!(progress, Progress::Continue),
            () = std::future::ready(()), if log.committing.load(Ordering::SeqCst) > 0 => {}
        }
    }
    stepped.instructions.send_replace(Instruction::Stop { flush: false });
    assert_eq!(stepped.driver.step().await, Progress::Continue);
    // The commit ends after 5 s with an unknown outcome, and the driver does not acquire again.
    let began = tokio::time::Instant::now();
    while stepped.driver.step().await == Progress::Continue {}
    assert!(began.elapsed() <= Duration::from_secs(5));
    assert_eq!(log.acquisitions(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_driver_that_is_stopped_before_it_is_live_releases_at_once() {
    let log = Arc::new(TestLog::default());
    log.acquires.lock().unwrap().push_back(Fate::Hang);
    let mut stepped = driver_of(&log);
    stepped.instructions.send_replace(Instruction::Stop { flush: true });
    assert_eq!(stepped.driver.step().await, Progress::Continue);
    assert_eq!(stepped.driver.step().await, Progress::Stopped);
}

#[tokio::test(start_paused = true)]
async fn a_driver_without_a_sender_of_instructions_stops() {
    let log = Arc::new(TestLog::default());
    let Stepped { driver, instructions, .. } = driver_of(&log);
    drop(instructions);
    tokio::time::timeout(Duration::from_secs(1), driver.run()).await.expect("the driver ends");
}
