//! How a live owner classifies each record: its own, which it reads back, or an input.

use std::collections::VecDeque;

use super::batch::second_writer;
use super::effect::Now;
use super::event::ProcessorEvent;
use super::input::{
    Input, InputKind, Read, Reading, UNSIGNED, dead_as_foreign, foreign, of_request, read_record,
};
use super::interrupt::{HaltCode, Interrupt};
use super::live::Live;
use super::own::ReadBack;
use super::replay::out_of_order;
use super::settings::Settings;
use crate::ids::{Offset, Partition};
use crate::port::LogRecord;
use crate::wire;

impl Live {
    /// The input that a record is, if it is one.
    ///
    /// # Errors
    /// A halt at a newer release's record; an interrupt when there may be a second writer.
    pub(super) fn read(
        &mut self,
        record: LogRecord,
        partition: Partition,
        settings: &Settings,
        now: Now,
        events: &mut VecDeque<ProcessorEvent>,
    ) -> Result<Option<Input>, Interrupt> {
        let (offset, at) = (record.offset, record.at);
        self.clocks.read(at, now, settings.clock_skew_ms_max);
        if offset < self.scan.to() {
            return Ok(self.read_again(record, partition, settings));
        }
        if wire::is_surely_from_processor(&record.payload)
            && let Some(own) = self.own.read_back(&record.payload)
        {
            self.clocks.read_back(own.number, at, now);
            self.take_own(&record, own, settings);
            return Ok(None);
        }
        let Read { reading, signed } = read_record(&record, partition, settings.log_keys.as_ref());
        let unsigned = self.scan.lacks_signature(signed, settings);
        let is_input = matches!(reading, Reading::Input(_) | Reading::Dead(..));
        let kind = match reading {
            Reading::Input(request) => of_request(record, request, partition, settings),
            Reading::Dead(code, reason) => InputKind::Dead { record, code, reason },
            Reading::Foreign(reason) => dead_as_foreign(record, foreign(&reason)),
            Reading::Outcome(_) | Reading::Fact(_) | Reading::Newer(_) if unsigned => {
                dead_as_foreign(record, UNSIGNED.to_owned())
            }
            Reading::Newer(reason) => return Err(Interrupt::halt(HaltCode::NewerRelease, reason)),
            Reading::Outcome(outcome) => match self.claim_outcome(&record, outcome.offset, settings) {
                Claim::Own => return Ok(None),
                Claim::Plausible => return Err(Interrupt::SecondWriter(second_writer(partition, offset))),
                Claim::Foreign(reason) => dead_as_foreign(record, reason),
            },
            Reading::Fact(fact) => match self.claim_fact(&record, fact.cause.answers(), settings) {
                Claim::Own => return Ok(None),
                // The claim is judged with the order's state, which is loaded first.
                Claim::Plausible => InputKind::Claimed { record, fact, number: self.own.claim() },
                Claim::Foreign(reason) => dead_as_foreign(record, reason),
            },
        };
        if is_input {
            self.scan.input(offset);
        } else {
            self.scan.foreign(offset);
        }
        if let (false, InputKind::Dead { reason, .. }) = (is_input, &kind) {
            events.push_back(ProcessorEvent::Foreign { offset, reason: reason.clone() });
        }
        Ok(Some(Input { offset, at, kind }))
    }

    /// The same for a record that the replay has judged.
    fn read_again(&self, record: LogRecord, partition: Partition, settings: &Settings) -> Option<Input> {
        let (offset, at) = (record.offset, record.at);
        let kind = if self.scan.is_foreign(offset) {
            dead_as_foreign(record, foreign("the replay rejected it"))
        } else {
            match read_record(&record, partition, None).reading {
                Reading::Input(request) => of_request(record, request, partition, settings),
                Reading::Dead(code, reason) => InputKind::Dead { record, code, reason },
                _ => return None,
            }
        };
        Some(Input { offset, at, kind })
    }

    fn claim_outcome(&mut self, record: &LogRecord, answers: Offset, settings: &Settings) -> Claim {
        match self.scan.is_next_unanswered(answers) {
            false => Claim::Foreign(foreign(&out_of_order(answers))),
            true => self.claim(record, true, settings),
        }
    }

    fn claim_fact(&mut self, record: &LogRecord, answers: Option<Offset>, settings: &Settings) -> Claim {
        match answers {
            Some(answers) => self.claim_outcome(record, answers, settings),
            None => self.claim(record, false, settings),
        }
    }

    /// Far behind its own transactions, an owner knows only how many records of its own are to come.
    fn claim(&mut self, record: &LogRecord, answers: bool, settings: &Settings) -> Claim {
        if !self.own.is_unprinted() {
            return Claim::Plausible;
        }
        let own = self.own.read_back_unprinted(answers);
        self.take_own(record, own, settings);
        Claim::Own
    }

    fn take_own(&mut self, record: &LogRecord, own: ReadBack, settings: &Settings) {
        if !own.committed {
            self.hold_back(record.offset);
        }
        let signed = settings.log_keys.is_some();
        self.scan.accept(record.offset, record.payload.clone(), own.answers, signed);
    }
}

/// The classification of a record that claims to be an owner's.
enum Claim {
    /// It is this owner's own.
    Own,
    /// An owner could have written it, but not this one.
    Plausible,
    /// No owner wrote it.
    Foreign(String),
}
