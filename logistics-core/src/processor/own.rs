//! The records that this owner wrote and has not read back.
//!
//! An owner reads back every record that it commits. A record that is neither an input nor the next of its own records was
//! written by something else. Only fingerprints are kept, because in a long backlog an owner commits far ahead of what it
//! has read.

use std::collections::VecDeque;

use xxhash_rust::xxh3::xxh3_64;

use crate::ids::{OrderId, Version};

/// Records whose fingerprints are kept; 24 bytes each. Records beyond that are only counted.
const FINGERPRINTS_MAX: usize = 256 * 1024;

/// A record that this owner wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Print {
    payload: u64,
    /// Of a fact: its order.
    order: Option<u32>,
    /// It answers an input.
    answers: bool,
}

impl Print {
    pub(super) fn of_fact(payload: &[u8], order_id: &OrderId, answers: bool) -> Self {
        Self { payload: xxh3_64(payload), order: Some(order_print(order_id)), answers }
    }

    pub(super) fn of_outcome(payload: &[u8]) -> Self {
        Self { payload: xxh3_64(payload), order: None, answers: true }
    }
}

#[allow(clippy::cast_possible_truncation)]
fn order_print(order_id: &OrderId) -> u32 {
    xxh3_64(order_id.as_str().as_bytes()) as u32
}

/// A record of this owner that was read back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct ReadBack {
    /// Its number among the records of this owner.
    pub(super) number: u64,
    /// It answers an input.
    pub(super) answers: bool,
    /// Its transaction is known to be committed.
    pub(super) committed: bool,
}

/// The records of this owner that it has not read back, in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct OwnRecords {
    prints: VecDeque<Print>,
    /// The number, among all records of this owner, of the first of `prints`.
    first: u64,
    /// The number of the next record to be read back.
    next: u64,
    /// Records behind `prints` of which only the number is known.
    unprinted: u64,
    /// The number of the first record whose transaction is not known to be committed.
    uncommitted: u64,
    /// Facts under judgement: while there are any, prints stay after they are read back.
    claims: usize,
}

impl OwnRecords {
    /// A transaction with these records is sent. Answers the number of the first.
    pub(super) fn sent(&mut self, prints: Vec<Print>) -> u64 {
        let number = self.first + self.prints.len() as u64 + self.unprinted;
        if self.unprinted > 0 || self.prints.len() + prints.len() > FINGERPRINTS_MAX {
            self.unprinted += prints.len() as u64;
        } else {
            self.prints.extend(prints);
        }
        number
    }

    /// Everything that was sent is committed.
    pub(super) fn committed(&mut self) {
        self.uncommitted = self.first + self.prints.len() as u64 + self.unprinted;
    }

    /// Reads a record back, if it is the next one of this owner.
    pub(super) fn read_back(&mut self, payload: &[u8]) -> Option<ReadBack> {
        let print = *self.prints.get(self.index())?;
        (print.payload == xxh3_64(payload)).then(|| self.step(print.answers))
    }

    /// No fingerprint is kept of the next record of this owner, so that only its place can tell whether it is one.
    pub(super) fn is_unprinted(&self) -> bool {
        self.unprinted > 0 && self.index() == self.prints.len()
    }

    /// Reads the next record back, of which no fingerprint is kept.
    pub(super) fn read_back_unprinted(&mut self, answers: bool) -> ReadBack {
        // What is before it has been read back.
        self.first += self.prints.len() as u64 + 1;
        self.prints.clear();
        self.unprinted -= 1;
        self.number_next(answers)
    }

    /// A fact goes under judgement. Answers the number of the next record to be read back: those from it on lie behind
    /// the fact.
    pub(super) fn claim(&mut self) -> u64 {
        self.claims += 1;
        self.next
    }

    /// The version that an order had in the log before a fact under judgement, given its version now.
    pub(super) fn version_at(&self, order_id: &OrderId, now: Version, number: u64) -> Version {
        let order = order_print(order_id);
        let behind = usize::try_from(number.saturating_sub(self.first)).unwrap_or(usize::MAX);
        let later = self.prints.iter().skip(behind).filter(|print| print.order == Some(order)).count();
        Version(now.0.saturating_sub(later as u64))
    }

    /// The judgement is made.
    pub(super) fn end_claim(&mut self) {
        self.claims = self.claims.saturating_sub(1);
        self.forget();
    }

    fn index(&self) -> usize {
        usize::try_from(self.next - self.first).unwrap_or(usize::MAX)
    }

    fn step(&mut self, answers: bool) -> ReadBack {
        let read_back = self.number_next(answers);
        self.forget();
        read_back
    }

    fn number_next(&mut self, answers: bool) -> ReadBack {
        let number = self.next;
        self.next += 1;
        ReadBack { number, answers, committed: number < self.uncommitted }
    }

    fn forget(&mut self) {
        if self.claims == 0 {
            let read_back = self.index().min(self.prints.len());
            self.prints.drain(..read_back);
            self.first += read_back as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(name: &str) -> OrderId {
        OrderId::parse(name).expect("an order id")
    }

    #[test]
    fn records_are_read_back_in_their_order() {
        let mut own = OwnRecords::default();
        own.sent(vec![Print::of_outcome(b"a"), Print::of_fact(b"b", &order("o"), false)]);
        assert_eq!(own.read_back(b"b"), None);
        assert_eq!(own.read_back(b"a"), Some(ReadBack { number: 0, answers: true, committed: false }));
        own.committed();
        assert_eq!(own.read_back(b"a"), None);
        assert_eq!(own.read_back(b"b"), Some(ReadBack { number: 1, answers: false, committed: true }));
        assert_eq!(own.read_back(b"b"), None);
        assert!(own.prints.is_empty());
    }

    #[test]
    fn a_version_is_that_before_the_facts_that_lie_behind() {
        let mut own = OwnRecords::default();
        let fact = |payload: &[u8]| Print::of_fact(payload, &order("o"), false);
        own.sent(vec![fact(b"1"), fact(b"2")]);
        own.committed();
        assert!(own.read_back(b"1").is_some());
        let number = own.claim();
        assert!(own.read_back(b"2").is_some());
        own.sent(vec![fact(b"3"), Print::of_fact(b"x", &order("other"), false)]);
        assert_eq!(own.version_at(&order("o"), Version(9), number), Version(7));
        own.end_claim();
        assert_eq!(own.version_at(&order("o"), Version(9), number), Version(8));
    }

    #[test]
    fn beyond_the_limit_only_the_number_is_known() {
        let mut own = OwnRecords::default();
        own.sent(vec![Print::of_outcome(b"a"); FINGERPRINTS_MAX]);
        own.sent(vec![Print::of_outcome(b"b"); 2]);
        own.committed();
        for _ in 0..FINGERPRINTS_MAX {
            assert!(!own.is_unprinted());
            assert!(own.read_back(b"a").is_some());
        }
        for _ in 0..2 {
            assert!(own.is_unprinted());
            assert!(own.read_back_unprinted(true).committed);
        }
        own.sent(vec![Print::of_outcome(b"c")]);
        assert!(!own.is_unprinted());
        assert!(own.read_back(b"c").is_some());
    }
}
