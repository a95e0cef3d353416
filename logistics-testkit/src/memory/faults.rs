//! Faults, all from one seed.

use crate::broker::CommitFate;
use crate::rng::Rng;
use logistics_core::port::{PortError, PortErrorKind};

/// How often what goes wrong, in permille of the calls that it can happen to, and the seed that decides when.
///
/// The same seed and the same order of calls, the same faults. A run on one thread is repeated by its seed alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Faults {
    /// What everything is drawn from.
    pub seed: u64,
    /// A call takes its time: other futures go first, up to [`SLOW_YIELDS_MAX`] times. A slow commit lets them in between
    /// its steps too.
    pub slow: u16,
    /// A call fails as `Unavailable` and has had no effect.
    pub unavailable_before: u16,
    /// A call fails as `Unavailable` and has had its effect.
    pub unavailable_after: u16,
    /// A commit is answered by `Unknown` or `Unavailable`; it happened, did not happen, or the next acquisition decides.
    pub commit_unknown: u16,
    /// Before a commit, another initialises the worker's transactional id.
    pub fenced: u16,
    /// Before a commit, the member's session expires, and its partitions go to others if there are any.
    pub session_expired: u16,
    /// Before a commit, the group's committed offsets are deleted.
    pub offsets_expired: u16,
    /// A store write fails as `Unavailable`, and is written at some later time or never.
    pub store_held_back: u16,
    /// Before a call, the store loses everything.
    pub store_wiped: u16,
    /// Before a call, the store goes back to an earlier state.
    pub store_restored: u16,
}

/// Times that a slow call lets others go first, at most.
pub const SLOW_YIELDS_MAX: u64 = 4;

impl Faults {
    /// No faults at all.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// A bit of everything.
    #[must_use]
    pub fn all(seed: u64) -> Self {
        Self {
            seed,
            slow: 200,
            unavailable_before: 20,
            unavailable_after: 20,
            commit_unknown: 40,
            fenced: 10,
            session_expired: 5,
            offsets_expired: 10,
            store_held_back: 20,
            store_wiped: 2,
            store_restored: 4,
        }
    }
}

/// Draws faults. The generator goes on where it was when faults are switched, so that a switch repeats nothing.
#[derive(Debug)]
pub(super) struct Dice {
    pub(super) faults: Faults,
    rng: Rng,
}

impl Dice {
    /// `stream` keeps the bus and the store of one seed from drawing the same.
    pub(super) fn new(faults: Faults, stream: u64) -> Self {
        let seed = Rng::new(faults.seed ^ stream).next_u64();
        Self { faults, rng: Rng::new(seed) }
    }

    pub(super) fn strikes(&mut self, fault: fn(&Faults) -> u16) -> bool {
        let permille = fault(&self.faults);
        permille > 0 && self.rng.chance(permille)
    }

    pub(super) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.rng.below(bound as u64)).unwrap_or(0)
    }

    pub(super) fn yields(&mut self) -> u64 {
        if self.strikes(|faults| faults.slow) { 1 + self.rng.below(SLOW_YIELDS_MAX) } else { 0 }
    }

    pub(super) fn commit_fate(&mut self) -> CommitFate {
        let lost = &CommitFate::ALL[1..];
        if self.strikes(|faults| faults.commit_unknown) {
            lost[self.below(lost.len())]
        } else {
            CommitFate::Answered
        }
    }

    /// Fails where the dice say so.
    pub(super) fn check(&mut self, fault: fn(&Faults) -> u16, doing: &str) -> Result<(), PortError> {
        if self.strikes(fault) { Err(unavailable(doing)) } else { Ok(()) }
    }
}

pub(super) fn unavailable(doing: &str) -> PortError {
    PortError::new(PortErrorKind::Unavailable, format!("an injected fault: could not {doing}"))
}
