//! Faults, all from one seed.

use crate::broker::CommitFate;
use crate::rng::Rng;
use logistics_core::port::{PortError, PortErrorKind};

/// The rate of each fault, in permille of the calls that it can affect, and the seed that decides when.
///
/// The same seed and the same order of calls give the same faults. On one thread, the seed alone repeats a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Faults {
    /// The seed of all faults.
    pub seed: u64,
    /// A call is slow: other futures go first, up to [`SLOW_YIELDS_MAX`] times. In a slow commit, also between its steps.
    pub slow: u16,
    /// A call fails as `Unavailable` and has had no effect.
    pub unavailable_before: u16,
    /// A call fails as `Unavailable` and has had its effect.
    pub unavailable_after: u16,
    /// A commit returns `Unknown` or `Unavailable`. It is committed, is not, or the next acquisition decides.
    pub commit_unknown: u16,
    /// Before a commit, another worker initialises the transactional id.
    pub fenced: u16,
    /// Before a commit, the member's session expires, and its partitions move to other members, if any.
    pub session_expired: u16,
    /// Before a commit, the group's committed offsets are deleted.
    pub offsets_expired: u16,
    /// A store write fails as `Unavailable`, and is applied later or never.
    pub store_held_back: u16,
    /// Before a call, the store loses everything.
    pub store_wiped: u16,
    /// Before a call, the store goes back to an earlier state.
    pub store_restored: u16,
}

/// Maximum number of times that a slow call lets others go first.
pub const SLOW_YIELDS_MAX: u64 = 4;

impl Faults {
    /// No faults at all.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Every fault, at low rates.
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

/// Draws faults. Replacing the faults does not reset the generator.
#[derive(Debug)]
pub(super) struct Dice {
    pub(super) faults: Faults,
    rng: Rng,
}

impl Dice {
    /// `stream` gives the bus and the store of one seed different numbers.
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

    /// Fails if the dice decide so.
    pub(super) fn check(&mut self, fault: fn(&Faults) -> u16, doing: &str) -> Result<(), PortError> {
        if self.strikes(fault) { Err(unavailable(doing)) } else { Ok(()) }
    }
}

pub(super) fn unavailable(doing: &str) -> PortError {
    PortError::new(PortErrorKind::Unavailable, format!("an injected fault: could not {doing}"))
}
