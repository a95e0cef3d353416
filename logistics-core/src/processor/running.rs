//! The live state, step by step.

use super::batch::{Decided, Plan, Time, decide_plan};
use super::effect::{Effect, Now, Reply, Stamp};
use super::event::ProcessorEvent;
use super::interrupt::{HaltCode, Interrupt, InterruptCode};
use super::live::{Live, Work};
use super::starting::check_written;
use super::{BatchSize, Processor, Stage, check_missing};
use crate::port::{Batch, CommitOutcome, Loaded, PortErrorKind, Transaction};

impl Processor {
    pub(super) fn handle_live(
        &mut self,
        mut live: Box<Live>,
        now: Now,
        stamp: Stamp,
        reply: Reply,
    ) -> Result<(), Interrupt> {
        match reply {
            Reply::Read(read) if live.reading == Some(stamp) => {
                live.reading = None;
                let batch = read.map_err(|kind| Interrupt::of(kind, "reading the log"))?;
                self.take_batch(&mut live, now, batch)?;
            }
            Reply::Loaded(loaded) => self.handle_loaded(&mut live, now, stamp, loaded)?,
            Reply::Committed(committed) => self.handle_committed(&mut live, now, stamp, committed)?,
            Reply::Written(written) => {
                if let Some(writing) = live.writing.take_if(|writing| writing.stamp == stamp) {
                    check_written(written)?;
                    live.settle(writing);
                }
            }
            _ => {}
        }
        self.stage = Stage::Live(live);
        Ok(())
    }

    fn take_batch(&mut self, live: &mut Live, now: Now, batch: Batch) -> Result<(), Interrupt> {
        let last_at = batch.records.last().map(|record| record.at);
        for record in batch.records {
            let input = live.read(record, self.partition, &self.settings, now, &mut self.events)?;
            input.into_iter().for_each(|input| live.take(input));
        }
        live.scan.advance(batch.next);
        live.read_to(batch.next, last_at);
        live.last_work_ms = now.elapsed_ms;
        Ok(())
    }

    fn handle_loaded(
        &mut self,
        live: &mut Live,
        now: Now,
        stamp: Stamp,
        loaded: Result<Loaded, PortErrorKind>,
    ) -> Result<(), Interrupt> {
        let settled_then = match &live.work {
            Work::Loading { stamp: asked, settled, .. } | Work::Comparing { stamp: asked, settled }
                if *asked == stamp =>
            {
                *settled
            }
            _ => return Ok(()),
        };
        let loaded = loaded.map_err(|kind| Interrupt::of(kind, "loading documents"))?;
        if !live.is_own(loaded.token, settled_then) {
            return Err(Interrupt::again(
                InterruptCode::StoreMismatch,
                "the store is not at a write of this owner: wiped, restored, or taken over",
            ));
        }
        check_missing(&loaded.missing, &live.ghosts)?;
        match std::mem::replace(&mut live.work, Work::Idle) {
            Work::Loading { plan, ids, .. } => {
                let plan = live.complete(plan, &ids, loaded);
                let plan = plan.map_err(|why| Interrupt::halt(HaltCode::DocumentUnusable, why))?;
                self.decide(live, plan, now)
            }
            _ => {
                self.failures = 0;
                live.last_work_ms = now.elapsed_ms;
                Ok(())
            }
        }
    }

    fn handle_committed(
        &mut self,
        live: &mut Live,
        now: Now,
        stamp: Stamp,
        committed: Result<CommitOutcome, PortErrorKind>,
    ) -> Result<(), Interrupt> {
        match std::mem::replace(&mut live.work, Work::Idle) {
            Work::Committing { stamp: asked, decided, batch } if asked == stamp => {
                match committed {
                    Ok(CommitOutcome::Committed) => {}
                    Ok(CommitOutcome::Fenced) => {
                        return Err(Interrupt::again(
                            InterruptCode::Fenced,
                            "another owner took the partition over",
                        ));
                    }
                    Ok(CommitOutcome::Unknown) => {
                        return Err(unknown("the outcome of the transaction is unknown".to_owned()));
                    }
                    Err(PortErrorKind::TooLarge) => return Err(self.shrink(batch)),
                    Err(kind) => return Err(unknown(format!("committing: {kind:?}"))),
                }
                self.failures = 0;
                self.grow();
                live.last_work_ms = now.elapsed_ms;
                self.merge(live, decided);
            }
            work => live.work = work,
        }
        Ok(())
    }

    fn batch_size(&self) -> BatchSize {
        self.batch.unwrap_or_else(|| BatchSize::of(&self.settings))
    }

    /// The log did not take a transaction of that size. What was decided is decided again in smaller ones.
    fn shrink(&mut self, batch: BatchSize) -> Interrupt {
        match batch.halved() {
            Some(half) => {
                self.batch = Some(half);
                let why = "the transaction was too large for the log; deciding less at once";
                Interrupt::again(InterruptCode::TransactionTooLarge, why)
            }
            None => Interrupt::halt(
                HaltCode::InputTooLarge,
                "the log does not take the outcome of a single input: raise max.message.bytes of its topics to at least \
                 1048576, then restart this process",
            ),
        }
    }

    fn grow(&mut self) {
        let full = BatchSize::of(&self.settings);
        let larger = self.batch.map(BatchSize::doubled);
        self.batch = larger.filter(|larger| larger.inputs < full.inputs || larger.facts < full.facts);
    }

    fn merge(&mut self, live: &mut Live, mut decided: Decided) {
        self.events.extend(std::mem::take(&mut decided.events));
        live.merge(decided);
    }

    /// Whatever can begin now begins: a read, a store write, and one piece of work.
    pub(super) fn advance_live(&mut self, mut live: Box<Live>, now: Now) -> Result<(), Interrupt> {
        self.compare_clocks(&mut live, now)?;
        if let Some(stopping) = self.stopping {
            let committing = matches!(live.work, Work::Committing { .. });
            if !committing {
                // What was being loaded or compared was not begun; what was read is read again by the next owner.
                live.work = Work::Idle;
                live.inbox.clear();
                let unsettled = live.writing.is_some() || live.wants_write(true);
                if !stopping.flush || !unsettled {
                    self.drop_partition();
                    return Ok(());
                }
            }
        } else {
            if live.reading.is_none() && live.wants_inputs(&self.settings) {
                let (from, limit) = (live.read_position, live.read_limit(&self.settings));
                live.reading = Some(self.issue(Effect::Read { from, limit }));
            }
            if live.wants_work(&self.settings) {
                self.begin_work(&mut live, now)?;
            }
        }
        if live.wants_write(self.stopping.is_some()) {
            self.begin_write(&mut live);
        }
        self.stage = Stage::Live(live);
        Ok(())
    }

    /// # Errors
    /// An interrupt, where the clocks have to be compared anew.
    fn compare_clocks(&mut self, live: &mut Live, now: Now) -> Result<(), Interrupt> {
        if live.clocks.has_stepped(now, self.settings.clock_skew_ms_max) {
            return Err(Interrupt::again(
                InterruptCode::ClockStepped,
                "the clock of this process was set, or the machine was suspended",
            ));
        }
        let skew = live.clocks.skew(now, self.settings.clock_skew_ms_max);
        match (live.skew, skew) {
            (None, Some(skew)) => self.events.push_back(ProcessorEvent::ClockSkew(skew)),
            (Some(_), None) => self.events.push_back(ProcessorEvent::ClocksAgree),
            _ => {}
        }
        live.skew = skew;
        Ok(())
    }

    fn begin_work(&mut self, live: &mut Live, now: Now) -> Result<(), Interrupt> {
        if let Some((plan, ids)) = live.plan(now.wall, self.batch_size()) {
            live.last_work_ms = now.elapsed_ms;
            if ids.is_empty() {
                return self.decide(live, plan, now);
            }
            let settled = live.settled_sequence();
            let stamp = self.issue(Effect::Load { ids: ids.clone() });
            live.work = Work::Loading { stamp, settled, plan, ids };
            return Ok(());
        }
        if !self.is_idle(live, now) {
            return Ok(());
        }
        live.last_work_ms = now.elapsed_ms;
        if live.uncovered {
            let next = live.read_position;
            let stamp = self.issue(Effect::Commit(Transaction { records: Vec::new(), next }));
            let (decided, batch) = (Decided { next, ..Decided::default() }, self.batch_size());
            live.work = Work::Committing { stamp, decided, batch };
        } else if live.wants_write(true) {
            self.begin_write(live);
        } else if live.writing.is_none() {
            let settled = live.settled_sequence();
            let stamp = self.issue(Effect::Load { ids: Vec::new() });
            live.work = Work::Comparing { stamp, settled };
        }
        Ok(())
    }

    fn decide(&mut self, live: &mut Live, mut plan: Plan, now: Now) -> Result<(), Interrupt> {
        // The clock may have been set while the documents were loaded.
        self.compare_clocks(live, now)?;
        plan.judge_claims(&mut live.own, self.partition, &self.settings)?;
        let time = Time {
            now: live.clocks.fact_time(now, self.settings.clock_skew_ms_max),
            decides: live.skew.is_none(),
        };
        let batch = self.batch_size();
        let result = decide_plan(plan, &mut live.timers, self.partition, time, batch.facts, &self.settings);
        let (transaction, mut decided) = result?;
        if transaction.records.is_empty() {
            // All timers of the plan were out of date: nothing to commit.
            return Ok(());
        }
        let number = live.own.sent(std::mem::take(&mut decided.prints));
        live.clocks.sent(number, now);
        let stamp = self.issue(Effect::Commit(transaction));
        live.work = Work::Committing { stamp, decided, batch };
        Ok(())
    }

    fn is_idle(&self, live: &Live, now: Now) -> bool {
        now.elapsed_ms.saturating_sub(live.last_work_ms) >= self.settings.idle_ms
    }

    fn begin_write(&mut self, live: &mut Live) {
        let stamp = self.next_stamp();
        let write = live.begin_write(stamp, self.partition);
        self.outbox.push_back((stamp, Effect::Write(write)));
    }

    pub(super) fn wake_live_in_ms(&self, live: &Live, now: Now) -> Option<u64> {
        if live.work != Work::Idle || self.stopping.is_some() {
            return None;
        }
        if !live.wants_work(&self.settings) {
            return None;
        }
        let idle = (live.last_work_ms + self.settings.idle_ms).saturating_sub(now.elapsed_ms);
        let due = live.next_due().map(|due| due.millis_since(now.wall));
        Some(due.map_or(idle, |due| due.min(idle)))
    }
}

/// A failed commit is the same as one with an unknown outcome.
fn unknown(why: String) -> Interrupt {
    Interrupt::again(InterruptCode::CommitUnknown, why)
}
