//! The driver of one partition's processor: it makes the calls that the processor requests, and passes the replies back.

use std::future::{Future, pending};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use logistics_core::observe::{Observer, Observers};
use logistics_core::processor::{Effect, Phase, Processor, ProcessorEvent, Reply, Settings};
use tokio::sync::watch;
use tokio::time::sleep;

use crate::calls::{Call, CallResult, Ports};
use crate::clock::ProcessorClock;
use crate::error_text::panic_text;
use crate::processors_health::PartitionHealth;
use crate::transaction_timer::TransactionTimer;

/// An instruction of the group's member to a driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Instruction {
    Run,
    /// Release the partition. With `flush`, bring the store up to date first.
    Stop {
        flush: bool,
    },
}

/// Whether there is another step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    Continue,
    /// The processor has released the partition.
    Stopped,
}

/// What a step waited for.
enum Event {
    Instructed,
    Finished(CallResult),
    Woken,
}

pub(crate) struct ProcessorDriver {
    processor: Processor,
    ports: Ports,
    clock: ProcessorClock,
    health: Arc<PartitionHealth>,
    observers: Observers,
    instructions: watch::Receiver<Instruction>,
    /// The sender of instructions is gone.
    orphaned: bool,
    /// The read in progress. It may wait for ever, so it is kept apart and dropped when the driver stops.
    read: Option<Call>,
    calls: FuturesUnordered<Call>,
    /// The error of the latest call that failed.
    failure: Option<String>,
    timer: TransactionTimer,
}

impl ProcessorDriver {
    pub(crate) fn new(
        ports: Ports,
        settings: Settings,
        clock: ProcessorClock,
        health: Arc<PartitionHealth>,
        observers: Observers,
        instructions: watch::Receiver<Instruction>,
    ) -> Self {
        let timer = TransactionTimer::new(settings.report_transactions);
        let processor = Processor::new(ports.partition, settings, clock.now());
        let calls = FuturesUnordered::new();
        Self {
            processor,
            ports,
            clock,
            health,
            observers,
            instructions,
            orphaned: false,
            read: None,
            calls,
            failure: None,
            timer,
        }
    }

    /// Steps until the partition is released. A panic of the processor or of a port halts this partition only.
    pub(crate) async fn run(mut self) {
        loop {
            match AssertUnwindSafe(self.step()).catch_unwind().await {
                Ok(Progress::Continue) => {}
                Ok(Progress::Stopped) => return,
                Err(panic) => {
                    let reason = format!("a panic: {}", panic_text(panic.as_ref()));
                    if matches!(self.processor.phase(), Phase::Halted(_)) {
                        // Halting panicked as well: no further step.
                        self.health.set_halted(reason);
                        let _ =
                            self.instructions.wait_for(|instruction| *instruction != Instruction::Run).await;
                        return;
                    }
                    self.processor.halt(reason);
                }
            }
        }
    }

    /// Begins all calls that can begin, waits for one event and handles it.
    pub(crate) async fn step(&mut self) -> Progress {
        // Ports that answer at once must not keep other tasks from running.
        tokio::task::consume_budget().await;
        self.begin_effects();
        self.emit_events();
        match self.processor.phase() {
            Phase::Dropped => return Progress::Stopped,
            Phase::Halted(_) => self.drop_calls(),
            _ => {}
        }
        let wake_in_ms = self.processor.wake_in_ms(self.clock.now());
        let event = tokio::select! {
            biased;
            changed = self.instructions.changed(), if !self.orphaned => {
                self.orphaned = changed.is_err();
                Event::Instructed
            }
            Some(result) = self.calls.next() => Event::Finished(result),
            result = or_never(self.read.as_mut()) => Event::Finished(result),
            // All due effects have begun, so a wait of 0 would only spin.
            () = or_never(wake_in_ms.map(|ms| Box::pin(sleep(Duration::from_millis(ms.max(1)))))) => Event::Woken,
        };
        match event {
            Event::Instructed => self.apply_instruction(),
            Event::Finished(result) => {
                self.on_result(result);
                Progress::Continue
            }
            Event::Woken => Progress::Continue,
        }
    }

    fn begin_effects(&mut self) {
        loop {
            let now = self.clock.now();
            let polled = self.timer.deciding(|| self.processor.poll_effect(now));
            let Some((id, effect)) = polled else { break };
            let is_read = matches!(effect, Effect::Read { .. });
            match &effect {
                Effect::Acquire => self.drop_calls(),
                Effect::Commit(_) => self.timer.begin_commit(),
                _ => {}
            }
            let call = self.ports.begin(id, effect);
            if is_read {
                self.read = Some(call);
            } else {
                self.calls.push(call);
            }
        }
        self.timer.end_step();
    }

    fn emit_events(&mut self) {
        while let Some(event) = self.processor.poll_event() {
            let cause = match &event {
                ProcessorEvent::Interrupted { why, .. } => {
                    let cause = self.failure.take();
                    self.health.set_failure(cause.clone().unwrap_or_else(|| why.clone()));
                    cause
                }
                ProcessorEvent::Halted { .. } => self.failure.take(),
                _ => None,
            };
            self.observers.processor_event(self.ports.partition, &event, cause.as_deref());
        }
        self.health.record(&self.processor, self.clock.now());
    }

    fn apply_instruction(&mut self) -> Progress {
        let flush = match *self.instructions.borrow_and_update() {
            Instruction::Stop { flush } => flush,
            Instruction::Run if self.orphaned => false,
            Instruction::Run => return Progress::Continue,
        };
        if matches!(self.processor.phase(), Phase::Halted(_)) {
            return Progress::Stopped;
        }
        self.processor.stop(self.clock.now(), flush);
        self.read = None;
        Progress::Continue
    }

    fn on_result(&mut self, result: CallResult) {
        if result.failure.is_some() {
            self.failure = result.failure;
        }
        if matches!(result.reply, Reply::Read(_)) {
            self.read = None;
        }
        let (now, id, reply) = (self.clock.now(), result.id, result.reply);
        match reply {
            Reply::Loaded(_) => self.timer.deciding(|| self.processor.handle(now, id, reply)),
            Reply::Committed(_) => {
                let (decided, committed) = self.timer.elapsed();
                self.processor.handle(now, id, reply);
                if let Some(mut report) = self.processor.poll_report() {
                    (report.decide_elapsed, report.commit_elapsed) = (decided, committed);
                    self.observers.transaction(self.ports.partition, &report);
                }
            }
            _ => self.processor.handle(now, id, reply),
        }
    }

    /// Drops the calls in progress, except store writes, which finish in their own tasks.
    fn drop_calls(&mut self) {
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
