//! Which inputs of a partition are answered, and which records can be an owner's, from their order in the log.
//!
//! An owner answers inputs in their order, each once, behind the input. So a record that answers anything but the next
//! unanswered input is not an owner's. Such a record is *foreign*: it counts as an input, and its
//! outcome is a dead letter. Replay and the live state judge by this scan, so both judge alike.

use std::collections::{BTreeSet, VecDeque};

use bytes::Bytes;

use super::basis::{Basis, Indexed, Witness};
use super::settings::Settings;
use crate::ids::Offset;
use crate::port::LogIdentity;

/// A scan of one partition's log, from a checkpoint or from the start.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Scan {
    /// Everything before it is judged.
    to: Offset,
    unanswered: Ranges,
    /// Unanswered records that claim to be an owner's.
    foreign: BTreeSet<Offset>,
    last: Option<Last>,
    /// A signed record of an owner was accepted.
    signed: bool,
}

/// The last record of an owner that was accepted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Last {
    /// Of this scan.
    Read(Offset, Bytes),
    /// Of the checkpoint that the scan began with.
    Kept(Witness),
}

impl Scan {
    /// Continues the scan of a checkpoint at `offset`. Its unanswered inputs have to be read again, from
    /// [`Self::next_unanswered`] on.
    pub(super) fn resume(offset: Offset, basis: Basis) -> Self {
        let last = basis.witness.map(Last::Kept);
        Self { to: offset, unanswered: Ranges::default(), foreign: basis.foreign, last, signed: basis.signed }
    }

    /// Everything before it is judged.
    pub(super) fn to(&self) -> Offset {
        self.to
    }

    pub(super) fn advance(&mut self, to: Offset) {
        self.to = self.to.max(to);
    }

    /// The next input that has no outcome before [`Self::to`]; that position where every input has one.
    pub(super) fn next_unanswered(&self) -> Offset {
        self.first_unanswered().unwrap_or(self.to)
    }

    /// The first input that has no outcome yet.
    pub(super) fn first_unanswered(&self) -> Option<Offset> {
        self.unanswered.first()
    }

    pub(super) fn is_next_unanswered(&self, offset: Offset) -> bool {
        self.first_unanswered() == Some(offset)
    }

    pub(super) fn is_foreign(&self, offset: Offset) -> bool {
        self.foreign.contains(&offset)
    }

    /// An owner's record is not its own where it has no signature (`signed`) and an owner has signed before, unless this
    /// owner has no key to tell.
    pub(super) fn lacks_signature(&self, signed: bool, settings: &Settings) -> bool {
        settings.log_keys.is_some() && self.signed && !signed
    }

    pub(super) fn input(&mut self, offset: Offset) {
        self.unanswered.push(offset);
    }

    pub(super) fn foreign(&mut self, offset: Offset) {
        self.foreign.insert(offset);
        self.unanswered.push(offset);
    }

    /// An owner's record was accepted; `answers`: it answers the next unanswered input.
    pub(super) fn accept(&mut self, offset: Offset, payload: Bytes, answers: bool, signed: bool) {
        if answers && let Some(answered) = self.unanswered.pop() {
            self.foreign.remove(&answered);
        }
        self.last = Some(Last::Read(offset, payload));
        self.signed |= signed;
    }

    /// What a checkpoint at [`Self::to`] is made from.
    pub(super) fn basis(&self, log: &LogIdentity) -> Basis {
        let witness = self.last.as_ref().map(|last| match last {
            Last::Read(offset, payload) => Witness::of(*offset, payload),
            Last::Kept(witness) => witness.clone(),
        });
        Basis {
            log: log.clone(),
            unanswered: self.next_unanswered(),
            foreign: self.foreign.clone(),
            witness,
            signed: self.signed,
            clearing: false,
            indexed: Indexed::All,
        }
    }
}

/// Offsets in their order. A backlog of inputs is a few ranges, however long it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
struct Ranges(VecDeque<(u64, u64)>);

impl Ranges {
    fn first(&self) -> Option<Offset> {
        self.0.front().map(|(start, _)| Offset(*start))
    }

    fn push(&mut self, offset: Offset) {
        match self.0.back_mut() {
            Some((_, end)) if *end == offset.0 => *end += 1,
            _ => self.0.push_back((offset.0, offset.0 + 1)),
        }
    }

    fn pop(&mut self) -> Option<Offset> {
        let (start, end) = self.0.front_mut()?;
        let first = Offset(*start);
        *start += 1;
        if start == end {
            self.0.pop_front();
        }
        Some(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_are_answered_in_their_order() {
        let mut scan = Scan::default();
        for offset in [0, 1, 5] {
            scan.input(Offset(offset));
        }
        scan.foreign(Offset(6));
        scan.advance(Offset(7));
        for offset in [0, 1, 5, 6] {
            assert!(scan.is_next_unanswered(Offset(offset)), "{scan:?}");
            scan.accept(Offset(10 + offset), Bytes::new(), true, false);
        }
        assert_eq!((scan.next_unanswered(), scan.is_foreign(Offset(6))), (Offset(7), false));
    }

    #[test]
    fn a_backlog_takes_the_room_of_its_gaps() {
        let mut ranges = Ranges::default();
        (0..1_000_000).for_each(|offset| ranges.push(Offset(offset + offset / 250_000)));
        assert_eq!(ranges.0.len(), 4);
    }
}
