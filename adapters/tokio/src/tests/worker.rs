//! One worker, step by step.

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
use crate::health::Board;
use crate::worker::{Instruction, Progress, Time, Worker};

struct Stepped {
    worker: Worker,
    board: Arc<Board>,
    instructions: watch::Sender<Instruction>,
}

fn worker_of(log: &Arc<TestLog>) -> Stepped {
    let board = Arc::new(Board::new());
    let entry = board.add(Partition(0), TestClock.now());
    let ports = Ports {
        partition: Partition(0),
        membership: Arc::new(owner(std::slice::from_ref(log))),
        log: TimeLimit::new(5000).over(log.clone()),
        store: Arc::new(working(MockOwnerStore::new()).0),
    };
    let (instructions, told) = watch::channel(Instruction::Run);
    let worker =
        Worker::new(ports, settings(1), Time::new(Arc::new(TestClock)), entry, Observers::default(), told);
    Stepped { worker, board, instructions }
}

impl Stepped {
    async fn step_until(&mut self, condition: impl Fn(&Board) -> bool) {
        const STEPS_MAX: usize = 100;
        for _ in 0..STEPS_MAX {
            if condition(&self.board) {
                return;
            }
            assert_eq!(self.worker.step().await, Progress::Going);
        }
        panic!("not within {STEPS_MAX} steps: {:?}", self.board.health());
    }
}

#[tokio::test(start_paused = true)]
async fn steps_lead_from_the_assignment_to_a_decision() {
    let log = Arc::new(TestLog::default());
    log.place("o-1");
    let mut stepped = worker_of(&log);
    stepped.step_until(|_| log.facts() == 1).await;
    stepped.step_until(|board| is_ready(board, "partition 0")).await;
    assert_eq!(log.acquisitions(), 1);
}

#[tokio::test(start_paused = true)]
async fn told_to_stop_it_waits_for_an_open_transaction_and_no_longer() {
    let log = Arc::new(TestLog::default());
    let mut stepped = worker_of(&log);
    stepped.step_until(|board| is_ready(board, "partition 0")).await;
    log.place("o-1");
    log.commits.lock().unwrap().push_back(Fate::Hang);
    while log.committing.load(Ordering::SeqCst) == 0 {
        tokio::select! {
            biased;
            progress = stepped.worker.step() => assert_eq!(progress, Progress::Going),
            () = std::future::ready(()), if log.committing.load(Ordering::SeqCst) > 0 => {}
        }
    }
    stepped.instructions.send_replace(Instruction::Stop { flush: false });
    assert_eq!(stepped.worker.step().await, Progress::Going);
    // The commit gives up after its 5 s, unknown; there is nothing to come back for.
    let began = tokio::time::Instant::now();
    while stepped.worker.step().await == Progress::Going {}
    assert!(began.elapsed() <= Duration::from_secs(5));
    assert_eq!(log.acquisitions(), 1);
}

#[tokio::test(start_paused = true)]
async fn told_to_stop_before_it_is_live_it_gives_up_at_once() {
    let log = Arc::new(TestLog::default());
    log.acquires.lock().unwrap().push_back(Fate::Hang);
    let mut stepped = worker_of(&log);
    stepped.instructions.send_replace(Instruction::Stop { flush: true });
    assert_eq!(stepped.worker.step().await, Progress::Going);
    assert_eq!(stepped.worker.step().await, Progress::Over);
}

#[tokio::test(start_paused = true)]
async fn without_anybody_to_tell_it_anything_it_stops() {
    let log = Arc::new(TestLog::default());
    let Stepped { worker, instructions, .. } = worker_of(&log);
    drop(instructions);
    tokio::time::timeout(Duration::from_secs(1), worker.run()).await.expect("it ends by itself");
}
