//! The worker of one partition: it makes the calls that the processor names and hands the replies back.

use std::future::{Future, pending};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use logistics_core::observe::{Observer, Observers};
use logistics_core::port::Clock;
use logistics_core::processor::{Effect, Now, Phase, Processor, ProcessorEvent, Reply, Settings};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use crate::calls::{Call, Finished, Ports};
use crate::failure::panic_text;
use crate::health::PartitionBoard;

/// The time, as the core wants it.
#[derive(Clone)]
pub(crate) struct Time {
    clock: Arc<dyn Clock>,
    start: Instant,
}

impl Time {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, start: Instant::now() }
    }

    pub(crate) fn now(&self) -> Now {
        let elapsed_ms = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        Now { wall: self.clock.now(), elapsed_ms }
    }
}

/// An instruction of the group to a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Instruction {
    Run,
    /// Give the partition up; with `flush`, bring the store up to date first.
    Stop {
        flush: bool,
    },
}

/// Whether there is another step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    Going,
    /// The partition is given up.
    Over,
}

/// What a step waited for.
enum Event {
    Instructed,
    Finished(Finished),
    Woken,
}

pub(crate) struct Worker {
    processor: Processor,
    ports: Ports,
    time: Time,
    board: Arc<PartitionBoard>,
    observers: Observers,
    instructions: watch::Receiver<Instruction>,
    /// The sender of instructions is gone.
    orphaned: bool,
    /// The one read under way. It may wait for ever, so it stands apart and is dropped when the worker stops.
    read: Option<Call>,
    calls: FuturesUnordered<Call>,
    /// The latest call that failed, in words.
    failure: Option<String>,
}

impl Worker {
    pub(crate) fn new(
        ports: Ports,
        settings: Settings,
        time: Time,
        board: Arc<PartitionBoard>,
        observers: Observers,
        instructions: watch::Receiver<Instruction>,
    ) -> Self {
        let processor = Processor::new(ports.partition, settings, time.now());
        let calls = FuturesUnordered::new();
        Self {
            processor,
            ports,
            time,
            board,
            observers,
            instructions,
            orphaned: false,
            read: None,
            calls,
            failure: None,
        }
    }

    /// Steps until the partition is given up. A panic, of the processor or of a port, halts this partition only.
    pub(crate) async fn run(mut self) {
        loop {
            match AssertUnwindSafe(self.step()).catch_unwind().await {
                Ok(Progress::Going) => {}
                Ok(Progress::Over) => return,
                Err(panic) => {
                    let reason = format!("a panic: {}", panic_text(panic.as_ref()));
                    if matches!(self.processor.phase(), Phase::Halted(_)) {
                        // Even halting panicked: no further step.
                        self.board.show_halted(reason);
                        let _ =
                            self.instructions.wait_for(|instruction| *instruction != Instruction::Run).await;
                        return;
                    }
                    self.processor.halt(reason);
                }
            }
        }
    }

    /// Begins what can begin, then waits for one thing to happen and takes it in.
    pub(crate) async fn step(&mut self) -> Progress {
        // Ports that answer at once must not keep other tasks from running.
        tokio::task::consume_budget().await;
        self.begin_effects();
        self.emit_events();
        match self.processor.phase() {
            Phase::Dropped => return Progress::Over,
            Phase::Halted(_) => self.forget_calls(),
            _ => {}
        }
        let wake_in_ms = self.processor.wake_in_ms(self.time.now());
        let event = tokio::select! {
            biased;
            changed = self.instructions.changed(), if !self.orphaned => {
                self.orphaned = changed.is_err();
                Event::Instructed
            }
            Some(finished) = self.calls.next() => Event::Finished(finished),
            finished = or_never(self.read.as_mut()) => Event::Finished(finished),
            // Everything that was due at once has begun; a wait of 0 would only spin.
            () = or_never(wake_in_ms.map(|ms| Box::pin(sleep(Duration::from_millis(ms.max(1)))))) => Event::Woken,
        };
        match event {
            Event::Instructed => self.apply_instruction(),
            Event::Finished(finished) => {
                self.on_finished(finished);
                Progress::Going
            }
            Event::Woken => Progress::Going,
        }
    }

    fn begin_effects(&mut self) {
        while let Some((stamp, effect)) = self.processor.poll_effect(self.time.now()) {
            if effect == Effect::Acquire {
                self.forget_calls();
            }
            let is_read = matches!(effect, Effect::Read { .. });
            let call = self.ports.begin(stamp, effect);
            if is_read {
                self.read = Some(call);
            } else {
                self.calls.push(call);
            }
        }
    }

    fn emit_events(&mut self) {
        while let Some(event) = self.processor.poll_event() {
            let cause = match &event {
                ProcessorEvent::Interrupted { why, .. } => {
                    let cause = self.failure.take();
                    self.board.show_failure(cause.clone().unwrap_or_else(|| why.clone()));
                    cause
                }
                ProcessorEvent::Halted { .. } => self.failure.take(),
                _ => None,
            };
            self.observers.processor_event(self.ports.partition, &event, cause.as_deref());
        }
        self.board.show(self.processor.phase(), self.processor.skew(), self.time.now().wall);
    }

    fn apply_instruction(&mut self) -> Progress {
        let flush = match *self.instructions.borrow_and_update() {
            Instruction::Stop { flush } => flush,
            Instruction::Run if self.orphaned => false,
            Instruction::Run => return Progress::Going,
        };
        if matches!(self.processor.phase(), Phase::Halted(_)) {
            return Progress::Over;
        }
        self.processor.stop(self.time.now(), flush);
        self.read = None;
        Progress::Going
    }

    fn on_finished(&mut self, finished: Finished) {
        if finished.failure.is_some() {
            self.failure = finished.failure;
        }
        if matches!(finished.reply, Reply::Read(_)) {
            self.read = None;
        }
        self.processor.handle(self.time.now(), finished.stamp, finished.reply);
    }

    /// Gives up what is under way, except store writes, which finish by themselves.
    fn forget_calls(&mut self) {
        self.read = None;
        self.calls.clear();
    }
}

async fn or_never<F: Future + Unpin>(future: Option<F>) -> F::Output {
    match future {
        Some(future) => future.await,
        None => pending().await,
    }
}
