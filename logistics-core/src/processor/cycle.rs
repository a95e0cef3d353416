//! The cycle of a live owner: read, plan, load, decide, commit, write.

use super::batch::{Decided, Plan, Time, decide_plan};
use super::context::Context;
use super::effect::{CallId, Effect, Now, Reply};
use super::event::ProcessorEvent;
use super::interrupt::{HaltCode, Interrupt, InterruptCode, check_missing, check_written};
use super::live::{Cycle, Live};
use super::stage::Stage;
use crate::port::{Batch, CommitOutcome, Loaded, PortErrorKind, Transaction};

impl Live {
    pub(super) fn on_reply(
        mut self: Box<Self>,
        now: Now,
        call: CallId,
        reply: Reply,
        context: &mut Context,
    ) -> Result<Stage, Interrupt> {
        match reply {
            Reply::Read(read) if self.reading == Some(call) => {
                self.reading = None;
                let batch = read.map_err(|kind| Interrupt::of(kind, "reading the log"))?;
                self.on_batch(now, batch, context)?;
            }
            Reply::Loaded(loaded) => self.on_loaded(now, call, loaded, context)?,
            Reply::Committed(committed) => self.on_committed(now, call, committed, context)?,
            Reply::Written(written) => {
                if let Some(writing) = self.writing.take_if(|writing| writing.call == call) {
                    check_written(written)?;
                    self.settle(writing);
                }
            }
            _ => {}
        }
        Ok(Stage::Live(self))
    }

    fn on_batch(&mut self, now: Now, batch: Batch, context: &mut Context) -> Result<(), Interrupt> {
        let last_at = batch.records.last().map(|record| record.at);
        for record in batch.records {
            let input = self.read(record, context.partition, &context.settings, now, &mut context.events)?;
            input.into_iter().for_each(|input| self.take(input));
        }
        self.scan.advance(batch.next);
        self.read_to(batch.next, last_at);
        self.last_work_ms = now.elapsed_ms;
        Ok(())
    }

    fn on_loaded(
        &mut self,
        now: Now,
        call: CallId,
        loaded: Result<Loaded, PortErrorKind>,
        context: &mut Context,
    ) -> Result<(), Interrupt> {
        let settled_then = match &self.cycle {
            Cycle::Loading { call: asked, settled, .. } | Cycle::Comparing { call: asked, settled }
                if *asked == call =>
            {
                *settled
            }
            _ => return Ok(()),
        };
        let loaded = loaded.map_err(|kind| Interrupt::of(kind, "loading documents"))?;
        if !self.is_own(loaded.token, settled_then) {
            return Err(Interrupt::again(
                InterruptCode::StoreMismatch,
                "the store is not at a write of this owner: it was emptied or restored, or another owner wrote to it",
            ));
        }
        check_missing(&loaded.missing, &self.ghosts)?;
        match std::mem::replace(&mut self.cycle, Cycle::Idle) {
            Cycle::Loading { plan, ids, .. } => {
                let plan = self.complete(plan, &ids, loaded);
                let plan = plan.map_err(|why| Interrupt::halt(HaltCode::DocumentUnusable, why))?;
                self.decide(plan, now, context)
            }
            _ => {
                context.failures = 0;
                self.last_work_ms = now.elapsed_ms;
                Ok(())
            }
        }
    }

    fn on_committed(
        &mut self,
        now: Now,
        call: CallId,
        committed: Result<CommitOutcome, PortErrorKind>,
        context: &mut Context,
    ) -> Result<(), Interrupt> {
        match std::mem::replace(&mut self.cycle, Cycle::Idle) {
            Cycle::Committing { call: asked, mut decided, batch } if asked == call => {
                match committed {
                    Ok(CommitOutcome::Committed) => {}
                    Ok(CommitOutcome::Fenced) => {
                        return Err(Interrupt::again(
                            InterruptCode::Fenced,
                            "another owner acquired the partition",
                        ));
                    }
                    Ok(CommitOutcome::Unknown) => {
                        return Err(unknown("the outcome of the transaction is unknown".to_owned()));
                    }
                    Err(PortErrorKind::TooLarge) => return Err(context.shrink_batch(batch)),
                    Err(kind) => return Err(unknown(format!("committing: {kind:?}"))),
                }
                context.failures = 0;
                context.grow_batch();
                self.last_work_ms = now.elapsed_ms;
                context.events.extend(std::mem::take(&mut decided.events));
                // A commit of the position alone has none.
                context.report = decided.report.take().or(context.report.take());
                self.merge(decided);
            }
            work => self.cycle = work,
        }
        Ok(())
    }

    /// Begins all that can begin now: a read, a store write, and one cycle.
    pub(super) fn advance(mut self: Box<Self>, now: Now, context: &mut Context) -> Result<Stage, Interrupt> {
        self.compare_clocks(now, context)?;
        if let Some(stopping) = context.stopping {
            let committing = matches!(self.cycle, Cycle::Committing { .. });
            if !committing {
                // No decision is lost: the next owner reads the inputs again.
                self.cycle = Cycle::Idle;
                self.inbox.clear();
                let unsettled = self.writing.is_some() || self.wants_write(true);
                if !stopping.flush || !unsettled {
                    return Ok(Stage::dropped(context));
                }
            }
        } else {
            if self.reading.is_none() && self.wants_inputs(&context.settings) {
                let (from, limit) = (self.read_position, self.read_limit(&context.settings));
                self.reading = Some(context.issue(Effect::Read { from, limit }));
            }
            if self.wants_work(&context.settings) {
                self.begin_cycle(now, context)?;
            }
        }
        if self.wants_write(context.stopping.is_some()) {
            self.issue_write(context);
        }
        Ok(Stage::Live(self))
    }

    /// # Errors
    /// An interrupt when the clocks need a new comparison.
    fn compare_clocks(&mut self, now: Now, context: &mut Context) -> Result<(), Interrupt> {
        if self.clocks.has_stepped(now, context.settings.clock_skew_ms_max) {
            return Err(Interrupt::again(
                InterruptCode::ClockStepped,
                "the clock of this process was set, or the machine was suspended",
            ));
        }
        let skew = self.clocks.skew(now, context.settings.clock_skew_ms_max);
        match (self.skew, skew) {
            (None, Some(skew)) => context.emit(ProcessorEvent::ClockSkew(skew)),
            (Some(_), None) => context.emit(ProcessorEvent::ClocksAgree),
            _ => {}
        }
        self.skew = skew;
        Ok(())
    }

    fn begin_cycle(&mut self, now: Now, context: &mut Context) -> Result<(), Interrupt> {
        if let Some((plan, ids)) = self.plan(now.wall, context.batch_size()) {
            self.last_work_ms = now.elapsed_ms;
            if ids.is_empty() {
                return self.decide(plan, now, context);
            }
            let settled = self.settled_sequence();
            let call = context.issue(Effect::Load { ids: ids.clone() });
            self.cycle = Cycle::Loading { call, settled, plan, ids };
            return Ok(());
        }
        if !self.is_idle(now, context) {
            return Ok(());
        }
        self.last_work_ms = now.elapsed_ms;
        if self.uncovered {
            let next = self.read_position;
            let call = context.issue(Effect::Commit(Transaction { records: Vec::new(), next }));
            let (decided, batch) = (Decided { next, ..Decided::default() }, context.batch_size());
            self.cycle = Cycle::Committing { call, decided, batch };
        } else if self.wants_write(true) {
            self.issue_write(context);
        } else if self.writing.is_none() {
            let settled = self.settled_sequence();
            let call = context.issue(Effect::Load { ids: Vec::new() });
            self.cycle = Cycle::Comparing { call, settled };
        }
        Ok(())
    }

    fn decide(&mut self, mut plan: Plan, now: Now, context: &mut Context) -> Result<(), Interrupt> {
        // The clock may have been set while the documents were loaded.
        self.compare_clocks(now, context)?;
        plan.judge_claims(&mut self.own, context.partition, &context.settings)?;
        let time = Time {
            now: self.clocks.fact_time(now, context.settings.clock_skew_ms_max),
            decides: self.skew.is_none(),
        };
        let batch = context.batch_size();
        let result =
            decide_plan(plan, &mut self.timers, context.partition, time, batch.facts, &context.settings);
        let (transaction, mut decided) = result?;
        if transaction.records.is_empty() {
            // All timers of the plan were stale: nothing to commit.
            return Ok(());
        }
        if let Some(report) = &mut decided.report {
            report.began = now.wall;
        }
        let number = self.own.sent(std::mem::take(&mut decided.prints));
        self.clocks.sent(number, now);
        let call = context.issue(Effect::Commit(transaction));
        self.cycle = Cycle::Committing { call, decided, batch };
        Ok(())
    }

    fn is_idle(&self, now: Now, context: &Context) -> bool {
        now.elapsed_ms.saturating_sub(self.last_work_ms) >= context.settings.idle_ms
    }

    fn issue_write(&mut self, context: &mut Context) {
        let call = context.next_call();
        let write = self.begin_write(call, context.partition);
        context.issue_as(call, Effect::Write(write));
    }

    pub(super) fn wake_in_ms(&self, now: Now, context: &Context) -> Option<u64> {
        if self.cycle != Cycle::Idle || context.stopping.is_some() {
            return None;
        }
        if !self.wants_work(&context.settings) {
            return None;
        }
        let idle = (self.last_work_ms + context.settings.idle_ms).saturating_sub(now.elapsed_ms);
        let due = self.next_due().map(|due| due.millis_since(now.wall));
        Some(due.map_or(idle, |due| due.min(idle)))
    }
}

/// A failed commit counts as a commit with an unknown outcome.
fn unknown(why: String) -> Interrupt {
    Interrupt::again(InterruptCode::CommitUnknown, why)
}
